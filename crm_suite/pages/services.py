"""Verbs of the frame's own pages: people, tokens, preferences, demo data. Each leaves its line in the record."""

import secrets
from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from crm_suite.access.models import ApiToken, User
from crm_suite.access.roles import OWNER
from crm_suite.access.services import audit, create_person, create_token
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import submit
from crm_suite.lib.errors import NotAllowed, WrongState

# Without letters that look like others: passwords are read out and typed off a screen.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
DEMO_KINDS = ("demo_load", "demo_remove")


def generated_password() -> str:
    """Four groups of five: 99 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _place in range(5)) for _group in range(4))


@transaction.atomic
def invite(
    *, email: str, roles: Sequence[str], request: HttpRequest, first_name: str = "", last_name: str = ""
) -> tuple[User, str]:
    """A new account and its password, which is stored only as a digest."""
    password = generated_password()
    person = create_person(email=email, password=password, roles=roles, first_name=first_name, last_name=last_name)
    audit(action="person.invited", target=person.email, changes={"roles": list(roles)}, request=request)
    return person, password


@transaction.atomic
def change_roles(*, person: User, roles: Sequence[str], request: HttpRequest) -> None:
    """Give a person exactly these roles. Refuses to leave the shop without an owner."""
    if OWNER not in roles:
        _keep_an_owner(besides=person)
    before = sorted(person.groups.values_list("name", flat=True))
    person.is_staff = person.is_superuser = OWNER in roles
    person.save(update_fields=["is_staff", "is_superuser"])
    person.groups.set(Group.objects.filter(name__in=roles))
    changes = {"roles": {"before": before, "after": sorted(roles)}}
    audit(action="person.roles_changed", target=person.email, changes=changes, request=request)


@transaction.atomic
def set_active(*, person: User, active: bool, request: HttpRequest) -> None:
    """Let a person in, or keep them out at their next click; their API tokens stop with them."""
    if not active:
        if person == request.user:
            raise NotAllowed(_("You cannot lock yourself out."), code="own_account")
        _keep_an_owner(besides=person)
    person.is_active = active
    person.save(update_fields=["is_active"])
    audit(action="person.let_in" if active else "person.locked_out", target=person.email, request=request)


@transaction.atomic
def give_new_password(*, person: User, request: HttpRequest) -> str:
    """A new password, returned once. Ends the person's sessions: those are bound to the old one."""
    password = generated_password()
    person.set_password(password)
    person.save(update_fields=["password"])
    audit(action="person.password_given", target=person.email, request=request)
    return password


def _keep_an_owner(*, besides: User) -> None:
    """Locks the owners' rows, so that two owners cannot remove each other at the same moment."""
    owners = User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("pk")
    if all(owner == besides for owner in owners):
        raise WrongState(_("The shop needs at least one owner who may come in."), code="last_owner")


@transaction.atomic
def make_token(*, name: str, scopes: Sequence[str], days: int | None, request: HttpRequest) -> tuple[ApiToken, str]:
    """A new API token and its secret, which is stored only as a digest."""
    assert isinstance(request.user, User)
    token, secret = create_token(user=request.user, name=name, scopes=scopes, days=days)
    audit(action="token.created", target=name, changes={"scopes": sorted(scopes), "days": days}, request=request)
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken, request: HttpRequest) -> None:
    """The token's next request is refused."""
    audit(action="token.revoked", target=token.name, changes={"scopes": token.scopes}, request=request)
    token.delete()


def choose_language(*, user: User, language: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language)


def choose_theme(*, user: User, theme: str) -> None:
    User.objects.filter(pk=user.pk).update(theme=theme)


@transaction.atomic
def submit_demo_job(*, kind: str, title: str, by: User) -> Job:
    """Load or remove the demo shop in the background. One such job at a time."""
    if Job.objects.unfinished().filter(kind__in=DEMO_KINDS).exists():
        raise WrongState(_("Demo data are being loaded or removed at this moment."), code="demo_busy")
    audit(action=kind.replace("_", "."), actor=by)
    return submit(kind=kind, title=title, by=by)
