"""What a refresh writes: each range is staged and compared by itself, then everything that differs is written at once.

Readers see the old figures until that one transaction is committed, and only changed rows are written: a quiet day
costs a scan. The first time somebody is labelled is history too, with an empty `old`: so "the stage on a day" is always
the newest change up to that day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from segmentation.analysis.copying import copy_in, copy_out
from segmentation.analysis.people import LABEL, UNSCORED
from segmentation.analysis.reading import PLATFORMS
from segmentation.analysis.summary import PERSON
from segmentation.lifecycle import PROSPECT, STAGES
from segmentation.rfm import GROUPS, Ints

_LABELLED = np.dtype([("customer", "i8"), *((name, LABEL[name].str[1:]) for name in LABEL.names or ())])
_VALUES = np.dtype([(name, PERSON[name].str[1:]) for name in ("last", "window_orders", "window_days", "window_net")])
_SQL = {"i2": "smallint", "i4": "int", "i8": "bigint"}


@dataclass(frozen=True)
class Stage:
    """Three tables of one range: people as they were read, their labels, and what has to be written.

    Unlogged and of a name that any worker can work out; or temporary, for one connection.
    """

    name: str
    temporary: bool = False

    @property
    def people(self) -> str:
        return f"{self.name}_people"

    @property
    def labels(self) -> str:
        return f"{self.name}_labels"

    @property
    def changed(self) -> str:
        return f"{self.name}_changed"

    @property
    def kind(self) -> str:
        return "TEMPORARY" if self.temporary else "UNLOGGED"

    def fill(self, people: NDArray[np.void]) -> None:
        """Keep the people, in a table made anew."""
        _fill(self.people, self.kind, people)

    def read(self) -> NDArray[np.void]:
        return copy_out(f"SELECT * FROM {self.people}", [], PERSON)  # noqa: S608  our own name

    def read_values(self) -> NDArray[np.void]:
        """Buyers with nothing but what scores are made of: the one step that ranges cannot share waits for this."""
        names = ", ".join(f'"{name}"' for name in _VALUES.names or ())
        found = copy_out(f"SELECT {names} FROM {self.people} WHERE orders > 0", [], _VALUES)  # noqa: S608
        people = np.zeros(len(found), PERSON)
        for name in _VALUES.names or ():
            people[name] = found[name]
        return people

    def label(self, people: NDArray[np.void], labels: NDArray[np.void]) -> None:
        found = np.empty(len(people), _LABELLED)
        found["customer"] = people["customer"]
        for name in LABEL.names or ():
            found[name] = labels[name]
        _fill(self.labels, self.kind, found)

    def drop(self) -> None:
        _run(f"DROP TABLE IF EXISTS {self.people}, {self.labels}, {self.changed}")


def stage_of(run: int, number: int) -> Stage:
    return Stage(f"analysis_{int(run)}_{int(number)}")


def forget_stages(run: int) -> None:
    """Drop whatever tables of a run are left, also those of a worker that was killed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ~ %s AND relkind = 'r'",
            [f"^analysis_{int(run)}_[0-9]+_(people|labels|changed)$"],
        )
        names = [str(row[0]) for row in cursor.fetchall()]
    if names:
        _run(f"DROP TABLE IF EXISTS {', '.join(names)}")


def _fill(table: str, kind: str, rows: NDArray[np.void]) -> None:
    columns = ", ".join(f'"{name}" {_SQL[rows.dtype[name].str[1:]]}' for name in rows.dtype.names or ())
    _run(f"DROP TABLE IF EXISTS {table}; CREATE {kind} TABLE {table} ({columns})")
    copy_in(table, rows)
    _run(f"ANALYZE {table} (customer)")


