"""What every Bell promises."""


def test_a_ring_reaches_who_listens_to_its_topic(redis):
    heard: list[str] = []
    listening = redis.bell.listen(["leader", "worker:w-1"], heard.append)
    redis.eventually(lambda: sorted(heard) == ["leader", "worker:w-1"])
    heard.clear()
    redis.bell.ring("worker:w-1")
    redis.eventually(lambda: heard == ["worker:w-1"])
    listening.close()


def test_a_listener_begins_with_a_ring_of_each_topic_because_it_may_have_missed_one(redis):
    redis.bell.ring("leader")
    heard: list[str] = []
    listening = redis.bell.listen(["leader"], heard.append)
    redis.eventually(lambda: heard == ["leader"])
    listening.close()


def test_a_ring_of_another_topic_is_not_heard(redis):
    heard: list[str] = []
    listening = redis.bell.listen(["election"], heard.append)
    redis.eventually(lambda: heard == ["election"])
    redis.bell.ring("leader")
    redis.bell.ring("election")
    redis.eventually(lambda: len(heard) > 1)
    assert heard == ["election", "election"]
    listening.close()


def test_each_listener_hears_the_ring(redis):
    first: list[str] = []
    second: list[str] = []
    listenings = [redis.bell.listen(["leader"], heard.append) for heard in (first, second)]
    redis.eventually(lambda: bool(first) and bool(second))
    redis.bell.ring("leader")
    redis.eventually(lambda: len(first) == len(second) == 2)
    for listening in listenings:
        listening.close()


def test_nothing_is_heard_after_closing(redis):
    heard: list[str] = []
    listening = redis.bell.listen(["leader"], heard.append)
    redis.eventually(lambda: heard == ["leader"])
    listening.close()
    other: list[str] = []
    witness = redis.bell.listen(["leader"], other.append)
    redis.eventually(lambda: other == ["leader"])
    redis.bell.ring("leader")
    redis.eventually(lambda: len(other) == 2)
    assert heard == ["leader"]
    witness.close()


def test_a_ring_that_nobody_hears_was_rung_all_the_same(redis):
    assert redis.bell.ring("leader")
