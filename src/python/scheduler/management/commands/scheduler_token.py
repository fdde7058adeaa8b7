"""``manage.py scheduler_token``: the keys of machines that call the HTTP API."""

import json
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from scheduler.domain.tokens import SCOPE_MEANINGS, TokenScope
from scheduler.management.asking import me
from scheduler.management.failing import plainly
from scheduler.queries.tokens import TokenView, list_tokens
from scheduler.requests.tokens import IssuedToken, create_token, revoke_token, rotate_token
from scheduler.store.clock import rdb_now

_SCOPES = "\n".join(f"  {scope:<15} {meaning}" for scope, meaning in SCOPE_MEANINGS.items())
_EPILOG = f"""scopes:
{_SCOPES}

A caller sends the secret as the header X-Scheduler-Token (or Authorization: Bearer). It is
printed once, alone on standard output, and kept nowhere; what else there is to say goes to
standard error, so that a script can write the secret straight to where it belongs:

  manage.py scheduler_token create warehouse --scope events:write --expires-days 365 > secret
  manage.py scheduler_token rotate warehouse --grace-hours 48 > secret
  manage.py scheduler_token list
  manage.py scheduler_token revoke warehouse

exit codes: 0 done; 2 bad input, or a database that does not answer
"""


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = "Make, list, rotate and revoke the tokens of machines that call the HTTP API."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        shown = {"epilog": _EPILOG, "formatter_class": RawDescriptionHelpFormatter}
        return super().create_parser(prog_name, subcommand, **{**kwargs, **shown})

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="make a token and print its secret, once")
        create.add_argument("name", help="its name, as lists and records show it")
        create.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="SCOPE",
            help=f"what it may be used for, once or more: {', '.join(TokenScope)}",
        )
        _add_expiry(create, "it never expires")
        listing = actions.add_parser("list", help="show the tokens, never their secrets")
        listing.add_argument("--revoked", action="store_true", help="those that were revoked too")
        listing.add_argument("--json", action="store_true", help="one JSON list instead of text")
        rotate = actions.add_parser("rotate", help="give a token a new secret and print it, once")
        rotate.add_argument("name")
        rotate.add_argument(
            "--grace-hours",
            type=_hours,
            default=timedelta(hours=24),
            metavar="H",
            help="how long the present secret stays valid beside the new one (24; 0: not at all)",
        )
        _add_expiry(rotate, "as before")
        revoke = actions.add_parser("revoke", help="end a token at once")
        revoke.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            getattr(self, f"_{options['action']}")(options)

    def _create(self, options: dict[str, Any]) -> None:
        expires_at = _expiry(options["expires_days"])
        issued = create_token(options["name"], options["scope"], by=me(), expires_at=expires_at)
        self._show(issued, "made")

    def _rotate(self, options: dict[str, Any]) -> None:
        issued = rotate_token(
            options["name"],
            by=me(),
            grace=options["grace_hours"],
            expires_at=_expiry(options["expires_days"]),
        )
        self._show(issued, f"rotated; the old secret is valid until {_at(issued)}")

    def _revoke(self, options: dict[str, Any]) -> None:
        revoke_token(options["name"], by=me())
        self.stderr.write(f"Token {options['name']} is revoked.")

    def _list(self, options: dict[str, Any]) -> None:
        views = list_tokens(revoked=options["revoked"])
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(view) for view in views], ensure_ascii=False))
            return
        for view in views:
            self.stdout.write(_as_text(view))
        if not views:
            self.stderr.write("There are no tokens; make one with: scheduler_token create NAME")

    def _show(self, issued: IssuedToken, done: str) -> None:
        name = issued.token.name
        self.stderr.write(f"Token {name} is {done}. Its secret is shown now and never again:")
        self.stdout.write(issued.secret)


def _add_expiry(parser: ArgumentParser, otherwise: str) -> None:
    parser.add_argument(
        "--expires-days",
        type=_days,
        metavar="N",
        help=f"it ends so many days from now (default: {otherwise})",
    )


def _days(text: str) -> timedelta:
    return timedelta(days=_number(text, "days", 0.0, 36_500.0, least_allowed=False))


def _hours(text: str) -> timedelta:
    return timedelta(hours=_number(text, "hours", 0.0, 8_760.0, least_allowed=True))


def _number(text: str, unit: str, least: float, most: float, *, least_allowed: bool) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not (least < number <= most or (least_allowed and number == least)):
        bound = "from" if least_allowed else "above"
        raise ArgumentTypeError(f"{text!r} is not a number of {unit} {bound} {least:g} to {most:g}")
    return number


def _expiry(days: timedelta | None) -> datetime | None:
    return None if days is None else rdb_now() + days


def _at(issued: IssuedToken) -> str:
    until = issued.token.old_valid_until
    return "" if until is None else until.isoformat(timespec="seconds")


def _as_text(view: TokenView) -> str:
    used = view.last_used_at.isoformat(timespec="seconds") if view.last_used_at else "never"
    parts = [
        f"{view.name}  {view.prefix}_...  {view.state}",
        f"scopes {','.join(view.scopes)}",
        f"last used {used}",
    ]
    if view.expires_at:
        parts.append(f"expires {view.expires_at.isoformat(timespec='seconds')}")
    if view.old_valid_until:
        parts.append(f"old secret until {view.old_valid_until.isoformat(timespec='seconds')}")
    return "  ".join(parts)


def _as_json(view: TokenView) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in TokenView.__dataclass_fields__:
        value = getattr(view, name)
        found[name] = value.isoformat() if isinstance(value, datetime) else value
    return found
