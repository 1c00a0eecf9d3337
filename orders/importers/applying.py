"""Carrying staged rows into the tables: one chunk of whole orders, one transaction, in key order."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from zlib import crc32

from django.db import connection
from django.db.backends.utils import CursorWrapper

from crm_suite.lib.money import exponent
from customers.locks import hold_still
from customers.models import Shop
from orders.importers import apply_sql as sql, keeping, line_sql, parking, refund_sql
from orders.importers.people import People, list_people

LOCK_SPACE, BESIDE_SPACE = 1002, 1009  # of advisory locks; always taken in this order

Values = Mapping[str, str | int]


class Kinds(NamedTuple):
    """What rows a staging table has: most have no rare ones, and need none of the statements about them."""

    rows: frozenset[str]
    corrections: bool


@dataclass(frozen=True)
class Chunk:
    """Rows of the staging table with after < order number ≤ upto. `import_file` 0 where they come from the API."""

    stage: str
    shop: Shop
    kinds: Kinds
    after: str
    upto: str
    import_file: int = 0
    sum_over_rows: bool = False
    source: str = ""

    @property
    def people(self) -> People:
        return People(self.shop, self.stage, after=self.after, upto=self.upto, source=self.source)


@dataclass(frozen=True)
class Applied:
    """What a chunk did: counts to add up, ids of created and changed orders, and what became of each order."""

    counts: Mapping[str, int | Decimal]
    changed_ids: list[int]
    results: Mapping[str, str]


def kinds_of(stage: str) -> Kinds:
    """One look at the whole table."""
    with connection.cursor() as cursor:
        cursor.execute(sql.KINDS.format(stage=stage))
        rows, corrections = cursor.fetchone()
    return Kinds(frozenset(rows), corrections)


def values_of(chunk: Chunk) -> Values:
    """What the statements ask for by name. `seed`: what decides, besides the rows, what becomes of an order."""
    shop = chunk.shop
    rules = f"{shop.timezone} {shop.currency} {shop.buyer_scope} {chunk.sum_over_rows} {sql.MEANING}"
    return {
        "shop": shop.pk, "zone": shop.timezone, "digits": exponent(shop.currency),
        "after": chunk.after, "upto": chunk.upto, "import_file": chunk.import_file, "seed": crc32(rules.encode()),
    }  # fmt: skip


def lock_shop(shop: Shop) -> None:
    """Whoever writes orders of a shop waits here for each other, until the commit; and nobody merges meanwhile."""
    with connection.cursor() as cursor:
        for space in (LOCK_SPACE, BESIDE_SPACE):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [space, shop.pk])
    hold_still()


def lock_shop_for_two(shop: Shop) -> None:
    """The same for somebody who lets a second connection write beside them, by `lock_beside`."""
    beside = [BESIDE_SPACE, shop.pk]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_SPACE, shop.pk])
        # The second connection of somebody who was killed may not have ended yet.
        cursor.execute("SELECT pg_advisory_lock(%s, %s), pg_advisory_unlock(%s, %s)", [*beside, *beside])
    hold_still()


def lock_beside(shop: Shop) -> None:
    """Write with somebody who holds `lock_shop_for_two`, and keep others away until one's own commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [BESIDE_SPACE, shop.pk])
    hold_still()


def prepare(chunk: Chunk) -> None:
    """What all chunks of a table need: its people listed, its products, places for rejected rows. In a transaction."""
    lock_shop(chunk.shop)
    list_people(chunk.stage, temporary=not chunk.import_file)
    statements = [sql.PRODUCTS, sql.PRODUCT_NAMES] if {"l", "d"} & chunk.kinds.rows else []
    if "x" in chunk.kinds.rows and chunk.import_file:
        statements.append(sql.KEPT_PLACES)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(stage=chunk.stage), values_of(chunk))


def apply(chunk: Chunk, *, with_results: bool = False, lock: Callable[[Shop], None] = lock_shop) -> Applied:
    """Write one chunk of a table that is prepared, inside a transaction. An import's people have been met already."""
    lock(chunk.shop)
    with connection.cursor() as cursor:
        # The staging table is in memory and in order; compiling a statement takes longer than running it.
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL random_page_cost = 1.1; SET LOCAL jit = off")
        work = _Work(cursor, chunk)
        counts = work.gather() | work.weigh() | work.write()
        results, changed = work.results() if with_results else ({}, [])
        work.clear()
    return Applied(counts, changed, results)


