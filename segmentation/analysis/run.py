"""A full refresh of one book: bounds and cuts are found anew, and everybody is looked at."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date

import numpy as np
from celery import current_app
from django.db import OperationalError, connection, transaction
from django.db.models import Count
from django.utils import timezone

from crm_suite.access.models import User
from crm_suite.lib.locks import is_deadlock
from customers.books import Book
from segmentation import lifecycle
from segmentation.analysis import parts, reading, results, writing
from segmentation.analysis.people import Measures, Values, measure
from segmentation.analysis.shelf import Changes, Shelf, changes_of, clear
from segmentation.models import AnalysisRun, RunPart, Touched
from segmentation.options import measuring
from segmentation.rfm import Ints

_TRIES = 3
#: So many other workers are asked to take ranges of a run that has more than one.
HELPERS = 3

#: Told after each step: steps done of steps to do.
Step = Callable[[int, int], None]


@contextmanager
def alone(*books: str) -> Iterator[None]:
    """One refresh of a book at a time, on whatever machine: the second waits for the first."""
    with ExitStack() as locks:
        for key in sorted(parts.lock_key(book) for book in books):
            locks.enter_context(_held(key))
        yield


@contextmanager
def _held(key: int) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [parts.LOCK_SPACE, key])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [parts.LOCK_SPACE, key])


def refresh_book(
    *,
    book: Book,
    as_of: date,
    by: User | None = None,
    step: Step | None = None,
    like: AnalysisRun | None = None,
) -> AnalysisRun:
    """Scores, groups, stages and facts of one book as of a local day. The returned run is in force.

    With `like`, bounds and cuts are not found anew but those of that run, measured as it measured.
    """
    with alone(book.code):
        _close_abandoned(book.code)
        options = like.options if like else measuring(book.code).as_dict()
        run = AnalysisRun.objects.create(book=book.code, as_of=as_of, started_by=by, options=options)
        try:
            _Full(run, step or (lambda done, total: None), like).carry_out()
        except Exception as error:
            run.state, run.finished_at = AnalysisRun.State.FAILED, timezone.now()
            run.message = f"{type(error).__name__}: {error}"[:2000]
            run.save(update_fields=["state", "finished_at", "message"])
            raise
        finally:
            _clean_up(run)
        return run


def _close_abandoned(book: str) -> None:
    """Whoever was running had the lock, and has it no longer."""
    for run in AnalysisRun.objects.filter(book=book, state=AnalysisRun.State.RUNNING):
        run.state, run.finished_at, run.message = AnalysisRun.State.FAILED, timezone.now(), "The worker ended."
        run.save(update_fields=["state", "finished_at", "message"])
        _clean_up(run)


def _clean_up(run: AnalysisRun) -> None:
    """Take away what only a run under way needs. Touched customers that it did not look at wait for somebody again."""
    Touched.objects.filter(run_id=run.pk).update(run_id=None)
    # Waits for whoever is just helping, and nobody begins after it: only then the tables may go.
    RunPart.objects.filter(run=run).delete()
    clear(run.pk)


class _Full:
    def __init__(self, run: AnalysisRun, step: Step, like: AnalysisRun | None) -> None:
        self.run, self.step, self.like = run, step, like
        self.plan = parts.Plan.of(run)
        self.shelf, self.changes = Shelf(run.pk), changes_of(run.pk)
        self.done = self.total = 0

    def carry_out(self) -> None:
        # Whoever is touched from here on may have been read before it: they stay for the next run.
        Touched.objects.update(run_id=self.run.pk)
        self._divide()
        parts.finish_all(self.run.pk, RunPart.State.WAITING, lambda part: parts.read_part(self.plan, part), self._tell)
        measures = self._measure()
        parts.finish_all(
            self.run.pk, RunPart.State.READ, lambda part: parts.compare_part(self.plan, measures, part), self._tell
        )
        put_in_force(self.run, self.changes)

    def _divide(self) -> None:
        found = list(enumerate(reading.ranges()))
        self.shelf.create()
        self.changes.create()
        RunPart.objects.bulk_create(
            [RunPart(run=self.run, number=number, after=part.after, upto=part.upto) for number, part in found]
        )
        self.total = 2 * len(found)
        if len(found) > 1:
            call_helpers(self.run.pk, min(HELPERS, len(found) - 1))

    def _tell(self) -> None:
        self.done += 1
        self.step(self.done, self.total)

    def _measure(self) -> Measures:
        """Find cuts, thresholds and bounds from all ranges together, and tell them to whoever helps."""
        values, waiting = self._values()
        returned = np.zeros(1, np.int64)
        for part in RunPart.objects.filter(run=self.run).only("returned"):
            returned = lifecycle.add(returned, np.array(part.returned or [0], np.int64))
        found = results.measures_of(self.like) if self.like else None
        found = found or measure(values, returned=returned, measuring=self.plan.measuring)
        self.run.bounds, self.run.cuts = results.bounds_of(found), results.cuts_of(found)
        self.run.thresholds = results.thresholds_of(found)
        self.run.curve = dict(results.curve_of(returned, waiting, found.bounds))
        self.run.save()
        return found

    def _values(self) -> tuple[list[Values], Ints]:
        """R, F and M of everybody, and customers by days since their last purchase."""
        values, waiting = [], np.zeros(1, np.int64)
        for number in range(self.total // 2):
            people = self.shelf.buyers(number)
            values.append(Values.of(people, self.plan.measuring, self.run.as_of))
            waiting = lifecycle.add(waiting, np.bincount(values[-1].recency, minlength=1).astype(np.int64))
        return values, waiting


# Whoever has no facts in this book after it belongs to another one, and has not been looked at.
_LOOKED_AT = """
    DELETE FROM segmentation_touched t WHERE t.run_id = %s AND NOT EXISTS (
      SELECT FROM customers_customer c LEFT JOIN customers_customerfacts f ON f.customer_id = c.id
      WHERE c.id = t.customer_id AND c.merged_into_id IS NULL AND f.book IS DISTINCT FROM %s)
"""


def _tick_off(run: AnalysisRun) -> None:
    """By hash: where a table was last analysed empty, the planner compares everybody with everybody instead."""
    with writing.without("nestloop"), connection.cursor() as cursor:
        cursor.execute(_LOOKED_AT, [run.pk, run.book])


def put_in_force(run: AnalysisRun, changes: Changes) -> None:
    """Everything becomes visible at once. A deadlock with an import or an opt-out is tried again: nothing is lost."""
    for attempt in range(1, _TRIES + 1):
        try:
            with transaction.atomic():
                changed = writing.apply(changes=changes, book=run.book, run=run.pk, as_of=run.as_of)
                run.counts = results.counts_of(run) | {"changed": changed, "workers": _workers(run)}
                _tick_off(run)
                run.state, run.finished_at = AnalysisRun.State.DONE, timezone.now()
                run.save()
            return
        except OperationalError as error:
            if attempt == _TRIES or not is_deadlock(error):
                raise


def _workers(run: AnalysisRun) -> dict[str, int]:
    """Host and process → ranges whose last step was done there."""
    told = RunPart.objects.filter(run=run).order_by().values_list("worker").annotate(Count("pk"))
    return {str(worker): int(count) for worker, count in told}


def call_helpers(run: int, count: int) -> None:
    """Ask other workers. A lost message costs time only."""
    for _helper in range(count):
        try:
            current_app.send_task("segmentation.tasks.help_analysis", args=[run], retry=False)
        except Exception:  # the broker is away; this worker does it all
            return
