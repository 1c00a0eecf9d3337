"""The table where decoded rows wait to be written: one per import, unlogged, dropped at the end.

A table of its own costs no dead rows and no index upkeep in a shared one. Unlogged tables are emptied by a crash of
the database, which `holds` finds out, so that the file is read again.
"""

import io
from collections.abc import Iterable

import polars as pl
from django.db import connection

from orders.importers.layout import STAGED

BUYER = (
    "buyer_key", "buyer_original", "buyer_name", "phone", "email", "city", "country", "loyalty_no", "wechat_id",
    "masked_phone", "address", "birthday",
)  # fmt: skip
HEAD = (
    "placed_at", "paid_at", "shipped_at", "delivered_at", "source_updated_at", "state", "platform_state", "refunded_at",
    "reason",
)  # fmt: skip
AMOUNTS = ("total", "paid", "refund")
#: What makes an order and its lines. Who the buyer is besides their key, people are asked for themselves.
SAID = (
    "item", "kind", "order_no", "buyer_key", *HEAD, *AMOUNTS, "sku", "product_name", "category", "quantity",
    "unit_price", "amount", "refund_no", "extra",
)  # fmt: skip
_KINDS = {
    "text": pl.String(), "numeric": pl.String(), "smallint": pl.Int64(), "integer": pl.Int64(),
    "timestamptz": pl.Datetime("us", "UTC"),
}  # fmt: skip
PIECE = 1 << 20  # bytes handed over at once


def table_of(import_file_id: int) -> str:
    return f"orders_staging_{int(import_file_id)}"


def create(table: str, *, temporary: bool = False) -> None:
    """Make the table unless it is there."""
    columns = ", ".join(f"{name} {kind}" for name, kind in STAGED.items())
    kind, end = ("TEMP", "ON COMMIT DROP") if temporary else ("UNLOGGED", "WITH (autovacuum_enabled = false)")
    _run(f"CREATE {kind} TABLE IF NOT EXISTS {table} ({columns}) {end}")


def drop(table: str) -> None:
    _run(f"DROP TABLE IF EXISTS {table}, {table}_people")


def holds(table: str, last_row: int) -> bool:
    """Whether the table is there, as this version stages rows, and still has its rows up to `last_row`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = ANY(%s)",
            [table, list(STAGED)],
        )
        if cursor.fetchone()[0] < len(STAGED):
            return False
        cursor.execute(f"SELECT coalesce(max(row_no), 0) FROM {table}")  # noqa: S608  our own name
        return int(cursor.fetchone()[0]) >= last_row


def fill(table: str, rows: pl.DataFrame, *, amounts_add_up: bool = False) -> None:
    """Append staged rows by COPY, in the columns that say something."""
    if rows.is_empty():
        return
    rows = with_digests(said_once(rows, amounts_add_up=amounts_add_up))
    names = _told(rows, STAGED)
    text = io.BytesIO()
    rows.select(names).write_csv(text, include_header=False)
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT csv)", text, PIECE)


def said_once(rows: pl.DataFrame, *, amounts_add_up: bool = False) -> pl.DataFrame:
    """The rows without what a line only repeats of the line before: an order takes the greatest of its rows' cells.

    A row of kind d tells about a line only, whatever stands in the order's columns. With `amounts_add_up` every row's
    share of the order's amounts counts.
    """
    is_line = (pl.col("kind") == "l").fill_null(False)
    follows = is_line & is_line.shift(1, fill_value=False) & (pl.col("order_no") == pl.col("order_no").shift(1))
    is_detail = pl.col("kind") == "d"
    if buyer := _told(rows, BUYER):
        same_buyer = pl.all_horizontal(_repeats(name) for name in buyer)
        rows = rows.with_columns(pl.when(~(is_detail | (follows & same_buyer))).then(pl.col(*buyer)))
    amounts = () if amounts_add_up else AMOUNTS
    head = [pl.when(~(is_detail | (follows & _repeats(name)))).then(name) for name in _told(rows, (*HEAD, *amounts))]
    return rows.with_columns(*head, pl.when(~(follows & _repeats("extra"))).then("extra"))


def with_digests(rows: pl.DataFrame) -> pl.DataFrame:
    """What each row says of its order, as one number: the same in every file and process of one installation."""
    said = rows.select(pl.col(name).cast(_KINDS[STAGED[name].split()[0]]) for name in SAID)
    return rows.with_columns(said.hash_rows().reinterpret(signed=True).alias("digest"))


def _told(rows: pl.DataFrame, names: Iterable[str]) -> list[str]:
    """Those of the columns in which any row says something."""
    return [name for name in names if rows[name].null_count() < rows.height]


def _repeats(name: str) -> pl.Expr:
    return pl.col(name).eq_missing(pl.col(name).shift(1))


def finish(table: str) -> None:
    """Orders are taken out of the table by number, their rows in the file's order: index it once everything is in."""
    _run(f"CREATE INDEX IF NOT EXISTS {table}_order ON {table} (order_no, row_no, item)")
    _run(f"ANALYZE {table} (order_no, kind, buyer_key, sku)")


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
