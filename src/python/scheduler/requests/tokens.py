"""API tokens as people make, rotate and revoke them. A secret is returned once and never kept."""

import secrets
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from scheduler.domain.tokens import (
    PREFIX_LENGTH,
    SECRET_BYTES,
    InvalidToken,
    TokenNotFound,
    digest_of,
    parse_scopes,
)
from scheduler.models import ApiToken
from scheduler.requests.recording import record, writing
from scheduler.store.clock import rdb_now

DEFAULT_GRACE = timedelta(hours=24)
USE_IS_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its text. ``secret`` exists here alone: it cannot be asked for again."""

    token: ApiToken
    secret: str = field(repr=False)


def create_token(
    name: str, scopes: list[str] | tuple[str, ...], *, by: str, expires_at: datetime | None = None
) -> IssuedToken:
    """Make a token of a name that no other has in use. ``expires_at`` is aware; None: never.

    Raises InvalidToken, and django's ValidationError for the name."""
    asked = parse_scopes(scopes)
    with writing():
        now = rdb_now()
        _refuse_past("expires_at", expires_at, now)
        prefix, secret = _new_secret()
        token = ApiToken(
            name=name,
            prefix=prefix,
            digest=digest_of(secret),
            scopes=[scope.value for scope in asked],
            created_by=by[:150],
            created_at=now,
            expires_at=expires_at,
        )
        token.full_clean()
        token.save(force_insert=True)
        record("token_created", name, by, prefix=prefix, scopes=token.scopes)
    return IssuedToken(token, secret)


def rotate_token(
    name: str,
    *,
    by: str,
    grace: timedelta = DEFAULT_GRACE,
    expires_at: datetime | None = None,
) -> IssuedToken:
    """Give a token a new secret. The present one stays valid for ``grace``; one that a rotation
    before this left valid ends at once. ``expires_at`` None keeps what there is.

    Raises TokenNotFound, InvalidToken (also for a token that has expired and gets no new end)."""
    if grace < timedelta(0):
        raise InvalidToken("grace", "it is negative", "zero or more")
    with writing():
        token, now = _in_use(name), rdb_now()
        token.expires_at = expires_at or token.expires_at
        _refuse_past("expires_at", token.expires_at, now)
        token.old_prefix, token.old_digest = token.prefix, token.digest
        token.old_valid_until, token.rotated_at = now + grace, now
        token.prefix, secret = _new_secret()
        token.digest = digest_of(secret)
        token.save()
        record("token_rotated", name, by, prefix=token.prefix, old_prefix=token.old_prefix)
    return IssuedToken(token, secret)


def revoke_token(name: str, *, by: str) -> None:
    """End a token at once, the secret of before its last rotation too. Raises TokenNotFound."""
    with writing():
        token = _in_use(name)
        ApiToken.objects.filter(pk=token.pk).update(revoked_at=rdb_now())
        record("token_revoked", name, by, prefix=token.prefix)


def note_use(token: ApiToken) -> None:
    """Keep that a token was used now; written once a minute, however often it is used."""
    due = Q(last_used_at=None) | Q(last_used_at__lt=Now() - USE_IS_NOTED_EVERY)
    ApiToken.objects.filter(due, pk=token.pk).update(last_used_at=Now())


def _in_use(name: str) -> ApiToken:
    rows = ApiToken.objects.filter(name=name, revoked_at=None)
    token = rows.select_for_update(no_key=True).first()
    if token is None:
        raise TokenNotFound(name)
    return token


def _new_secret() -> tuple[str, str]:
    """(prefix, whole text) of 256 random bits."""
    letters = b32encode(secrets.token_bytes(8)).decode().lower()[:PREFIX_LENGTH]
    prefix = f"sch_{letters}"
    return prefix, f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"


def _refuse_past(name: str, instant: datetime | None, now: datetime) -> None:
    if instant is not None and instant <= now:
        raise InvalidToken(name, f"{instant.isoformat()} has passed", "an instant to come, or none")
