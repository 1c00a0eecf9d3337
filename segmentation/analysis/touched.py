"""A refresh of the customers whose orders changed, or whom time has carried over a bound; nobody else is looked at.

Bounds, cuts and thresholds are those in force, so the cost grows with the customers that are looked at and not with the
store. After it, facts and counts are those that a full pass under the same bounds would have found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from customers.books import Book, books
from segmentation.analysis import parts, writing
from segmentation.analysis.people import Measures
from segmentation.analysis.reading import CustomerNumbers
from segmentation.analysis.results import counts_of, measures_of
from segmentation.analysis.run import alone
from segmentation.analysis.shelf import Changes
from segmentation.models import AnalysisRun
from segmentation.options import measured_with
from segmentation.rfm import Ints

#: Numbers in one question to the database.
AT_ONCE = 5_000

# Nobody waits for whoever is just writing: their rows are not visible yet, and the next run finds them.
_TAKE = "DELETE FROM segmentation_touched RETURNING customer_id"

# Whose label may change because days pass: the last purchase lies on the other side of a bound now, an order comes
# into sight or leaves the window, a refund's day has come.
_CARRIED = """
    SELECT customer_id FROM customers_customerfacts WHERE book = %(book)s AND last_paid_on = ANY(%(days)s)
    UNION SELECT customer_id FROM orders_order
      WHERE paid_on > %(before)s AND paid_on <= %(as_of)s AND customer_id IS NOT NULL
    UNION SELECT customer_id FROM orders_order
      WHERE paid_on >= %(left_from)s AND paid_on < %(left_to)s AND customer_id IS NOT NULL
    UNION SELECT customer_id FROM orders_refund
      WHERE (refunded_on > %(before)s AND refunded_on <= %(as_of)s
         OR refunded_on >= %(left_from)s AND refunded_on < %(left_to)s) AND customer_id IS NOT NULL
"""


@dataclass
class _BookRun:
    """The next run of one book: what it takes over from the run before, and what it adds to the counts."""

    before: AnalysisRun
    run: AnalysisRun
    plan: parts.Plan
    measures: Measures


@dataclass(frozen=True)
class Outcome:
    """Runs that are in force now, and everybody who was looked at."""

    runs: list[AnalysisRun]
    ids: Ints


def refresh_touched(*, days: Mapping[str, date], most: int) -> Outcome | None:
    """Bring everybody up to date whom a change or the passing of days has touched.

    `days`: book → local day to count to. None, and nothing done, where a book that has touched customers was never
    measured fully, or where more than `most` customers are touched: then a full refresh is due.
    """
    everything = tuple(books())
    with alone(*(book.code for book in everything)), transaction.atomic():
        touched = _taken()
        found = [_prepared(book, everything, days[book.code]) for book in everything if book.code in days]
        if len(touched) > most or any(one is None for one in found):
            transaction.set_rollback(True)
            return None
        runs = [one for one in found if one is not None]
        return _carry_out(runs, touched)


def _taken() -> Ints:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE)
        return np.unique(np.array([row[0] for row in cursor.fetchall()], dtype=np.int64))


def _prepared(book: Book, everything: tuple[Book, ...], as_of: date) -> _BookRun | None:
    before = AnalysisRun.objects.filter(book=book.code, state=AnalysisRun.State.DONE).order_by("-id").first()
    measures = measures_of(before) if before else None
    if before is None or measures is None:
        return None
    run = AnalysisRun(
        book=book.code, as_of=max(as_of, before.as_of), kind=AnalysisRun.Kind.TOUCHED, options=before.options,
        bounds=before.bounds, cuts=before.cuts, thresholds=before.thresholds, curve=before.curve,
    )  # fmt: skip
    plan = parts.Plan(0, book, everything, run.as_of, measured_with(before.options))
    return _BookRun(before, run, plan, measures)


def _carry_out(runs: Sequence[_BookRun], touched: Ints) -> Outcome:
    writing.forget_merged(touched)
    everybody = touched
    for one in runs:
        ids = np.union1d(touched, _carried(one))
        everybody = np.union1d(everybody, ids)
        _look_again(one, ids)
    return Outcome([one.run for one in runs if _ends_differently(one)], everybody)


def _ends_differently(one: _BookRun) -> bool:
    """Write what the run found; one that found everything as it was, on the same day, leaves no trace."""
    found = one.run.counts | counts_of(one.run)
    is_quiet = not one.run.counts["changed"] and one.run.as_of == one.before.as_of
    if is_quiet and found == {name: one.before.counts.get(name) for name in found} | one.run.counts:
        one.run.delete()
        return False
    one.run.counts = found
    one.run.save()
    return True


def _look_again(one: _BookRun, ids: Ints) -> None:
    """Write what differs of these customers, as far as they belong to the book."""
    one.run.state, one.run.finished_at = AnalysisRun.State.DONE, timezone.now()
    one.run.save()
    plan = replace(one.plan, run=one.run.pk)
    changed = 0
    for start in range(0, len(ids), AT_ONCE):
        found = parts.look_at(plan, CustomerNumbers(ids[start : start + AT_ONCE].tolist()))
        rows = parts.differing(plan, one.measures, found.people, found.labels)
        changed += _write(one.run, rows) if len(rows) else 0
    one.run.counts = {"changed": changed, "looked_at": len(ids)}


def _write(run: AnalysisRun, rows: NDArray[np.void]) -> int:
    changes = Changes("analysis_touched", temporary=True)
    changes.create()
    changes.add(rows)
    changed = writing.apply(changes=changes, book=run.book, run=run.pk, as_of=run.as_of)
    changes.drop()
    return changed


def _carried(one: _BookRun) -> Ints:
    """Customers whose label the days between the two runs may have changed."""
    before, as_of = one.before.as_of, one.run.as_of
    if as_of == before:
        return np.zeros(0, np.int64)
    window = one.plan.measuring.window_days
    left = (before - timedelta(days=window - 1), as_of - timedelta(days=window - 1)) if window else (date.max, date.max)
    values: dict[str, Any] = {
        "book": one.run.book, "before": before, "as_of": as_of, "days": _days_crossed(one),
        "left_from": left[0], "left_to": left[1],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_CARRIED, values)
        return np.array([row[0] for row in cursor.fetchall()], dtype=np.int64)


def _days_crossed(one: _BookRun) -> list[date]:
    """Days of a last purchase that were within a cut, a bound or the threshold of recency before, and no longer are."""
    measures = one.measures
    steps = {*measures.r_cuts, *measures.bounds.days}
    if measures.thresholds.on == "values":
        steps.add(measures.thresholds.r - 1)
    between = range((one.run.as_of - one.before.as_of).days)
    return sorted({one.before.as_of - timedelta(days=bound - later) for bound in steps for later in between})
