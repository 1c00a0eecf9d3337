"""What a refresh writes: it stages every customer of the book, then changes what differs in one transaction.

Readers see the old figures until that transaction is committed, and only changed rows are written: a quiet day costs
a scan. The first time somebody is labelled is history too, with an empty `old`: so "the stage on a day" is always
the newest change up to that day.
"""

from collections.abc import Mapping
from datetime import date

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from segmentation.analysis.copying import copy_in
from segmentation.analysis.people import LABEL
from segmentation.analysis.reading import PLATFORMS, CustomerRange
from segmentation.analysis.summary import PERSON
from segmentation.lifecycle import STAGES
from segmentation.rfm import GROUPS

NEVER = -(2**63)
_STAGED = np.dtype([(name, kind[0]) for kind_of in (PERSON, LABEL) for name, kind in (kind_of.fields or {}).items()])

_CREATE = """
    CREATE TEMPORARY TABLE analysis_staged (
        customer bigint, orders int, days int, net bigint, refunds int, first int, last int, gap int, platforms int,
        last_order bigint, r smallint, f smallint, m smallint, grp smallint, stage smallint
    )
"""

# Known people without a paid order. They belong to the book of their newest unpaid order or refund; else to the one
# they were in; else to the home book of real or of demo customers.
_PROSPECTS = """
    WITH prospect AS MATERIALIZED (
        SELECT c.id, c.is_demo FROM customers_customer c
        WHERE c.id > %(after)s AND c.id <= %(upto)s AND c.merged_into_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM orders_order o WHERE o.customer_id = c.id AND o.paid_on <= %(as_of)s AND o.paid_on IS NOT NULL
            AND (o.refunded_amount < o.paid_amount OR o.paid_amount = 0))
    )
    INSERT INTO analysis_staged
    SELECT c.id, 0, 0, -coalesce(r.unplaced, 0), coalesce(r.refunds, 0), 0, 0, -1, 0,
           coalesce((extract(epoch FROM o.placed_at - TIMESTAMPTZ '2000-01-01 00:00Z') * 1000000)::bigint, %(never)s),
           0, 0, 0, -1, 0
    FROM prospect c
    LEFT JOIN customers_customerfacts f ON f.customer_id = c.id
    LEFT JOIN LATERAL (
        SELECT s.book, o.placed_at FROM orders_order o JOIN customers_shop s ON s.id = o.shop_id
        WHERE o.customer_id = c.id ORDER BY o.placed_at DESC LIMIT 1) o ON true
    LEFT JOIN LATERAL (
        SELECT (array_agg(s.book ORDER BY r.refunded_at DESC))[1] AS book,
               count(*) FILTER (WHERE s.book = %(book)s) AS refunds,
               (sum(r.amount * 100) FILTER (WHERE s.book = %(book)s AND r.order_id IS NULL))::bigint AS unplaced
        FROM orders_refund r JOIN customers_shop s ON s.id = r.shop_id
        WHERE r.customer_id = c.id AND r.refunded_on <= %(as_of)s) r ON true
    WHERE coalesce(o.book, r.book, CASE WHEN f.book = ANY(%(books)s) THEN f.book END,
                   CASE WHEN c.is_demo THEN %(demo_home)s ELSE %(home)s END) = %(book)s
"""

_COLUMNS = (
    "book, orders, purchase_days, net_amount, refunds, first_paid_on, last_paid_on, last_order_at, median_gap,"
    ' r_score, f_score, m_score, "group", stage, platforms'
)
_OF = {alias: ", ".join(f"{alias}.{name.strip()}" for name in _COLUMNS.split(",")) for alias in ("known", "fresh")}

