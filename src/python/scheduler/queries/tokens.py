"""API tokens, looked up by what a caller presents, and listed for people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from scheduler.domain.tokens import digest_of, is_proven, prefix_of
from scheduler.models import ApiToken

NO_TOKEN = digest_of("")


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """The token that a caller has proven to hold, valid or not.

    ``refusal`` is empty for a valid one, else the word for why it counts no more."""

    token: ApiToken
    refusal: str
    use_is_due: bool
    """Its last use was noted long enough ago to be noted again."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as lists show it; ``state`` is in use, expired or revoked."""

    name: str
    prefix: str
    scopes: tuple[str, ...]
    state: str
    created_by: str
    created_at: datetime
    rotated_at: datetime | None
    old_valid_until: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def find_token(text: str, *, noted_every: timedelta) -> PresentedToken | None:
    """The token whose secret ``text`` is, by one query; None when it is no token's.

    A text with a known prefix and one with an unknown prefix take the same time."""
    prefix = prefix_of(text)
    if prefix is None:
        return None
    rows = ApiToken.objects.filter(Q(prefix=prefix) | Q(old_prefix=prefix)).annotate(now=Now())
    token = rows.first()
    if token is None:
        is_proven(text, NO_TOKEN)
        return None
    is_old = token.prefix != prefix
    if not is_proven(text, token.old_digest if is_old else token.digest):
        return None
    used = token.last_used_at
    due = used is None or used + noted_every <= token.now
    return PresentedToken(token, _refusal(token, token.now, is_old=is_old), due)


def list_tokens(*, revoked: bool = False) -> list[TokenView]:
    """All tokens in use or expired, by name; with ``revoked`` those too."""
    rows = ApiToken.objects.annotate(now=Now())
    if not revoked:
        rows = rows.filter(revoked_at=None)
    return [_view(token, token.now) for token in rows]


def _refusal(token: ApiToken, now: datetime, *, is_old: bool) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is not None and token.expires_at <= now:
        return "expired"
    if is_old and (token.old_valid_until is None or token.old_valid_until <= now):
        return "replaced by a rotation"
    return ""


def _view(token: ApiToken, now: datetime) -> TokenView:
    rotating = token.old_valid_until is not None and token.old_valid_until > now
    return TokenView(
        name=token.name,
        prefix=token.prefix,
        scopes=tuple(token.scopes),
        state=_refusal(token, now, is_old=False) or "in use",
        created_by=token.created_by,
        created_at=token.created_at,
        rotated_at=token.rotated_at,
        old_valid_until=token.old_valid_until if rotating else None,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        last_used_at=token.last_used_at,
    )