# Known people without a paid order. They belong to the book of their newest unpaid order or refund; else to the one
# they were in; else to the home book of real or of demo customers.
_PROSPECTS = """
    SELECT c.id, (-coalesce(r.unplaced, 0))::bigint, coalesce(r.refunds, 0)::int
    FROM unnest(%(ids)s::bigint[], %(is_demo)s::int[]) AS c (id, is_demo)
    LEFT JOIN customers_customerfacts f ON f.customer_id = c.id
    LEFT JOIN LATERAL (
        SELECT s.book FROM orders_order o JOIN customers_shop s ON s.id = o.shop_id
        WHERE o.customer_id = c.id ORDER BY o.placed_at DESC, o.id DESC LIMIT 1) o ON true
    LEFT JOIN LATERAL (
        SELECT (array_agg(s.book ORDER BY r.refunded_at DESC))[1] AS book,
               count(*) FILTER (WHERE s.book = %(book)s) AS refunds,
               (sum(r.amount * 100) FILTER (WHERE s.book = %(book)s AND r.order_id IS NULL))::bigint AS unplaced
        FROM orders_refund r JOIN customers_shop s ON s.id = r.shop_id
        WHERE r.customer_id = c.id AND r.refunded_on <= %(as_of)s) r ON true
    WHERE coalesce(o.book, r.book, CASE WHEN f.book = ANY(%(books)s) THEN f.book END,
                   CASE WHEN c.is_demo = 1 THEN %(demo_home)s ELSE %(home)s END) = %(book)s
    ORDER BY c.id
"""
_PROSPECT = np.dtype([("customer", "i8"), ("net", "i8"), ("refunds", "i4")])


def prospects(
    present: NDArray[np.void], *, book: str, books: list[str], homes: Mapping[bool, str | None], as_of: date
) -> NDArray[np.void]:
    """Those of `present`, people without a paid order until `as_of`, who belong to `book`. `homes` by `is_demo`."""
    values: dict[str, Any] = {
        "ids": present["customer"].tolist(), "is_demo": present["is_demo"].tolist(), "as_of": as_of,
        "book": book, "books": books, "home": homes.get(False), "demo_home": homes.get(True),
    }  # fmt: skip
    found = copy_out(_PROSPECTS, values, _PROSPECT)
    people = np.zeros(len(found), PERSON)
    for name in ("customer", "net", "refunds"):
        people[name] = found[name]
    people["gap"] = -1
    return people


def prospect_labels(count: int) -> NDArray[np.void]:
    labels = np.zeros(count, LABEL)
    labels["group"], labels["stage"] = UNSCORED, PROSPECT
    return labels


_COLUMNS = (
    "book, orders, purchase_days, net_amount, refunds, first_paid_on, last_paid_on, median_gap,"
    ' r_score, f_score, m_score, "group", stage, platforms'
)
_OF = {alias: ", ".join(f"{alias}.{name.strip()}" for name in _COLUMNS.split(",")) for alias in ("known", "fresh")}

