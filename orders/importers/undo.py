"""Taking an import back: what it made goes, what it changed becomes what it was, what others wrote since stays.

In batches, each in a transaction of its own: a killed undo goes on where it was. The files of keeping.py say what was
there before; an order that somebody has written after the import is left and listed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Progress
from crm_suite.lib.errors import WrongState
from customers.models import CustomerTag
from customers.unused import remove_unused
from orders.importers import undo_sql as sql
from orders.importers.applying import lock_shop
from orders.importers.running import announce
from orders.models import ImportFile, Order, ParkedRow
from orders.signals import import_finished, orders_taken_back

KIND = "undo_import"
BATCH = 5_000
SHOWN = 10
LAST_NUMBER = 2**63 - 1
Values = dict[str, int | list[int] | datetime]
UNDOABLE = (ImportFile.State.DONE, ImportFile.State.CANCELLED, ImportFile.State.FAILED)


@dataclass(frozen=True)
class UndoPreview:
    """What taking an import back would do: orders removed, restored, and left because something newer wrote them.

    `examples` are numbers of the first ten that would be left; `parked` counts rows that wait for their order.
    """

    removed: int
    restored: int
    left: int
    parked: int
    examples: list[str]


def undo_preview(import_file: ImportFile) -> UndoPreview:
    """Counted at this moment. Reads what the import wrote, and no other orders."""
    with connection.cursor() as cursor:
        cursor.execute(sql.PREVIEW, _whose(import_file))
        removed, restored = cursor.fetchone()
    left, examples = _left(import_file)
    parked = ParkedRow.objects.filter(import_file=import_file).count()
    return UndoPreview(removed, restored, left, parked, examples)


@transaction.atomic
def start_undo(*, import_file: ImportFile, by: User | None = None) -> Job:
    """Queue the undoing of a finished or stopped import. Raises WrongState where it is running or undone already."""
    locked = ImportFile.objects.select_for_update().select_related("shop").get(pk=import_file.pk)
    _check(locked)
    title = _("Take back %(file)s from %(shop)s") % {"file": locked.name, "shop": locked.shop.name}
    job = jobs.submit(kind=KIND, title=title, params={"import_file": locked.pk}, by=by)
    locked.undone = {"job": job.pk}
    locked.save(update_fields=["undone"])
    return job


def carry_out(job: Job, progress: Progress) -> Mapping[str, object]:
    """The work of an undo job."""
    import_file = ImportFile.objects.select_related("shop").get(pk=job.params["import_file"])
    return dict(undo_import(import_file=import_file, by=job.created_by, progress=progress))


def undo_import(
    *, import_file: ImportFile, by: User | None = None, progress: Progress | None = None
) -> Mapping[str, int]:
    """Take an import back here and now, and say what came of it; calling it again goes on after a kill.

    Returns counts: `removed` and `restored` orders, `left` ones, lone `refunds`, `parked` rows, `customers` whom the
    import brought and who have nothing else, `products` that no order names any more. Raises WrongState where the
    import is running or undone already.
    """
    _check(import_file)
    done: Counter[str] = Counter()
    ids = _written(import_file)
    for start in range(0, len(ids), BATCH):
        done.update(_take_back(import_file, ids[start : start + BATCH]))
        if progress:
            progress(done=start, total=len(ids), message=_("Taking orders back"))
    done.update(_take_back_rest(import_file))
    done["customers"] = remove_unused(import_id=import_file.pk)
    done["left"], examples = _left(import_file)
    import_file.undone = {**done, "examples": examples}
    import_file.state = ImportFile.State.UNDONE
    import_file.save(update_fields=["undone", "state"])
    audit(action="orders.undo_import", actor=by, target=f"import:{import_file.pk}", changes=dict(done))
    import_finished.send(sender=ImportFile, shop=import_file.shop, import_file=import_file)
    return dict(done)


def _whose(import_file: ImportFile) -> Values:
    """What finds the orders of an import. One that did not note its numbers may have made any."""
    return {
        "shop": import_file.shop_id, "import_file": import_file.pk,
        "ids_after": int(import_file.counts.get("ids_after", 0)),
        "ids_upto": int(import_file.counts.get("ids_upto", LAST_NUMBER)),
    }  # fmt: skip


def _written(import_file: ImportFile) -> list[int]:
    """The orders that the import was the last to write, by their numbers."""
    with connection.cursor() as cursor:
        cursor.execute(sql.ORDERED_IDS, _whose(import_file))
        return [int(row[0]) for row in cursor.fetchall()]


def _check(import_file: ImportFile) -> None:
    if import_file.state == ImportFile.State.UNDONE:
        raise WrongState(_("This import has been taken back already."), code="undone")
    if import_file.state not in UNDOABLE:
        raise WrongState(_("Only an import that has ended can be taken back."), code="not_finished")


def _take_back(import_file: ImportFile, order_ids: Sequence[int]) -> Mapping[str, int]:
    """Orders that the import was the last to write. The other rooms are told after the commit."""
    values: Values = {"shop": import_file.shop_id, "import_file": import_file.pk, "ids": list(order_ids)}
    with transaction.atomic(), connection.cursor() as cursor:
        lock_shop(import_file.shop)
        cursor.execute(sql.MINE, values)
        for statement in (sql.WITHOUT_LINES, sql.WITHOUT_REFUNDS, sql.REMOVE, sql.RESTORE, sql.LINES, sql.REFUNDS):
            cursor.execute(statement, values)
        cursor.execute(sql.PARKED, values)
        cursor.execute(sql.FORGET, values)
        removed, restored, touched = cursor.fetchone()
        cursor.execute("DROP TABLE undo_orders")
    orders_taken_back.send(sender=Order, order_ids=touched, refund_ids=[])
    announce(touched)
    return {"removed": removed, "restored": restored}


def _take_back_rest(import_file: ImportFile) -> Mapping[str, int]:
    """Refunds that name no order, rows that wait for theirs, tags, and products that nothing names any more."""
    # The database's clock may differ from that of the machine that took the file.
    since = import_file.created_at - timedelta(hours=1)
    values: Values = {"shop": import_file.shop_id, "import_file": import_file.pk, "since": since}
    with transaction.atomic(), connection.cursor() as cursor:
        lock_shop(import_file.shop)
        cursor.execute(sql.LONE_REFUNDS, values)
        refunds = [int(row[0]) for row in cursor.fetchall()]
        cursor.execute(sql.LONE_BEFORE, values)
        parked = ParkedRow.objects.filter(import_file=import_file).delete()[0]
        CustomerTag.objects.filter(import_id=import_file.pk).delete()
        cursor.execute(sql.PRODUCTS, values)
        products = cursor.rowcount
    orders_taken_back.send(sender=Order, order_ids=[], refund_ids=refunds)
    return {"refunds": len(refunds), "parked": parked, "products": products}


def _left(import_file: ImportFile) -> tuple[int, list[str]]:
    """Orders that the import touched and somebody wrote since: how many, and the first numbers."""
    with connection.cursor() as cursor:
        cursor.execute(sql.LEFT, {"import_file": import_file.pk, "shown": SHOWN})
        count, examples = cursor.fetchone()
    return int(count), list(examples or [])
