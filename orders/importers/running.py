"""One import from its first row to its report: read into the staging table, then write chunk by chunk.

Both halves note with each commit where they stand, so that a killed import goes on there, and doing a step twice
changes nothing. The other rooms are told after each commit; who was killed before telling tells it after the restart.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Progress
from crm_suite.lib.errors import BadInput
from orders.importers import layout_named, receiving, staging
from orders.importers.applying import Applied, Chunk, apply
from orders.importers.dry_run import open_blocks
from orders.importers.reading import Block
from orders.importers.sorting import Rejection, context_of, sort_rows
from orders.models import ImportFile, Order, RejectedRow
from orders.signals import import_finished, orders_changed

CHUNK_ROWS = 60_000
AMOUNTS = ("identified_amount", "anonymous_amount", "refund_amount")


def carry_out(job: Job, progress: Progress) -> Mapping[str, object]:
    """The work of an import job. Returns the counts; raises DomainError where the file cannot be imported."""
    import_file = ImportFile.objects.select_related("shop").get(job=job)
    if import_file.state != ImportFile.State.DONE:
        _Import(import_file, progress).run()
    import_finished.send(sender=ImportFile, shop=import_file.shop, import_file=import_file)
    clean_up(import_file)
    return dict(import_file.counts)


def clean_up(import_file: ImportFile) -> None:
    """Remove what only a running import needs. The uploaded file stays."""
    staging.drop(staging.table_of(import_file.pk))
    receiving.working_copy(import_file).unlink(missing_ok=True)


class _Import:
    def __init__(self, import_file: ImportFile, progress: Progress) -> None:
        layout = layout_named(import_file.layout)
        if layout is None:
            raise BadInput(_("The columns of the file are not assigned yet."), code="no_layout")
        self.file, self.layout, self.progress = import_file, layout, progress
        self.stage = staging.table_of(import_file.pk)
        self.context = context_of(import_file)

    def run(self) -> None:
        self._resume()
        if not self.file.is_read:
            self._read()
        self._tell_what_is_untold()
        self._write()
        self._save(state=ImportFile.State.DONE)
        self.progress(done=self.file.staged_rows, total=self.file.staged_rows, message="")

    def _resume(self) -> None:
        """Go on where the last worker stopped, or read anew where the database lost the staged rows in a crash."""
        if self.file.staged_rows and not staging.holds(self.stage, self.file.counts.get("last_row", 0)):
            kept = {name: n for name, n in self.file.counts.items() if name in _WRITTEN}
            RejectedRow.objects.filter(import_file=self.file).delete()
            self._save(staged_rows=0, staged_bytes=0, is_read=False, counts=kept)
        staging.create(self.stage)
        self._save(state=ImportFile.State.RUNNING)

    # --- reading

    def _read(self) -> None:
        size = receiving.working_copy(self.file).stat().st_size if receiving.working_copy(self.file).exists() else 0
        start, before = self.file.staged_bytes, self.file.staged_rows
        for block in open_blocks(self.file, start=start, rows_before=before):
            self._stage(block)
            rows = int(self.file.staged_rows * max(size / block.next_byte, 1)) if size else 0
            rejected = sum(self.file.counts.get("rejected", {}).values())
            self.progress(done=self.file.staged_rows // 4, total=rows, failed=rejected, message=_("Reading"))
        staging.finish(self.stage)
        self._save(is_read=True, counts=self.file.counts | {"buyers": self._buyers()})

    @transaction.atomic
    def _stage(self, block: Block) -> None:
        result = sort_rows(self.layout, block.frame, self.context)
        staging.fill(self.stage, result.rows)
        keep_rejections(self.file, result.rejections)
        counts = dict(self.file.counts)
        last = int(str(result.rows["row_no"].max() or 0))
        counts["rows"] = counts.get("rows", 0) + block.frame.height
        counts["last_row"] = max(counts.get("last_row", 0), last)
        counts["rejected"] = Counter(counts.get("rejected", {})) + Counter(found.code for found in result.rejections)
        self._save(staged_rows=self.file.staged_rows + block.rows, staged_bytes=block.next_byte, counts=counts)

    def _buyers(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(DISTINCT buyer_key) FROM {self.stage} WHERE kind IN ('l', 'o')"  # noqa: S608
            )
            return int(cursor.fetchone()[0])

    # --- writing

    def _write(self) -> None:
        while upto := self._next_boundary():
            changed = self._write_chunk(upto)
            announce(changed)
            self._save(announced_to=upto)
            total = self.file.staged_rows
            written = sum(
                int(self.file.counts.get(name, 0)) for name in ("identified_rows", "anonymous_rows", "refund_rows")
            )
            self.progress(done=min((total + 3 * written) // 4, total), total=total, message=_("Writing"))

    @transaction.atomic
    def _write_chunk(self, upto: str) -> list[int]:
        chunk = Chunk(
            stage=self.stage,
            shop=self.file.shop,
            after=self.file.applied_to,
            upto=upto,
            import_file=self.file.pk,
            sum_over_rows=self.file.options.get("per_row") == "1",
            source=f"import {self.file.pk}",
        )
        applied = apply(chunk)
        self._save(applied_to=upto, counts=added(self.file.counts, applied))
        return applied.changed_ids

    def _next_boundary(self) -> str | None:
        """The order number up to which the next chunk goes; None when nothing is left."""
        rows = f"SELECT order_no FROM {self.stage} WHERE order_no > %s ORDER BY order_no"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(f"{rows} OFFSET {CHUNK_ROWS} LIMIT 1", [self.file.applied_to])
            found = cursor.fetchone()
            if found is None:
                cursor.execute(f"{rows} DESC LIMIT 1", [self.file.applied_to])
                found = cursor.fetchone()
        return str(found[0]) if found else None

    def _tell_what_is_untold(self) -> None:
        if self.file.announced_to == self.file.applied_to:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT order_no FROM {self.stage} WHERE order_no > %s AND order_no <= %s",  # noqa: S608
                [self.file.announced_to, self.file.applied_to],
            )
            numbers = [row[0] for row in cursor.fetchall()]
        announce(list(Order.objects.filter(shop=self.file.shop, external_id__in=numbers).values_list("pk", flat=True)))
        self._save(announced_to=self.file.applied_to)

    def _save(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self.file, name, value)
        self.file.save(update_fields=list(values))


_WRITTEN = {
    "identified_rows", "anonymous_rows", "refund_rows", "orders_created", "orders_updated", "orders_unchanged",
    "anonymous_orders", *AMOUNTS,
}  # fmt: skip


def announce(order_ids: Sequence[int]) -> None:
    """Tell the other rooms which orders were created or changed."""
    if order_ids:
        orders_changed.send(sender=Order, order_ids=order_ids)


def added(counts: Mapping[str, Any], applied: Applied) -> dict[str, Any]:
    """Counts so far plus those of a chunk; amounts are kept as exact text."""
    total: dict[str, Any] = dict(counts)
    rejected: Counter[str] = Counter(counts.get("rejected") or {})
    for name, value in applied.counts.items():
        if name.startswith("rejected:"):
            rejected[name.removeprefix("rejected:")] += int(value)
        elif name in AMOUNTS:
            total[name] = str(Decimal(str(total.get(name, 0))) + value)
        else:
            total[name] = int(str(total.get(name, 0))) + int(value)
    return {**total, "rejected": dict(rejected)}


def keep_rejections(import_file: ImportFile, rejections: Sequence[Rejection]) -> None:
    rows = [
        RejectedRow(
            import_file=import_file, row_no=found.row_no, column=found.column[:80], code=found.code,
            reason=found.reason, raw=found.raw,
        )
        for found in rejections
    ]  # fmt: skip
    RejectedRow.objects.bulk_create(rows, batch_size=2_000, ignore_conflicts=True)
