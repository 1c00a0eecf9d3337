"""What a refresh writes: rows that differ are gathered first, then everything is written at once.

Readers see the old figures until that one transaction is committed, and only changed rows are written: a quiet day
costs a scan. The first time somebody is labelled is history too, with an empty `old`: so "the stage on a day" is always
the newest change up to that day.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from typing import Any

import numpy as np
from django.db import connection
from django.db.backends.utils import CursorWrapper
from numpy.typing import NDArray

from segmentation.analysis.known import MISSING, pack
from segmentation.analysis.people import LABEL
from segmentation.analysis.reading import PLATFORMS
from segmentation.analysis.shelf import CHANGE, Changes
from segmentation.analysis.summary import PERSON
from segmentation.lifecycle import STAGES
from segmentation.rfm import GROUPS, Ints


def differing(people: NDArray[np.void], labels: NDArray[np.void], in_force: NDArray[np.int32]) -> NDArray[np.void]:
    """Rows of those whose facts have to be written; `in_force` as known.labels_in_force found it."""
    differ = np.flatnonzero(pack(labels) != in_force)
    rows = np.empty(len(differ), CHANGE)
    for source, dtype in ((people, PERSON), (labels, LABEL)):
        for name in set(dtype.names or ()) & set(CHANGE.names or ()):
            rows[name] = source[name][differ]
    rows["missing"] = in_force[differ] == MISSING
    return rows


_COLUMNS = (
    "book, orders, purchase_days, net_amount, refunds, first_paid_on, last_paid_on, median_gap,"
    ' r_score, f_score, m_score, "group", stage, platforms'
)
_OF = {alias: ", ".join(f"{alias}.{name.strip()}" for name in _COLUMNS.split(",")) for alias in ("known", "fresh")}

# A combination of platforms is spelled out once, instead of once per customer.
_FRESH = """
    WITH combination AS MATERIALIZED (
        SELECT mask, ARRAY(
            SELECT code FROM unnest(%(platforms)s::varchar[]) WITH ORDINALITY AS known (code, place)
            WHERE (mask >> (place - 1)::int) & 1 = 1 ORDER BY code)::varchar[] AS platforms
        FROM (SELECT DISTINCT platforms AS mask FROM {changed}) seen),
    fresh AS (
        SELECT w.customer AS customer_id, %(book)s::varchar AS book, w.orders, w.days AS purchase_days,
               (w.net::numeric / 100)::numeric(16, 2) AS net_amount, w.refunds,
               CASE WHEN w.orders > 0 THEN DATE '2000-01-01' + w.first END AS first_paid_on,
               CASE WHEN w.orders > 0 THEN DATE '2000-01-01' + w.last END AS last_paid_on,
               nullif(w.gap, -1) AS median_gap, w.r AS r_score, w.f AS f_score, w.m AS m_score,
               coalesce((%(groups)s::varchar[])[w."group" + 1], '') AS "group",
               (%(stages)s::varchar[])[w.stage + 1] AS stage, p.platforms, w.missing
        FROM {changed} w JOIN combination p ON p.mask = w.platforms
    )
"""
# Who was erased or merged meanwhile gets no row.
_ADD_MISSING = f"""
    INSERT INTO customers_customerfacts (customer_id, email_ok, sms_ok, refreshed_at, {_COLUMNS})
    SELECT fresh.customer_id, false, false, now(), {_OF["fresh"]}
    FROM fresh JOIN customers_customer c ON c.id = fresh.customer_id
    WHERE fresh.missing = 1 AND c.merged_into_id IS NULL
    ON CONFLICT (customer_id) DO NOTHING
    RETURNING customer_id, stage, "group", '' AS old_stage, '' AS old_group
"""  # noqa: S608  names of our own columns
# Looks at every row once more: somebody may have changed it since it was read.
_CHANGE = f"""
    UPDATE customers_customerfacts known SET ({_COLUMNS}, refreshed_at) = ROW ({_OF["fresh"]}, now())
    FROM fresh WHERE fresh.customer_id = known.customer_id AND (fresh.missing = 0 OR %(again)s)
      AND ({_OF["known"]}) IS DISTINCT FROM ({_OF["fresh"]})
    RETURNING known.customer_id, new.stage, new."group", old.stage AS old_stage, old."group" AS old_group
"""  # noqa: S608
# What is replaced becomes history in the statement that replaces it.
_WRITE = """
    {fresh}, written AS ({write}), history AS (
        INSERT INTO segmentation_labelchange (customer_id, run_id, kind, old, new, "on")
        SELECT written.customer_id, %(run)s, label.kind, label.old, label.new, %(as_of)s
        FROM written CROSS JOIN LATERAL (VALUES
            ('stage', written.old_stage, written.stage), ('group', written.old_group, written."group")
        ) AS label (kind, old, new)
        WHERE label.old <> label.new)
    SELECT count(*) FROM written
"""


def apply(*, changes: Changes, book: str, run: int, as_of: date) -> int:
    """Write history and facts of what was found to differ; returns how many rows of facts changed. In a transaction."""
    values: dict[str, Any] = {
        "book": book, "groups": list(GROUPS), "stages": list(STAGES), "platforms": PLATFORMS, "run": run,
        "as_of": as_of,
    }  # fmt: skip
    fresh = _FRESH.format(changed=changes.name)
    with connection.cursor() as cursor:
        # A join in many small pieces would write in no order, and look for each place in the indexes anew.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(f"ANALYZE {changes.name} (customer, platforms, missing)")
        missing = _number(cursor, f"SELECT count(*) FROM {changes.name} WHERE missing = 1", {})  # noqa: S608
        added = _number(cursor, _WRITE.format(fresh=fresh, write=_ADD_MISSING), values) if missing else 0
        # Whoever was missing and has a row by now was given it by somebody else.
        values["again"] = added < missing
        with without("hashjoin", "mergejoin") if _are_few(cursor, changes.name) else nullcontext():
            return added + _number(cursor, _WRITE.format(fresh=fresh, write=_CHANGE), values)


def _are_few(cursor: CursorWrapper, table: str) -> bool:
    """Where at most one in ten differs each is looked up by its key: the planner would read all facts for them, because
    it takes every look for one at a disk that has to move its head."""
    everybody = _number(cursor, "SELECT reltuples FROM pg_class WHERE oid = 'customers_customerfacts'::regclass", {})
    return _number(cursor, f"SELECT count(*) FROM {table}", {}) < everybody / 10  # noqa: S608  a name of ours


@contextmanager
def without(*ways: str) -> Iterator[None]:
    """Inside a transaction: meanwhile the planner joins in no such way, where it is wrong about how many there are."""
    with connection.cursor() as cursor:
        for way in ways:
            cursor.execute(f"SET LOCAL enable_{way} = off")
        yield
        for way in ways:
            cursor.execute(f"SET LOCAL enable_{way} TO DEFAULT")


def _number(cursor: CursorWrapper, query: str, values: dict[str, Any]) -> int:
    cursor.execute(query, values)
    return int(cursor.fetchone()[0])


def forget_merged(ids: Ints | None = None) -> None:
    """Whoever is part of somebody else has no facts of their own: among `ids`, or at all."""
    gone = "SELECT id FROM customers_customer WHERE merged_into_id IS NOT NULL"
    among = "" if ids is None else " AND id = ANY(%s)"
    values = [] if ids is None else [ids.tolist()]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM customers_customerfacts WHERE customer_id IN ({gone}{among})", values)  # noqa: S608
