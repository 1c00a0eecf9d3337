"""Carrying staged rows into the tables: one chunk of whole orders, one transaction, in key order."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg2.extras import execute_values

from crm_suite.lib.money import exponent
from customers.identities import Person, match_people, shared_scope
from customers.models import Shop
from orders.importers import apply_sql as sql

LOCK_SPACE = 1002

Values = Mapping[str, str | int]


@dataclass(frozen=True)
class Chunk:
    """Orders of the staging table with after < number ≤ upto. `import_file` 0 where the rows come from the API."""

    stage: str
    shop: Shop
    after: str
    upto: str
    import_file: int = 0
    sum_over_rows: bool = False
    source: str = ""


@dataclass(frozen=True)
class Applied:
    """What a chunk did: counts to add up, ids of created and changed orders, and what became of each order."""

    counts: Mapping[str, int | Decimal]
    changed_ids: list[int]
    results: Mapping[str, str]


def apply(chunk: Chunk, *, with_results: bool = False) -> Applied:
    """Write one chunk. To be called inside a transaction; imports of one shop wait here for each other."""
    values: Values = {
        "shop": chunk.shop.pk, "zone": chunk.shop.timezone, "digits": exponent(chunk.shop.currency),
        "after": chunk.after, "upto": chunk.upto, "import_file": chunk.import_file,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'; SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_SPACE, chunk.shop.pk])
        kinds = _gather(cursor, chunk, values)
        rejected = _weigh_refunds(cursor, values) if chunk.import_file and kinds.refunds else {}
        _write_orders(cursor, values, kinds)
        _write_lines(cursor, values)
        _run(cursor, values, sql.REFUND_ROWS, sql.CHANGED_REFUNDS, sql.NEW_REFUNDS)
        counts = _one_row(cursor, sql.COUNTS)
        cursor.execute("SELECT id FROM chunk_merged WHERE is_new OR is_changed ORDER BY id")
        changed = [int(row[0]) for row in cursor.fetchall()]
        results = _results(cursor) if with_results else {}
        _clear(cursor)
    return Applied({**counts, **rejected}, changed, results)


class Kinds(NamedTuple):
    """What rare rows a chunk has: most have none, and need none of the statements about them."""

    rejected: bool
    corrections: bool
    refunds: bool


def _gather(cursor: CursorWrapper, chunk: Chunk, values: Values) -> Kinds:
    _run(cursor, values, sql.ROWS.format(stage=chunk.stage), "ANALYZE chunk_rows (order_no, kind, sku)")
    cursor.execute(sql.KINDS)
    kinds = Kinds(*cursor.fetchone())
    if kinds.corrections:
        _run(cursor, values, sql.FIXED_PLACES)
    if kinds.rejected and chunk.import_file:
        _run(cursor, values, sql.KEPT_PLACES)
    _run(cursor, values, sql.ORDERS.format(over_rows="sum" if chunk.sum_over_rows else "max"))
    _match_buyers(cursor, chunk)
    _run(cursor, values, sql.PRODUCTS, sql.PRODUCT_NAMES, sql.REFUNDS)
    return kinds


def _match_buyers(cursor: CursorWrapper, chunk: Chunk) -> None:
    cursor.execute(sql.PEOPLE)
    scope = shared_scope(is_demo=chunk.shop.is_demo)
    people = {str(row[0]): _person(row, chunk.shop.code, scope) for row in cursor.fetchall()}
    ids = match_people(people=list(people.values()), source=chunk.source, is_demo=chunk.shop.is_demo)
    cursor.execute(sql.BUYERS)
    rows = [(key, ids[person.key]) for key, person in people.items()]
    if rows:
        execute_values(cursor.cursor, "INSERT INTO chunk_buyers VALUES %s", rows, page_size=5_000)


def _person(row: tuple[str | None, ...], shop_code: str, shared: str) -> Person:
    key, original, name, phone, email, city, country = (value or "" for value in row)
    kind, _colon, value = key.partition(":")
    # A platform's buyer is one person in this shop; a phone or an e-mail is one person everywhere.
    scope = shop_code if kind == "platform" else shared
    return Person(kind, scope, value[:254], original, name, phone, email, city, country)


def _weigh_refunds(cursor: CursorWrapper, values: Values) -> dict[str, int]:
    """Reject refunds that are not whole; how many rows by reason."""
    cursor.execute(sql.REJECTED_REFUNDS, values)
    codes = [f"rejected:{row[0]}" for row in cursor.fetchall()]
    return {code: codes.count(code) for code in set(codes)}


def _write_orders(cursor: CursorWrapper, values: Values, kinds: Kinds) -> None:
    cursor.execute("ANALYZE chunk_orders (order_no); ANALYZE chunk_refunds (refund_no, order_no)")
    if kinds.rejected or kinds.corrections:
        _run(cursor, values, sql.OTHER_LINES)
    cursor.execute("CREATE INDEX ON chunk_refunds (refund_no); CREATE INDEX ON chunk_refunds (order_no)")
    _run(cursor, values, sql.MERGED, "ANALYZE chunk_merged (order_no, id)", sql.CHANGED_ORDERS, sql.NEW_ORDERS)


def _write_lines(cursor: CursorWrapper, values: Values) -> None:
    _run(cursor, values, sql.LINES, "ANALYZE chunk_lines (order_id, line_no, is_new)", sql.NEW_LINES)
    cursor.execute("SELECT count(*) FROM chunk_merged WHERE NOT is_new AND NOT is_older")
    if cursor.fetchone() == (0,):
        return
    touched: set[int] = set()
    _run(cursor, values, sql.DIFFERENT_LINES)
    for statement in (sql.GONE_LINES, sql.CHANGED_LINES, sql.ADDED_LINES):
        cursor.execute(statement, values)
        touched |= {int(row[0]) for row in cursor.fetchall()}
    cursor.execute("DROP TABLE chunk_different")
    cursor.execute("SELECT id FROM chunk_merged WHERE is_changed")
    told = {int(row[0]) for row in cursor.fetchall()}
    if touched - told:
        cursor.execute(sql.TOUCHED_ORDERS, {"ids": sorted(touched - told)})


def _results(cursor: CursorWrapper) -> dict[str, str]:
    cursor.execute(
        """SELECT order_no, CASE WHEN is_new THEN 'created' WHEN is_changed THEN 'updated' ELSE 'unchanged' END
           FROM chunk_merged"""
    )
    return {str(number): str(result) for number, result in cursor.fetchall()}


def _one_row(cursor: CursorWrapper, statement: str) -> dict[str, int | Decimal]:
    cursor.execute(statement)
    names = [column[0] for column in cursor.description]
    return dict(zip(names, cursor.fetchone() or (), strict=True))


def _run(cursor: CursorWrapper, values: Values, *statements: str) -> None:
    for statement in statements:
        cursor.execute(statement, values)


def _clear(cursor: CursorWrapper) -> None:
    """The tables go with the transaction; a second chunk of the same one needs the names before."""
    tables = ["rows", "orders", "buyers", "refunds", "merged", "lines", "refund_rows"]
    cursor.execute("DROP TABLE " + ", ".join(f"chunk_{name}" for name in tables))
