"""Verbs of access: writing the audit record, making people and tokens."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.contrib.auth.models import AnonymousUser, Group
from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from knox.crypto import hash_token
from knox.settings import CONSTANTS

from crm_suite.access.models import ApiToken, AuditEvent, User
from crm_suite.access.roles import OWNER

SYSTEM = "system"


def audit(
    *,
    action: str,
    actor: User | AnonymousUser | None = None,
    target: str = "",
    changes: Mapping[str, object] | None = None,
    request: HttpRequest | None = None,
) -> AuditEvent:
    """Append one event. Give personal data masked; `request` supplies actor and address where it is at hand."""
    person = actor or (request.user if request else None)
    known = person if isinstance(person, User) else None
    return AuditEvent.objects.create(
        actor=known,
        actor_name=str(known) if known else SYSTEM,
        action=action,
        target=target,
        changes=_without_searches(changes or {}),
        address=request.META.get("REMOTE_ADDR") if request else None,
    )


def audit_each(*, action: str, targets: Iterable[str], changes: Mapping[str, object]) -> None:
    """The same done by the system to each of these, one event for each in one statement."""
    AuditEvent.objects.bulk_create(
        AuditEvent(actor_name=SYSTEM, action=action, target=target, changes=dict(changes)) for target in targets
    )


def _without_searches(changes: Mapping[str, object]) -> dict[str, object]:
    """The record is kept for ever: in the `filter` of a list, what was searched for may be somebody's name or phone."""
    kept = dict(changes)
    if isinstance(text := kept.get("filter"), str) and (asked := QueryDict(text, mutable=True)).get("q"):
        asked["q"] = "***"
        kept["filter"] = asked.urlencode(safe="*")
    return kept


@transaction.atomic
def create_person(*, email: str, password: str, roles: Iterable[str], **fields: object) -> User:
    """A new account with these roles (codes of access.roles). Owners are superusers too."""
    roles = list(roles)
    is_owner = OWNER in roles
    user = User.objects.create_person(
        email=email, password=password, is_staff=is_owner, is_superuser=is_owner, **fields
    )
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


@transaction.atomic
def create_token(*, user: User, name: str, scopes: Iterable[str], days: int | None = None) -> tuple[ApiToken, str]:
    """A new API token and its secret, which is shown once and never stored. `days` until expiry, None for ever."""
    secret = "crm_" + secrets.token_hex(32)
    token = ApiToken.objects.model(
        user=user,
        name=name,
        scopes=sorted(scopes),
        digest=hash_token(secret),
        token_key=secret[: CONSTANTS.TOKEN_KEY_LENGTH],
        expiry=timezone.now() + timedelta(days=days) if days else None,
    )
    token.save(force_insert=True)
    return token, secret
