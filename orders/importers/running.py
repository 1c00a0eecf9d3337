"""One import from its first row to its report: read into the staging table, write chunk by chunk, tell the other rooms.

Each of the three notes with every commit where it stands, so that a killed import goes on there, and doing a step
twice changes nothing. What was written is told in any case, also when somebody stops the import half-way.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Cancelled, Progress
from crm_suite.lib.errors import BadInput
from orders.importers import layout_named, receiving, side_by_side, staging, twins
from orders.importers.apply_sql import ORDER_OF_NUMBER
from orders.importers.applying import Applied, Chunk, Kinds, apply, kinds_of, prepare
from orders.importers.dry_run import open_blocks
from orders.importers.introducing import apply_customers
from orders.importers.reading import Block
from orders.importers.rejections import keep_rejections
from orders.importers.side_by_side import ALONE, Turn
from orders.importers.sorting import Sorted, context_of, sort_rows
from orders.models import ImportFile, Order, RejectedRow
from orders.signals import import_finished, orders_changed

Made = TypeVar("Made")

CHUNK_ROWS = 75_000
TOLD_ROWS, TOLD_AT_ONCE = 60_000, 2
MANY_ORDERS = 5_000
AMOUNTS = ("identified_amount", "anonymous_amount", "refund_amount")
#: What a row that was not rejected is counted as: with the rejected ones they add up to the rows of the file.
ROW_COUNTS = (
    "identified_rows", "anonymous_rows", "refund_rows", "parked_rows", "customers_created", "customers_known",
)  # fmt: skip


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
        options = {**layout.options, **import_file.options}
        self.amounts_add_up = options.get("per_row") == "1"
        self.own_id = options.get("own_id", "")
        self.is_about_orders = layout.subject == ImportFile.Subject.ORDERS

    def run(self) -> None:
        self._resume()
        if not self.file.is_read:
            self._read()
        try:
            self._write()
        finally:
            self._tell()
        self._save(state=ImportFile.State.DONE)
        self.progress(done=self.file.staged_rows, total=self.file.staged_rows, message="")

    def _resume(self) -> None:
        """Go on where the last worker stopped, or read anew: a crash of the database loses staged rows.

        Those that another version of the product staged may lack columns.
        """
        if not staging.holds(self.stage, self.file.counts.get("last_row", 0)):
            staging.drop(self.stage)
            kept = {name: n for name, n in self.file.counts.items() if name in _WRITTEN}
            RejectedRow.objects.filter(import_file=self.file).delete()
            self._save(staged_rows=0, staged_bytes=0, is_read=False, counts=kept)
        staging.create(self.stage)
        self._save(state=ImportFile.State.RUNNING)

    # --- reading

    def _read(self) -> None:
        copy = receiving.working_copy(self.file)
        size = copy.stat().st_size if copy.exists() else 0
        for block, result in ahead(self._sorted_blocks()):
            self._stage(block, result)
            rows = int(self.file.staged_rows * max(size / block.next_byte, 1)) if size else 0
            rejected = sum(self.file.counts.get("rejected", {}).values())
            self.progress(done=self.file.staged_rows // 4, total=rows, failed=rejected, message=_("Reading"))
        staging.finish(self.stage)
        self._save(is_read=True, counts=self.file.counts | {"buyers": self._buyers()})

    def _sorted_blocks(self) -> Iterator[tuple[Block, Sorted]]:
        for block in open_blocks(self.file, start=self.file.staged_bytes, rows_before=self.file.staged_rows):
            yield block, sort_rows(self.layout, block.frame, self.context)

    @transaction.atomic
    def _stage(self, block: Block, result: Sorted) -> None:
        later_is_soon_enough()
        staging.fill(self.stage, result.rows, amounts_add_up=self.amounts_add_up)
        keep_rejections(self.file, result.rejections)
        counts = dict(self.file.counts)
        last = int(str(result.rows["row_no"].max() or 0))
        counts["rows"] = counts.get("rows", 0) + block.frame.height
        counts["last_row"] = max(counts.get("last_row", 0), last)
        counts["rejected"] = Counter(counts.get("rejected", {})) + Counter(found.code for found in result.rejections)
        self._save(staged_rows=self.file.staged_rows + block.rows, staged_bytes=block.next_byte, counts=counts)

    def _buyers(self) -> int:
        with connection.cursor() as cursor:
            # Hashed: count(DISTINCT …) would sort them.
            cursor.execute(
                f"""SELECT count(buyer_key) FROM (
                      SELECT DISTINCT buyer_key FROM {self.stage} WHERE kind IN ('l', 'o', 'c')) buyers"""  # noqa: S608
            )
            return int(cursor.fetchone()[0])

    # --- writing

    def _write(self) -> None:
        if "ids_after" not in self.file.counts:
            self._save(counts=self.file.counts | {"ids_after": last_order_id()})
        for chunks in ahead(self._steps()):
            side_by_side.write(chunks, self._write_chunk)
            total = self.file.staged_rows
            written = sum(int(self.file.counts.get(name, 0)) for name in ROW_COUNTS)
            self.progress(done=min((total + 2 * written) // 4, total), total=total, message=_("Writing"))
        self._save(counts=self.file.counts | {"ids_upto": last_order_id()})
        if self.file.counts.get("orders_created", 0) >= MANY_ORDERS:
            # Until the database has counted them it takes the tables for what they were, and plans for that.
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE orders_order, orders_orderline, customers_customer, customers_identity")

    def _steps(self) -> Iterator[Sequence[Chunk]]:
        """One chunk, then two at a time: writing begins as soon as the people of the first are met."""
        chunks = self._chunks()
        many = 1
        while step := list(islice(chunks, many)):
            yield step
            many = 2 if self.is_about_orders else 1

    def _chunks(self) -> Iterator[Chunk]:
        """What is left to write, piece by piece; the people of each are met before it comes."""
        kinds, after = kinds_of(self.stage), self.file.applied_to
        with transaction.atomic():
            self._part_twins()
            prepare(self._chunk("", "", kinds))
        while upto := self._next_boundary(after, CHUNK_ROWS):
            chunk = self._chunk(after, upto, kinds)
            if self.is_about_orders:
                chunk.people.meet()
            yield chunk
            after = upto

    def _part_twins(self) -> None:
        """Counted once: an import that goes on finds them parted already."""
        if self.own_id and (found := twins.part(self.stage, self.file.shop, self.own_id)):
            self._save(counts=self.file.counts | {"renumbered": found})

    def _chunk(self, after: str, upto: str, kinds: Kinds) -> Chunk:
        return Chunk(
            stage=self.stage,
            shop=self.file.shop,
            kinds=kinds,
            after=after,
            upto=upto,
            import_file=self.file.pk,
            sum_over_rows=self.amounts_add_up,
            source=f"import {self.file.pk}",
        )

    @transaction.atomic
    def _write_chunk(self, chunk: Chunk, turn: Turn = ALONE) -> None:
        later_is_soon_enough()
        applied = apply(chunk, lock=turn.lock) if self.is_about_orders else apply_customers(chunk)
        turn.wait()
        self._save(applied_to=chunk.upto, counts=added(self.file.counts, applied))

    def _next_boundary(self, after: str, rows: int) -> str | None:
        """The order number up to which the next so many rows go; None when nothing is left."""
        numbers = f"SELECT order_no FROM {self.stage} WHERE order_no > %s ORDER BY order_no"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(f"{numbers} OFFSET {rows} LIMIT 1", [after])
            found = cursor.fetchone()
            if found is None:
                cursor.execute(f"{numbers} DESC LIMIT 1", [after])
                found = cursor.fetchone()
        return str(found[0]) if found else None

    # --- telling

    def _tell(self) -> None:
        """Announce what this import created or changed, up to where it has written. Nobody stops this half-way."""
        if not any(self.file.counts.get(name) for name in ("orders_created", "orders_updated")):
            return
        while pieces := list(islice(self._untold(), TOLD_AT_ONCE)):
            side_by_side.at_once(pieces, lambda piece: announce(self._written(*piece)))
            self._save(announced_to=pieces[-1][1])
            with suppress(Cancelled):
                self.progress(message=_("Bringing customers up to date"))

    def _untold(self) -> Iterator[tuple[str, str]]:
        """Order numbers after and up to which so many rows go that nobody was told of."""
        after = self.file.announced_to
        while after < self.file.applied_to:
            upto = self._next_boundary(after, TOLD_ROWS) or self.file.applied_to
            yield after, min(upto, self.file.applied_to)
            after = upto

    def _written(self, after: str, upto: str) -> list[int]:
        """Orders that this import was the last to write. Whoever wrote them since has told of it."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT o.id FROM (SELECT DISTINCT order_no FROM {self.stage}
                      WHERE order_no > %(after)s AND order_no <= %(upto)s AND kind IN ('l', 'o', 'd', 'f')) s
                    CROSS JOIN LATERAL (SELECT id, import_id FROM orders_order o
                      WHERE {ORDER_OF_NUMBER.format(number="s.order_no")} LIMIT 1) o
                    WHERE o.import_id = %(file)s ORDER BY o.id""",  # noqa: S608  our own name
                {"after": after, "upto": upto, "shop": self.file.shop_id, "file": self.file.pk},
            )
            return [int(row[0]) for row in cursor.fetchall()]

    def _save(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self.file, name, value)
        self.file.save(update_fields=list(values))


_WRITTEN = {
    *ROW_COUNTS, *AMOUNTS, "ids_after", "renumbered", "orders_created", "orders_updated", "orders_unchanged",
    "anonymous_orders",
}  # fmt: skip


def ahead(items: Iterator[Made]) -> Iterator[Made]:
    """Each item is being made, in a thread with a database connection of its own, while the one before it is used.

    Inside a transaction, which no other connection sees, one after the other.
    """
    if connection.in_atomic_block:
        yield from items
        return
    with ThreadPoolExecutor(1) as maker:
        try:
            coming = maker.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = maker.submit(next, items, None)
                yield item
        finally:
            maker.submit(connection.close)


def later_is_soon_enough() -> None:
    """Do not wait for the disk at this commit: what a crash of the database loses, the resume point goes with it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def last_order_id() -> int:
    """The last number that an order was given: an import notes it before and after, so that undoing finds its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM orders_order_id_seq")
        return int(cursor.fetchone()[0])


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