# Only the rows that differ, beside the labels they replace: the three statements after it read no more than that.
_CHANGED = f"""
    CREATE TEMPORARY TABLE analysis_changed AS
    WITH fresh AS (
        SELECT w.customer AS customer_id, %(book)s::varchar AS book, w.orders, w.days AS purchase_days,
               (w.net::numeric / 100)::numeric(16, 2) AS net_amount, w.refunds,
               CASE WHEN w.orders > 0 THEN DATE '2000-01-01' + w.first END AS first_paid_on,
               CASE WHEN w.orders > 0 THEN DATE '2000-01-01' + w.last END AS last_paid_on,
               CASE WHEN w.last_order <> %(never)s
                    THEN TIMESTAMPTZ '2000-01-01 00:00Z' + w.last_order * INTERVAL '1 microsecond' END AS last_order_at,
               nullif(w.gap, -1) AS median_gap, w.r AS r_score, w.f AS f_score, w.m AS m_score,
               coalesce((%(groups)s::varchar[])[w.grp + 1], '') AS "group",
               (%(stages)s::varchar[])[w.stage + 1] AS stage, p.platforms
        FROM analysis_staged w JOIN analysis_platforms p ON p.mask = w.platforms
    )
    SELECT fresh.*, known.customer_id IS NULL AS is_missing,
           coalesce(known.stage, '') AS old_stage, coalesce(known."group", '') AS old_group
    FROM fresh LEFT JOIN customers_customerfacts known USING (customer_id)
    WHERE known.customer_id IS NULL OR ({_OF["known"]}) IS DISTINCT FROM ({_OF["fresh"]})
"""  # noqa: S608  names of our own columns
# Who was erased meanwhile has no row in customers_customer, and gets none here.
_HISTORY = """
    INSERT INTO segmentation_labelchange (customer_id, run_id, kind, old, new, "on")
    SELECT c.id, %(run)s, label.kind, label.old, label.new, %(as_of)s
    FROM analysis_changed fresh JOIN customers_customer c ON c.id = fresh.customer_id
    CROSS JOIN LATERAL (VALUES
        ('stage', fresh.old_stage, fresh.stage), ('group', fresh.old_group, fresh."group")
    ) AS label (kind, old, new)
    WHERE label.old <> label.new
"""
_ADD_MISSING = f"""
    INSERT INTO customers_customerfacts (customer_id, email_ok, sms_ok, refreshed_at, {_COLUMNS})
    SELECT fresh.customer_id, false, false, now(), {_OF["fresh"]}
    FROM analysis_changed fresh JOIN customers_customer c ON c.id = fresh.customer_id
    WHERE fresh.is_missing
    ON CONFLICT (customer_id) DO NOTHING
"""  # noqa: S608
_CHANGE = f"""
    UPDATE customers_customerfacts known SET ({_COLUMNS}, refreshed_at) = ROW ({_OF["fresh"]}, now())
    FROM analysis_changed fresh WHERE fresh.customer_id = known.customer_id
      AND ({_OF["known"]}) IS DISTINCT FROM ({_OF["fresh"]})
"""  # noqa: S608
_FORGET_MERGED = """
    DELETE FROM customers_customerfacts WHERE customer_id IN (
        SELECT id FROM customers_customer WHERE merged_into_id IS NOT NULL)
"""
_DROP = "DROP TABLE IF EXISTS pg_temp.analysis_staged, pg_temp.analysis_platforms, pg_temp.analysis_changed"


def open_stage() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
        cursor.execute(_CREATE)


def stage_people(people: NDArray[np.void], labels: NDArray[np.void]) -> int:
    """Stage a range of buyers; returns how many."""
    staged = np.empty(len(people), _STAGED)
    for source in (people, labels):
        for name in source.dtype.names or ():
            staged[name] = source[name]
    copy_in("analysis_staged", staged)
    return len(staged)


def stage_prospects(
    part: CustomerRange, *, book: str, books: list[str], homes: Mapping[bool, str], as_of: date
) -> None:
    """Stage the people of a range without a paid order until `as_of`. `homes`: home book by `is_demo`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _PROSPECTS,
            {
                "after": part.after, "upto": part.upto, "as_of": as_of, "never": NEVER,
                "book": book, "books": books, "home": homes.get(False), "demo_home": homes.get(True),
            },
        )  # fmt: skip


def staged_prospects() -> tuple[int, int]:
    """How many prospects are staged, and their net amount in minor units (refunds without a known order)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), coalesce(sum(net), 0)::bigint FROM analysis_staged WHERE orders = 0")
        row = cursor.fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def close_stage() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DROP)


def apply(*, book: str, run: int, as_of: date) -> int:
    """Write history and facts from what is staged; returns how many rows of facts changed. Call in a transaction."""
    names: dict[str, str | int | date | list[str]] = {
        "book": book, "run": run, "as_of": as_of, "never": NEVER, "groups": list(GROUPS), "stages": list(STAGES),
    }  # fmt: skip
    with connection.cursor() as cursor:
        _list_platforms()
        cursor.execute("ANALYZE analysis_staged (customer, platforms)")
        cursor.execute("DROP TABLE IF EXISTS pg_temp.analysis_changed")
        cursor.execute(_CHANGED, names)
        cursor.execute("ANALYZE analysis_changed (customer_id)")
        cursor.execute(_HISTORY, names)
        cursor.execute(_ADD_MISSING)
        changed = cursor.rowcount
        cursor.execute(_CHANGE)
        return int(changed + cursor.rowcount)


def _list_platforms() -> None:
    """Spell out each combination of platforms that occurs, once instead of once per customer."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.analysis_platforms")
        cursor.execute(
            """
            CREATE TEMPORARY TABLE analysis_platforms AS
            SELECT mask, ARRAY(
                SELECT code FROM unnest(%s::varchar[]) WITH ORDINALITY AS known (code, place)
                WHERE (mask >> (place - 1)::int) & 1 = 1 ORDER BY code
            )::varchar[] AS platforms
            FROM (SELECT DISTINCT platforms AS mask FROM analysis_staged) seen
            """,
            [PLATFORMS],
        )


def forget_merged() -> None:
    """Whoever is part of somebody else has no facts of their own."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_MERGED)
