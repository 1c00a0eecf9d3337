"""Questions of the frame's own pages: readiness, team, tokens."""

from threading import Event
from typing import NamedTuple

from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm_suite.access.models import ApiToken, User
from crm_suite.access.roles import AGENT, ANALYST, LABELS, OPERATOR, OWNER, SPECIALIST

# Migrations are not taken back while a process runs, so a yes needs no second look.
_migrated = Event()


def readiness() -> dict[str, object]:
    """`status` is ok when the database answers and has every migration of this version, else unavailable."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        migrated = _migrated.is_set() or not unapplied_migrations()
    except OperationalError:
        return {"status": "unavailable", "database": False, "migrations": False}
    if migrated:
        _migrated.set()
    return {"status": "ok" if migrated else "unavailable", "database": True, "migrations": migrated}


def unapplied_migrations() -> list[str]:
    """Migrations of this version that the database lacks, as app.name."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


class Role(NamedTuple):
    code: str
    label: str | Promise
    text: str | Promise


def roles() -> list[Role]:
    """The roles with one sentence each, the mightiest first."""
    texts = {
        OWNER: _("everything: people, tokens, channels, exports in clear, demo data"),
        OPERATOR: _("imports, shops, segments, plan, starting and stopping campaigns"),
        SPECIALIST: _("segments, templates, plan and campaigns; no imports, no settings"),
        ANALYST: _("reads lists, insights and reports; personal data masked; changes nothing"),
        AGENT: _("one customer at a time, and recording an opt-out"),
    }
    return [Role(code, LABELS[code], text) for code, text in texts.items()]


def team() -> list[tuple[User, list[str | Promise]]]:
    """Everybody with an account and the names of their roles, those who may come in first."""
    people = User.objects.prefetch_related("groups").order_by("-is_active", "email")
    return [(person, [LABELS[role.name] for role in person.groups.all() if role.name in LABELS]) for person in people]


def roles_of(person: User) -> list[str]:
    """Codes of access.roles."""
    return [name for name in person.groups.values_list("name", flat=True) if name in LABELS]


def tokens() -> QuerySet[ApiToken]:
    """Every API token with the person who made it, newest first."""
    found: QuerySet[ApiToken] = ApiToken.objects.select_related("user").order_by("-created")
    return found
