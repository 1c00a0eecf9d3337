"""CustomerValue rows: all of a book in one transaction, only those that differ."""

from datetime import date

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from segmentation.analysis.copying import copy_in
from segmentation.clv.forecast import NEVER, PARTS

#: Rows that are put on the wire at once.
_PIECE = 200_000
#: Changed rows after which the lists are planned anew at once.
_MANY = 10_000
_LOCK_SPACE = 3003

_DROP = "DROP TABLE IF EXISTS pg_temp.value_staged"
_CREATE = """
    CREATE TEMPORARY TABLE value_staged (customer bigint, alive int, orders int, net bigint, due int) ON COMMIT DROP
"""
_COLUMNS = "book, p_alive, expected_orders, expected_net, next_purchase_on"
# Who was erased or merged away meanwhile gets no row.
_FRESH = f"""
    WITH fresh AS (
        SELECT w.customer AS customer_id, %(book)s::varchar AS book, w.alive::float8 / {PARTS} AS p_alive,
               w.orders::float8 / {PARTS} AS expected_orders, (w.net::numeric / 100)::numeric(16, 2) AS expected_net,
               CASE WHEN w.due <> {NEVER} THEN %(as_of)s::date + w.due END AS next_purchase_on
        FROM value_staged w JOIN customers_customer c ON c.id = w.customer AND c.merged_into_id IS NULL
    )
"""  # noqa: S608  our own numbers
_OF = {alias: ", ".join(f"{alias}.{name.strip()}" for name in _COLUMNS.split(",")) for alias in ("known", "fresh")}
_CHANGE = f"""
    {_FRESH}
    UPDATE segmentation_customervalue known SET ({_COLUMNS}) = ROW ({_OF["fresh"]})
    FROM fresh WHERE fresh.customer_id = known.customer_id AND ({_OF["known"]}) IS DISTINCT FROM ({_OF["fresh"]})
"""  # noqa: S608  names of our own columns
# Who has a row is looked up once: a plan that looked again for each would also walk past the rows just added.
_ADD = f"""
    {_FRESH}, present AS MATERIALIZED (SELECT customer_id FROM segmentation_customervalue)
    INSERT INTO segmentation_customervalue (customer_id, {_COLUMNS})
    SELECT fresh.customer_id, {_OF["fresh"]} FROM fresh
    WHERE NOT EXISTS (SELECT 1 FROM present WHERE present.customer_id = fresh.customer_id)
    ON CONFLICT (customer_id) DO NOTHING
"""  # noqa: S608
_FORGET = """
    DELETE FROM segmentation_customervalue known
    WHERE known.book = %(book)s AND NOT EXISTS (
        SELECT 1 FROM value_staged w JOIN customers_customer c ON c.id = w.customer
        WHERE w.customer = known.customer_id AND c.merged_into_id IS NULL)
"""


def apply(values: NDArray[np.void], *, book: str, as_of: date) -> int:
    """Make the rows of `book` be exactly `values` (forecast.VALUE); returns how many changed. Call in a transaction."""
    names: dict[str, str | date] = {"book": book, "as_of": as_of}
    with connection.cursor() as cursor:
        # Two jobs for one book write one after the other.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, book])
        cursor.execute(_DROP)
        cursor.execute(_CREATE)
        for start in range(0, len(values), _PIECE):
            copy_in("value_staged", values[start : start + _PIECE])
        cursor.execute("ANALYZE value_staged (customer)")
        changed = 0
        for statement in (_FORGET, _CHANGE, _ADD):
            cursor.execute(statement, names)
            changed += cursor.rowcount
        if changed > _MANY:
            cursor.execute("ANALYZE segmentation_customervalue")
        return changed
