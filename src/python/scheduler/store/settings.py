"""The settings' rows, read."""

from django.db import InterfaceError, OperationalError, connection

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.models import SchedulerSetting


def read_setting_rows() -> dict[str, str]:
    """The value of each setting that stands in the RDB, by key, as text.

    Uses Django's connection of the calling thread; raises DatabaseUnavailable, after which the
    next call connects anew.
    """
    try:
        return dict(SchedulerSetting.objects.values_list("key", "value"))
    except (OperationalError, InterfaceError) as error:
        connection.close()
        where = str(connection.settings_dict.get("HOST") or connection.settings_dict["NAME"])
        raise DatabaseUnavailable(where, type(error).__name__) from error