class _Work:
    """The statements of one chunk, in their order."""

    def __init__(self, cursor: CursorWrapper, chunk: Chunk) -> None:
        self.cursor, self.chunk = cursor, chunk
        self.values = values_of(chunk)
        self.fetches = parking.has_waiting(chunk.shop.pk)
        self.parks = bool({"d", "f"} & chunk.kinds.rows) and bool(chunk.import_file)
        self.form = "TABLE" if self.fetches or self.parks or chunk.kinds.corrections else "VIEW"
        self.tables = [
            "same", "buyers", "orders", "refunds", "different", "changed", *(["home"] if self.fetches else []),
        ]  # fmt: skip
        # Then the rows say all that there is to say of their orders, and a digest of them may stand for that.
        self.says_all = self.form == "VIEW" and bool(chunk.import_file) and chunk.kinds.rows <= {"l", "o", "x"}

    def gather(self) -> dict[str, int | Decimal]:
        """Rows, their places and their buyers; rows that wait elsewhere come, and rows without an order go to wait."""
        kinds = self.chunk.kinds
        self.run(sql.NO_SAME)
        but = "AND order_no NOT IN (SELECT order_no FROM chunk_same)" if self.finds_same() else ""
        self.run(sql.ROWS.format(form=self.form, stage=self.chunk.stage, but=but))
        if kinds.corrections:
            self.run(sql.FIXED_PLACES)
        if self.fetches:
            parking.bring_home(self.cursor, self.values)
        parked = parking.park(self.cursor, self.values) if self.parks else 0
        if self.form == "TABLE":
            self.run("ANALYZE chunk_rows (order_no, kind, sku)")
        if self.chunk.import_file:
            self.chunk.people.find_buyers(self.cursor)
        else:
            self.chunk.people.write_buyers(self.cursor)
        self.run("ANALYZE chunk_buyers (buyer_key)")
        over_rows = "sum" if self.chunk.sum_over_rows else "max"
        digest = sql.DIGEST if self.says_all else "NULL::bigint"
        self.run(sql.ORDERS.format(over_rows=over_rows, digest=digest))
        self.run("ANALYZE chunk_orders (order_no, id)")
        return {"parked_rows": parked}

    def finds_same(self) -> bool:
        """Whether there are orders that were told just so before: nothing more is asked about them."""
        if not self.says_all:
            return False
        self.run(sql.MAY_BE_SAME.format(stage=self.chunk.stage))
        if not self.cursor.fetchone()[0]:
            return False
        self.run(sql.SAME.format(stage=self.chunk.stage), "ANALYZE chunk_same (order_no)")
        return True

    def weigh(self) -> dict[str, int | Decimal]:
        """What comes of the orders' lines and refunds; refunds that are not whole are rejected, and counted by code."""
        if self.chunk.kinds.corrections:
            self.run(sql.OTHER_LINES)
        if self.chunk.kinds.corrections and self.chunk.sum_over_rows:
            self.run(sql.OTHER_PAYMENTS)
        if self.chunk.import_file and "x" in self.chunk.kinds.rows:
            self.run(sql.CORRECTED_LINES)
        if self.chunk.import_file:
            self.run(refund_sql.WHOLE_REFUNDS)
        self.run(refund_sql.REFUNDS)
        if not self.chunk.import_file or not {"r", "f"} & self.chunk.kinds.rows:
            return {}
        self.run(refund_sql.REJECTED_REFUNDS)
        return dict(Counter(f"rejected:{row[0]}" for row in self.cursor.fetchall()))

    def write(self) -> dict[str, int | Decimal]:
        """Orders, lines and refunds; returns what became of the rows."""
        self.run(sql.NEW_ORDERS)
        identified, anonymous = self.cursor.fetchone()
        self.run(line_sql.NEW_LINES, line_sql.DIFFERENT, sql.CHANGED)
        if self.fetches:
            keeping.keep_parked(self.cursor, self.values)
        keeping.keep(self.cursor, self.values)
        self.run(sql.CHANGED_ORDERS, line_sql.GONE_LINES, line_sql.CHANGED_LINES, line_sql.ADDED_LINES)
        self.run(refund_sql.CHANGED_REFUNDS, refund_sql.NEW_REFUNDS, refund_sql.FOLLOWING_REFUNDS, sql.COUNTS)
        names = [column[0] for column in self.cursor.description]
        counts = Counter(dict(zip(names, self.cursor.fetchone(), strict=True)))
        counts["identified_amount"] += identified
        counts["anonymous_amount"] += anonymous
        return dict(counts)

    def results(self) -> tuple[dict[str, str], list[int]]:
        """What became of each order by number, and the ids of those that are new or changed."""
        self.run(
            """SELECT o.order_no, o.id, CASE WHEN o.is_new THEN 'created' WHEN c.id IS NULL THEN 'unchanged'
                 ELSE 'updated' END FROM chunk_orders o LEFT JOIN chunk_changed c USING (id) ORDER BY o.id"""
        )
        rows = self.cursor.fetchall()
        return {number: fate for number, _pk, fate in rows}, [pk for _no, pk, fate in rows if fate != "unchanged"]

    def clear(self) -> None:
        """The tables go with the transaction; a second chunk of the same one needs the names before."""
        tables = ", ".join(f"chunk_{name}" for name in self.tables)
        self.run(f"DROP {self.form} chunk_rows; DROP TABLE {tables}")

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.cursor.execute(statement, self.values)
