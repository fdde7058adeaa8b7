"""What the REST API refuses before it asks anything of the scheduler."""

from http import HTTPStatus

from scheduler.plugin_api.problems import HttpProblem


class AddressNotFound(HttpProblem):
    """Nothing is at this address."""

    code = "ADDRESS_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class NotJson(HttpProblem):
    """The body is declared to be something else than JSON."""

    code = "NOT_JSON"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class PreconditionRequired(HttpProblem):
    """An edit came without the ETag of what it edits."""

    code = "PRECONDITION_REQUIRED"
    status = HTTPStatus.PRECONDITION_REQUIRED

    def __init__(self) -> None:
        super().__init__("Send the ETag that you read as If-Match; * stands for whatever is there.")


class NoLeader(HttpProblem):
    """Nobody leads now: there is none to hand over."""

    code = "NO_LEADER"
    status = HTTPStatus.CONFLICT


class RunEnded(HttpProblem):
    """The run has ended: there is nothing to cancel."""

    code = "RUN_ENDED"
    status = HTTPStatus.CONFLICT


class RequestNotFound(HttpProblem):
    """No request for a run has this id."""

    code = "REQUEST_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class SettingNotFound(HttpProblem):
    """No setting has this name."""

    code = "SETTING_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class SecretRefused(HttpProblem):
    """A signed-in user may change settings, but not secret ones."""

    code = "SECRET_REFUSED"
    status = HTTPStatus.FORBIDDEN
