"""Who hears that something is over: those who heard that it began, whatever the hour and the routes
say by then. A channel that was told of a failure is told of its end, and no other is."""

from scheduler.plugin_api.values import AlertCode
from scheduler_notify import store
from scheduler_notify.alertmanager import firing_key
from scheduler_notify.messages import Kind, Message

BEGINNINGS = {
    AlertCode.QUARANTINE_RELEASED.value: AlertCode.QUARANTINE_BEGUN.value,
    AlertCode.CLUSTER_RESUMED.value: AlertCode.CLUSTER_PAUSED.value,
}


def heard_beginning(message: Message) -> dict[str, str] | None:
    """For a message of an end: the channels that heard of its beginning, each with its route. None
    when that is not known, or the message is of no end: the routes decide."""
    if not message.resolved:
        return None
    if message.kind is Kind.ALERT:
        code = BEGINNINGS.get(str(message.facts.get("code", "")), "")
        return store.heard_of_alert(code, message.job)
    if message.kind is Kind.PROMETHEUS:
        return store.heard_of(firing_key(message.dedupe_key))
    return None
