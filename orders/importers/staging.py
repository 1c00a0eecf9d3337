"""The table where decoded rows wait to be written: one per import, unlogged, dropped at the end.

A table of its own costs no dead rows and no index upkeep in a shared one. Unlogged tables are emptied by a crash of
the database, which `holds` finds out, so that the file is read again.
"""

import io

import polars as pl
from django.db import connection

from orders.importers.layout import STAGED


def table_of(import_file_id: int) -> str:
    return f"orders_staging_{int(import_file_id)}"


def create(table: str, *, temporary: bool = False) -> None:
    """Make the table unless it is there."""
    columns = ", ".join(f"{name} {kind}" for name, kind in STAGED.items())
    kind, end = ("TEMP", "ON COMMIT DROP") if temporary else ("UNLOGGED", "WITH (autovacuum_enabled = false)")
    _run(f"CREATE {kind} TABLE IF NOT EXISTS {table} ({columns}) {end}")


def drop(table: str) -> None:
    _run(f"DROP TABLE IF EXISTS {table}")


def holds(table: str, last_row: int) -> bool:
    """Whether the table still has its rows up to `last_row`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [table])
        if cursor.fetchone()[0] is None:
            return False
        cursor.execute(f"SELECT coalesce(max(row_no), 0) FROM {table}")  # noqa: S608  our own name
        return int(cursor.fetchone()[0]) >= last_row


def fill(table: str, rows: pl.DataFrame) -> None:
    """Append staged rows, in the columns' own order, by COPY."""
    if rows.is_empty():
        return
    text = io.BytesIO()
    rows.select(list(STAGED)).write_csv(text, include_header=False)
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(f"COPY {table} ({', '.join(STAGED)}) FROM STDIN (FORMAT csv)", text)


def finish(table: str) -> None:
    """Orders are taken out of the table by number: index it once everything is in."""
    _run(f"CREATE INDEX IF NOT EXISTS {table}_order ON {table} (order_no)")
    _run(f"ANALYZE {table} (order_no, kind)")


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
