"""The tables, on both databases: what is done once however often it is tried."""

from datetime import timedelta
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from scheduler_notify import store
from scheduler_notify.grouping import PlannedNotice
from scheduler_notify.messages import Form, Severity
from scheduler_notify.models import (
    NotifyDelivery,
    NotifyFailingJob,
    NotifyMessage,
    NotifyNotice,
)
from scheduler_notify.routes import DEFAULT_ROUTES
from tests.plugins.notify.builders import NOON, message

LEASE = timedelta(minutes=5)
LATER = NOON + timedelta(minutes=6)

pytestmark = pytest.mark.usefixtures("database")


def route_all(*channels):
    """Route all that came to these channels, as the router does."""
    with transaction.atomic():
        for key, one in store.lock_unrouted(1000).items():
            store.routed(key, one, dict.fromkeys(channels, DEFAULT_ROUTES[0]), NOON)


def formed(count=1, channel="slack"):
    """A notice of so many messages."""
    store.keep([message() for _ in range(count)])
    route_all(channel)
    members = tuple(one.delivery_id for one in store.waiting(channel, "default"))
    assert store.form(channel, "default", PlannedNotice(members, Form.GROUP), NOON)


def side_by_side(*works):
    """Each in a thread of its own, begun together; what each returned."""
    barrier, found = Barrier(len(works)), {}

    def carry_out(number, work):
        barrier.wait()
        try:
            found[number] = work()
        finally:
            connection.close()

    threads = [Thread(target=carry_out, args=pair) for pair in enumerate(works)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return [found[number] for number in range(len(works))]


def test_a_message_that_comes_again_is_the_same():
    one = message()
    store.keep([one])
    store.keep([one, message(), one])
    assert NotifyMessage.objects.count() == 2
    store.keep([])


def test_a_message_comes_back_as_it_was_kept():
    one = message(facts={"a": "障害", "n": 3, "none": None})
    store.keep([one])
    with transaction.atomic():
        (found,) = store.lock_unrouted(10).values()
    assert found == one


def test_a_message_goes_to_each_channel_once():
    store.keep([message()])
    route_all("slack", "mail")
    NotifyMessage.objects.update(routed_at=None)
    route_all("slack", "mail")
    assert NotifyDelivery.objects.count() == 2


def test_a_delivery_is_in_one_notice_only():
    store.keep([message(), message()])
    route_all("slack")
    first, second = (one.delivery_id for one in store.waiting("slack", "default"))
    assert store.form("slack", "default", PlannedNotice((first,), Form.SINGLE), NOON)
    both = PlannedNotice((first, second), Form.GROUP)
    assert not store.form("slack", "default", both, NOON)
    assert NotifyNotice.objects.count() == 1
    assert [one.delivery_id for one in store.waiting("slack", "default")] == [second]


def test_a_notice_is_taken_by_one_sender_until_its_lease_is_over():
    formed(2)
    first = store.claim("slack", NOON, LEASE)
    assert first is not None
    assert len(first.messages) == 2
    assert store.claim("slack", NOON, LEASE) is None
    again = store.claim("slack", LATER, LEASE)
    assert again is not None
    assert (again.notice_id, again.attempts) == (first.notice_id, 2)


def test_senders_of_two_leaders_never_take_the_same_notice():
    for _ in range(6):
        formed()

    def take():
        taken = []
        while one := store.claim("slack", NOON, LEASE):
            taken.append(one.notice_id)
        return taken

    taken = [one for found in side_by_side(take, take) for one in found]
    assert len(taken) == len(set(taken)) == 6


def test_routers_of_two_leaders_form_each_notice_once():
    store.keep([message() for _ in range(4)])
    route_all("slack")
    members = tuple(one.delivery_id for one in store.waiting("slack", "default"))
    plan = PlannedNotice(members, Form.GROUP)
    answers = side_by_side(*[lambda: store.form("slack", "default", plan, NOON)] * 2)
    assert sorted(answers) == [False, True]
    assert NotifyNotice.objects.count() == 1


def test_what_a_sender_says_after_its_lease_counts_no_more():
    formed()
    late = store.claim("slack", NOON, LEASE)
    other = store.claim("slack", LATER, LEASE)
    assert late is not None
    assert other is not None
    assert not store.not_sent(late, "too late", LATER)
    assert store.sent(other, LATER)
    assert NotifyNotice.objects.get().state == "sent"


def test_a_notice_that_failed_waits_and_one_that_was_given_up_is_queued_again():
    formed()
    first = store.claim("slack", NOON, LEASE)
    assert first is not None
    assert store.not_sent(first, "no", NOON + timedelta(seconds=5))
    assert store.claim("slack", NOON, LEASE) is None
    second = store.claim("slack", NOON + timedelta(seconds=5), LEASE)
    assert second is not None
    assert store.given_up(second, "no", NOON)
    assert store.claim("slack", LATER, LEASE) is None
    assert store.requeue_dead(LATER, "mail") == 0
    assert store.requeue_dead(LATER) == 1
    third = store.claim("slack", LATER, LEASE)
    assert third is not None
    assert (third.attempts, third.queued_at) == (1, LATER)


def test_only_a_failure_for_good_makes_a_job_a_failing_one():
    store.keep([message(severity=Severity.INFO), message(definition_id=2)])
    route_all()
    (job,) = store.failing_jobs(0, 10)
    assert (job.definition_id, job.failures) == (2, 1)


def test_failures_are_counted_from_the_first():
    store.keep([message(), message(happened_at=LATER, run_id=UUID(int=9))])
    route_all()
    (job,) = store.failing_jobs(0, 10)
    assert (job.since, job.failures, job.last_run_id) == (NOON, 2, UUID(int=9))


def test_an_older_failure_that_comes_late_is_not_the_last_one():
    store.keep([message(happened_at=LATER, run_id=UUID(int=9))])
    route_all()
    store.keep([message()])
    route_all()
    (job,) = store.failing_jobs(0, 10)
    assert (job.failures, job.last_run_id, job.last_failed_at) == (2, UUID(int=9), LATER)


def test_a_failing_job_knows_all_who_heard_of_it():
    for channels in (("slack",), (), ("mail",)):
        store.keep([message()])
        route_all(*channels)
    (job,) = store.failing_jobs(0, 10)
    assert job.heard == {"slack": "default", "mail": "default"}


def test_a_recovery_is_told_once_and_not_when_the_job_failed_anew():
    store.keep([message()])
    route_all()
    (job,) = store.failing_jobs(0, 10)
    NotifyFailingJob.objects.update(last_run_id=uuid4())
    assert not store.recover(job, message(dedupe_key="recovered"), {}, NOON)
    assert not NotifyMessage.objects.filter(dedupe_key="recovered").exists()
    (job,) = store.failing_jobs(0, 10)
    assert store.recover(job, message(dedupe_key="recovered"), {}, NOON)
    assert not store.recover(job, message(dedupe_key="again"), {}, NOON)
    assert NotifyMessage.objects.filter(dedupe_key="recovered").exists()
    assert not NotifyMessage.objects.filter(dedupe_key="again").exists()


def test_what_is_settled_is_forgotten_in_time_and_what_is_not_is_kept():
    formed()
    store.keep([message(dedupe_key="unrouted")])
    beyond = NotifyMessage.objects.latest("created_at").created_at + timedelta(days=1)
    assert store.purge(beyond) == 0
    notice = store.claim("slack", NOON, LEASE)
    assert notice is not None
    store.sent(notice, NOON)
    assert store.purge(NOON - timedelta(days=999)) == 0
    assert store.purge(beyond) == 1
    assert NotifyNotice.objects.count() == 0
    assert [one.dedupe_key for one in NotifyMessage.objects.all()] == ["unrouted"]


def test_what_was_given_up_late_is_kept_whole_so_that_it_can_be_queued_again():
    formed(2)
    beyond = NotifyMessage.objects.latest("created_at").created_at + timedelta(days=1)
    notice = store.claim("slack", NOON, LEASE)
    assert notice is not None
    store.given_up(notice, "no", beyond)
    assert store.purge(beyond) == 0
    assert store.requeue_dead(beyond) == 1
    again = store.claim("slack", beyond, LEASE)
    assert again is not None
    assert len(again.messages) == 2


def test_the_counts_are_by_channel_and_state():
    formed()
    store.keep([message()])
    route_all("mail")
    assert store.counts() == {("slack", "open"): 1, ("mail", "waiting"): 1}
