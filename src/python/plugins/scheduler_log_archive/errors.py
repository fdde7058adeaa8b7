"""What can be wrong with the archive, each in one sentence."""

from typing import ClassVar

from scheduler.plugin_api.errors import SchedulerError


class ArchiveProblem(SchedulerError):
    """The archive could not do what was asked. ``away``: nothing else would go well now either."""

    code: ClassVar[str] = "LOG_ARCHIVE_PROBLEM"
    away: ClassVar[bool] = False


class ArchiveUnavailable(ArchiveProblem):
    """The object store does not answer, or answers that it cannot now."""

    code = "LOG_ARCHIVE_UNAVAILABLE"
    away = True

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(
            f"The log archive {where} is not to be had ({why}); "
            "check the server and SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL."
        )


class ArchiveRefused(ArchiveProblem):
    """The object store does not let us in, or lacks the bucket."""

    code = "LOG_ARCHIVE_REFUSED"
    away = True

    def __init__(self, where: str, why: str, next_step: str) -> None:
        self.where, self.why, self.next_step = where, why, next_step
        super().__init__(f"The log archive {where} refuses us ({why}); {next_step}.")


class BucketMissing(ArchiveRefused):
    """There is no such bucket, or not any more."""

    code = "LOG_ARCHIVE_BUCKET_MISSING"

    def __init__(self, where: str) -> None:
        step = "make the bucket, or set SCHEDULER_LOG_ARCHIVE_CREATE_BUCKET=1"
        super().__init__(where, "NoSuchBucket", step)


class ObjectRefused(ArchiveProblem):
    """The store refused this one object."""

    code = "LOG_ARCHIVE_OBJECT_REFUSED"

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(f"The log archive refused {key} ({why}); it is tried again later.")


class ObjectMissing(ArchiveProblem):
    """There is no object of this key."""

    code = "LOG_ARCHIVE_OBJECT_MISSING"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The log archive has no object {key}.")


class ObjectThere(ArchiveProblem):
    """Something stands under this key already, and was not to be replaced."""

    code = "LOG_ARCHIVE_OBJECT_THERE"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The log archive has an object {key} already; it was left as it is.")


class ObjectDiffers(ArchiveProblem):
    """What the store holds is not what was sent."""

    code = "LOG_ARCHIVE_OBJECT_DIFFERS"

    def __init__(self, key: str, how: str) -> None:
        self.key, self.how = key, how
        super().__init__(f"The archived log {key} is not what was sent ({how}); send it again.")


class LogChanged(ArchiveProblem):
    """The log's bytes changed in place, or were cut off, while it was uploaded."""

    code = "LOG_ARCHIVE_LOG_CHANGED"

    def __init__(self, path: object) -> None:
        self.path = path
        super().__init__(f"The log {path} changed while it was uploaded; it is tried again later.")


class LogUnreadable(ArchiveProblem):
    """The log's file is there, and cannot be read."""

    code = "LOG_ARCHIVE_LOG_UNREADABLE"

    def __init__(self, path: object, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(
            f"The log {path} cannot be read ({why}); check the rights of its folder and the disk."
        )