# Only the rows that differ, beside what they replace: the statements after it read no more than that. A combination
# of platforms is spelled out once, instead of once per customer.
_CHANGED = f"""
    CREATE {{kind}} TABLE {{changed}} AS
    WITH combination AS MATERIALIZED (
        SELECT mask, ARRAY(
            SELECT code FROM unnest(%(platforms)s::varchar[]) WITH ORDINALITY AS known (code, place)
            WHERE (mask >> (place - 1)::int) & 1 = 1 ORDER BY code)::varchar[] AS platforms
        FROM (SELECT DISTINCT platforms AS mask FROM {{people}}) seen),
    fresh AS (
        SELECT w.customer AS customer_id, %(book)s::varchar AS book, w.orders, w.days AS purchase_days,
               (w.net::numeric / 100)::numeric(16, 2) AS net_amount, w.refunds,
               CASE WHEN w.orders > 0 THEN DATE '2000-01-01' + w.first END AS first_paid_on,
               CASE WHEN w.orders > 0 THEN DATE '2000-01-01' + w.last END AS last_paid_on,
               nullif(w.gap, -1) AS median_gap, l.r AS r_score, l.f AS f_score, l.m AS m_score,
               coalesce((%(groups)s::varchar[])[l."group" + 1], '') AS "group",
               (%(stages)s::varchar[])[l.stage + 1] AS stage, p.platforms
        FROM {{people}} w JOIN {{labels}} l ON l.customer = w.customer JOIN combination p ON p.mask = w.platforms
    )
    SELECT fresh.*, known.customer_id IS NULL AS is_missing, known.book AS old_book,
           coalesce(known.stage, '') AS old_stage, coalesce(known."group", '') AS old_group,
           known.r_score AS old_r, known.f_score AS old_f, known.orders AS old_orders, known.net_amount AS old_net
    FROM fresh LEFT JOIN customers_customerfacts known USING (customer_id)
    WHERE known.customer_id IS NULL OR ({_OF["known"]}) IS DISTINCT FROM ({_OF["fresh"]})
"""  # noqa: S608  names of our own columns
# Who was erased meanwhile has no row in customers_customer, and gets none here.
_HISTORY = """
    INSERT INTO segmentation_labelchange (customer_id, run_id, kind, old, new, "on")
    SELECT c.id, %(run)s, label.kind, label.old, label.new, %(as_of)s
    FROM {changed} fresh JOIN customers_customer c ON c.id = fresh.customer_id
    CROSS JOIN LATERAL (VALUES
        ('stage', fresh.old_stage, fresh.stage), ('group', fresh.old_group, fresh."group")
    ) AS label (kind, old, new)
    WHERE label.old <> label.new
"""
_ADD_MISSING = f"""
    INSERT INTO customers_customerfacts (customer_id, email_ok, sms_ok, refreshed_at, {_COLUMNS})
    SELECT fresh.customer_id, false, false, now(), {_OF["fresh"]}
    FROM {{changed}} fresh JOIN customers_customer c ON c.id = fresh.customer_id
    WHERE fresh.is_missing
    ON CONFLICT (customer_id) DO NOTHING
"""  # noqa: S608
_CHANGE = f"""
    UPDATE customers_customerfacts known SET ({_COLUMNS}, refreshed_at) = ROW ({_OF["fresh"]}, now())
    FROM {{changed}} fresh WHERE fresh.customer_id = known.customer_id
      AND ({_OF["known"]}) IS DISTINCT FROM ({_OF["fresh"]})
"""  # noqa: S608


def compare(stage: Stage, *, book: str) -> None:
    """Find out whose facts have to be written."""
    values: dict[str, Any] = {"book": book, "groups": list(GROUPS), "stages": list(STAGES), "platforms": PLATFORMS}
    names = {"kind": stage.kind, "people": stage.people, "labels": stage.labels, "changed": stage.changed}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {stage.changed}")
        cursor.execute(_CHANGED.format(**names), values)
        cursor.execute(f"ANALYZE {stage.changed} (customer_id)")


def apply(*, stages: Sequence[Stage], run: int, as_of: date) -> int:
    """Write history and facts of what was found to differ; returns how many rows of facts changed. In a transaction."""
    changed = 0
    with connection.cursor() as cursor:
        for stage in stages:
            cursor.execute(_HISTORY.format(changed=stage.changed), {"run": run, "as_of": as_of})
            cursor.execute(_ADD_MISSING.format(changed=stage.changed))
            changed += cursor.rowcount
            cursor.execute(_CHANGE.format(changed=stage.changed))
            changed += cursor.rowcount
    return changed


def forget_merged(ids: Ints | None = None) -> None:
    """Whoever is part of somebody else has no facts of their own: among `ids`, or at all."""
    gone = "SELECT id FROM customers_customer WHERE merged_into_id IS NOT NULL"
    among = "" if ids is None else " AND id = ANY(%s)"
    values = [] if ids is None else [ids.tolist()]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM customers_customerfacts WHERE customer_id IN ({gone}{among})", values)  # noqa: S608


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
