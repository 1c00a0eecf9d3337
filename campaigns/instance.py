"""Is this the installation that this database belongs to? A copy that wakes up elsewhere must not send.

A restored backup has another number of its table, another time line or another cluster; a copied folder of a cluster
has other counts of starts than the file beside the journal. What neither can tell is a copy of both, started while the
first one is down. Parked, nothing is prepared and nothing passes the gate, until an owner says that the other is gone.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Instance
from crm_suite.access.models import User
from crm_suite.access.services import audit

REASONS: dict[str, str | Promise] = {
    "other_database": _("This database was restored from a backup, or is a copy of another installation's."),
    "counter_missing": _("The file that counts the starts of this installation is missing."),
    "counter_differs": _("The database and the files of this installation are from different days."),
}
_IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system()), (SELECT timeline_id FROM pg_control_checkpoint()),
           (SELECT oid FROM pg_database WHERE datname = current_database()), 'campaigns_instance'::regclass::oid
"""


@dataclass(frozen=True, slots=True)
class Status:
    """Whether sending is parked, why in words, and who said last that this is the right installation, and when."""

    is_parked: bool
    reason: str = ""
    words: str = ""
    parked_at: datetime | None = None
    confirmed_by: User | None = None
    confirmed_at: datetime | None = None


def status() -> Status:
    row = Instance.objects.select_related("confirmed_by").first()
    if row is None:
        return Status(is_parked=False)
    words = str(REASONS.get(row.parked_reason, row.parked_reason)) if row.parked_at else ""
    return Status(
        row.parked_at is not None, row.parked_reason, words, row.parked_at, row.confirmed_by, row.confirmed_at
    )


def is_parked() -> bool:
    return Instance.objects.filter(parked_at__isnull=False).exists()


def check() -> bool:
    """Compare the fingerprint, as every tick does; a new database is ours from its first look on. True: may send."""
    now = fingerprint()
    row, is_new = Instance.objects.get_or_create(pk=1, defaults={"fingerprint": now})
    if not is_new and row.fingerprint == "":
        Instance.objects.filter(pk=1, fingerprint="").update(fingerprint=now)
    elif row.fingerprint != now:
        _park("other_database")
        return False
    return row.parked_at is None


def check_at_start() -> bool:
    """Once per `manage.py up`: compare the counts of starts, and count this one. True where sending may go on."""
    may_send = check()
    row = Instance.objects.get(pk=1)
    known = _read()
    if known is None and row.starts > 0:
        _park("counter_missing")
        return False
    if known is not None and row.starts not in known and not _is_empty(row):
        _park("counter_differs")
        return False
    if may_send:
        _count_start(row.starts)
    return may_send


@transaction.atomic
def confirm(*, by: User | None) -> None:
    """An owner says that this is the only installation with these customers: sending may go on. Audited."""
    row = Instance.objects.select_for_update().get_or_create(pk=1)[0]
    before = row.parked_reason
    row.fingerprint, row.parked_at, row.parked_reason = fingerprint(), None, ""
    row.confirmed_by, row.confirmed_at = by, timezone.now()
    row.save()
    _write(row.starts, row.starts)
    audit(action="instance.confirm", actor=by, target="instance", changes={"reason": before})


def _is_empty(row: Instance) -> bool:
    """A database made anew beside the files of an older one: it has nothing that could be sent twice."""
    return row.starts == 0 and not Campaign.objects.exists()


def fingerprint() -> str:
    """Cluster, its time line, the database in it and this very table."""
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY)
        return "/".join(str(part) for part in cursor.fetchone() or ())


def _park(reason: str) -> None:
    """The first reason stays: what is found after it is a consequence."""
    Instance.objects.filter(pk=1, parked_at__isnull=True).update(parked_at=timezone.now(), parked_reason=reason)


def _count_start(starts: int) -> None:
    """First the file says where the row is going: whenever this is cut, the row is at one of its two numbers."""
    _write(starts, starts + 1)
    Instance.objects.filter(pk=1).update(starts=starts + 1)
    _write(starts + 1, starts + 1)


def _path() -> Path:
    return Path(settings.CRM_VAR) / "instance.json"


def _read() -> set[int] | None:
    """The numbers that the row may show; None without the file. An unreadable file allows none."""
    try:
        data = json.loads(_path().read_text())
        return {int(data["starts"]), int(data["next"])}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return set()


def _write(starts: int, following: int) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump({"starts": starts, "next": following}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
