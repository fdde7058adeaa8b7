"""The settings' rows, read."""

from django.db import DatabaseError

from scheduler.models import SchedulerSetting
from scheduler.store.connections import unavailable


def read_setting_rows() -> dict[str, str]:
    """The value of each setting that stands in the RDB, by key, as text.

    Uses Django's connection of the calling thread. Raises DatabaseUnavailable, after which the
    next call connects anew.
    """
    try:
        return dict(SchedulerSetting.objects.values_list("key", "value"))
    except DatabaseError as error:
        raise unavailable(error) from None
