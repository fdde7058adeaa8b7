"""The settings' rows, read."""

from django.db import DatabaseError, connection

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.models import SchedulerSetting
from scheduler.plugin_api.masking import mask_text


def read_setting_rows() -> dict[str, str]:
    """The value of each setting that stands in the RDB, by key, as text.

    Uses Django's connection of the calling thread. Raises DatabaseUnavailable, after which the
    next call connects anew.
    """
    try:
        return dict(SchedulerSetting.objects.values_list("key", "value"))
    except DatabaseError as error:
        connection.close()
        where = str(connection.settings_dict.get("HOST") or connection.settings_dict["NAME"])
        reason = mask_text(str(error).strip().partition("\n")[0])
        raise DatabaseUnavailable(where, reason) from None
