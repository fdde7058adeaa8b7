"""What every LeaderLock promises."""

from scheduler.ports import LockView

LONG = 60.0
SHORT = 0.05


def test_the_first_to_acquire_holds_the_gate_and_the_second_does_not(redis):
    assert redis.lock.acquire("a", LONG)
    assert not redis.lock.acquire("b", LONG)
    assert redis.lock.view() == LockView("a", 0, 0)


def test_the_holder_may_acquire_again_and_keeps_its_epoch(redis):
    redis.lock.replace("a", 7, LONG)
    assert redis.lock.acquire("a", LONG)
    assert redis.lock.view().epoch == 7


def test_acquiring_again_begins_the_time_to_live_anew(redis):
    redis.lock.acquire("a", SHORT)
    redis.lock.acquire("a", LONG)
    for _ in range(10):
        redis.pass_moment()
    assert redis.lock.view().holder == "a"


def test_a_gate_that_is_not_renewed_opens_by_itself(redis):
    redis.lock.acquire("a", SHORT)
    redis.eventually(lambda: redis.lock.acquire("b", LONG))
    assert redis.lock.view().holder == "b"


def test_the_winner_of_a_bump_replaces_the_holder_of_an_older_epoch(redis):
    redis.lock.replace("old", 41, LONG)
    assert redis.lock.replace("new", 42, LONG)
    assert redis.lock.view() == LockView("new", 42, 0)


def test_the_winner_of_a_bump_replaces_one_who_only_passed_the_gate(redis):
    redis.lock.acquire("slow", LONG)
    assert redis.lock.replace("new", 1, LONG)
    assert redis.lock.view().holder == "new"


def test_a_deposed_leader_cannot_replace_its_successor(redis):
    redis.lock.replace("new", 42, LONG)
    assert not redis.lock.replace("old", 41, LONG)
    assert redis.lock.view() == LockView("new", 42, 0)


def test_nobody_replaces_another_holder_of_the_same_epoch(redis):
    redis.lock.replace("a", 42, LONG)
    assert not redis.lock.replace("b", 42, LONG)


def test_replacing_twice_is_as_good_as_once(redis):
    redis.lock.replace("a", 42, LONG)
    redis.lock.renew("a", 42, LONG)
    assert redis.lock.replace("a", 42, LONG)
    assert redis.lock.view() == LockView("a", 42, 1)


def test_each_renewal_is_a_beat(redis):
    redis.lock.replace("a", 42, LONG)
    beats = []
    for _ in range(3):
        assert redis.lock.renew("a", 42, LONG)
        beats.append(redis.lock.view().beats)
    assert beats == [1, 2, 3]


def test_renewing_prolongs_the_time_to_live(redis):
    redis.lock.replace("a", 42, SHORT)
    redis.lock.renew("a", 42, LONG)
    for _ in range(10):
        redis.pass_moment()
    assert redis.lock.view().holder == "a"


def test_renewing_after_the_gate_writes_the_epoch_won(redis):
    redis.lock.acquire("a", LONG)
    assert redis.lock.renew("a", 42, LONG)
    assert redis.lock.view().epoch == 42


def test_a_deposed_leader_cannot_renew(redis):
    redis.lock.replace("old", 41, LONG)
    redis.lock.replace("new", 42, LONG)
    assert not redis.lock.renew("old", 41, LONG)
    assert redis.lock.view().holder == "new"


def test_a_leader_sets_its_lock_again_when_redis_came_back_empty(redis):
    redis.lock.replace("a", 42, LONG)
    redis.wipe()
    assert redis.lock.renew("a", 42, LONG)
    assert redis.lock.view() == LockView("a", 42, 1)


def test_a_leader_takes_the_lock_back_from_a_deposed_one_that_was_first_after_a_wipe(redis):
    redis.lock.replace("new", 42, LONG)
    redis.wipe()
    redis.lock.renew("old", 41, LONG)
    assert not redis.lock.renew("new", 42, LONG)
    assert redis.lock.replace("new", 42, LONG)


def test_the_holder_releases(redis):
    redis.lock.replace("a", 42, LONG)
    redis.lock.release("a")
    assert redis.lock.view() == LockView(None, 0, 0)
    assert redis.lock.acquire("b", LONG)


def test_nobody_releases_the_lock_of_another(redis):
    redis.lock.replace("a", 42, LONG)
    redis.lock.release("b")
    assert redis.lock.view().holder == "a"


def test_releasing_a_free_lock_does_nothing(redis):
    redis.lock.release("a")
    assert redis.lock.view() == LockView(None, 0, 0)


def test_the_mirrored_epoch_never_falls(redis):
    assert redis.lock.mirrored_epoch() == 0
    redis.lock.mirror_epoch(42)
    redis.lock.mirror_epoch(41)
    assert redis.lock.mirrored_epoch() == 42


def test_the_mirrored_epoch_outlives_the_lock(redis):
    redis.lock.mirror_epoch(42)
    redis.lock.replace("a", 42, LONG)
    redis.lock.release("a")
    assert redis.lock.mirrored_epoch() == 42


def test_a_wiped_redis_mirrors_nothing(redis):
    redis.lock.mirror_epoch(42)
    redis.wipe()
    assert redis.lock.mirrored_epoch() == 0


def test_worker_ids_of_any_characters_are_kept_whole(redis):
    worker_id = 'w-"7"\\ 日本'
    redis.lock.replace(worker_id, 42, LONG)
    assert redis.lock.renew(worker_id, 42, LONG)
    assert redis.lock.view().holder == worker_id
