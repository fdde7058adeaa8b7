"""What is answered to Alertmanager instead of taking its alerts."""

from http import HTTPStatus

from scheduler.plugin_api.problems import HttpProblem

AGAIN_SOON = {"Retry-After": "5"}


class Refused(HttpProblem):
    """The root of these. Nothing was taken."""

    code = "ALERTS_REFUSED"


class NotSetUp(Refused):
    """No token is set, so nobody could prove that he is Alertmanager."""

    code = "NOT_SET_UP"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = AGAIN_SOON


class Unauthenticated(Refused):
    """The token is missing or wrong."""

    code = "UNAUTHENTICATED"
    status = HTTPStatus.UNAUTHORIZED
    headers = {"WWW-Authenticate": "Bearer"}


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
    headers = AGAIN_SOON
