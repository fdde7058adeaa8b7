"""What is answered to Alertmanager instead of taking its alerts."""

from http import HTTPStatus
from typing import ClassVar

from scheduler.plugin_api.errors import SchedulerError


class Refused(SchedulerError):
    """The root of these; ``status`` is HTTP's. Nothing was taken."""

    code: ClassVar[str] = "ALERTS_REFUSED"
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class MethodNotAllowed(Refused):
    code = "METHOD_NOT_ALLOWED"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotSetUp(Refused):
    """No token is set, so nobody could prove that he is Alertmanager."""

    code = "NOT_SET_UP"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class Unauthenticated(Refused):
    """The token is missing or wrong."""

    code = "UNAUTHENTICATED"
    status = HTTPStatus.UNAUTHORIZED


class UnsupportedMediaType(Refused):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class MalformedBody(Refused):
    """The body ended too early."""

    code = "MALFORMED_BODY"


class BodyTooLarge(Refused):
    code = "BODY_TOO_LARGE"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class InvalidPayload(Refused):
    """What was posted is no notification of Alertmanager."""

    code = "INVALID_ALERTMANAGER_PAYLOAD"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotWrittenDown(Refused):
    """The database did not take the alerts; Alertmanager sends them again."""

    code = "NOT_WRITTEN_DOWN"
    status = HTTPStatus.SERVICE_UNAVAILABLE
