"""One refresh of one book, from reading to the run that is in force."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from zlib import crc32

import numpy as np
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from crm_suite.access.models import User
from customers.books import Book, largest
from segmentation.analysis import reading, results, writing
from segmentation.analysis.people import EPOCH, Measures, labels, measure
from segmentation.analysis.summary import PURCHASE, RangeSummary, ShopPlaces, summarise
from segmentation.lifecycle import add
from segmentation.models import AnalysisRun

LOCK_SPACE = 3001
_TRIES = 3

#: Told after each range: ranges done of ranges to do.
Step = Callable[[int, int], None]


@contextmanager
def alone(book: str) -> Iterator[None]:
    """One refresh of a book at a time, on whatever machine: the second waits for the first."""
    key = crc32(book.encode()) - 2**31
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_SPACE, key])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, key])


def refresh_book(
    *, book: Book, books: Sequence[Book], as_of: date, by: User | None = None, step: Step | None = None
) -> AnalysisRun:
    """Scores, groups, stages and facts of one book as of a local day. The returned run is in force.

    `books` are all books: a customer belongs to the one with most of their paid orders.
    """
    with alone(book.code):
        # Whoever was running had the lock, and has it no longer.
        AnalysisRun.objects.filter(book=book.code, state=AnalysisRun.State.RUNNING).update(
            state=AnalysisRun.State.FAILED, finished_at=timezone.now(), message="The worker ended."
        )
        run = AnalysisRun.objects.create(book=book.code, as_of=as_of, started_by=by)
        try:
            _carry_out(run, book, books, step or (lambda done, total: None))
        except Exception as error:
            run.state, run.finished_at = AnalysisRun.State.FAILED, timezone.now()
            run.message = f"{type(error).__name__}: {error}"[:2000]
            run.save(update_fields=["state", "finished_at", "message"])
            raise
        return run


def _carry_out(run: AnalysisRun, book: Book, books: Sequence[Book], step: Step) -> None:
    codes = [known.code for known in books]
    parts = list(reading.ranges())
    people, returned = _read(run, book, codes, parts, step)
    measures = measure(people, returned=returned, as_of=run.as_of)
    counter = results.Counter(as_of=run.as_of, measures=measures)
    homes = {flag: home.code for flag in (True, False) if (home := _home(books, flag))}
    writing.open_stage()
    for number, part in enumerate(parts):
        found = labels(people[number], measures, as_of=run.as_of)
        counter.add(people[number], found)
        writing.stage_people(people[number], found)
        writing.stage_prospects(part, book=book.code, books=codes, homes=homes, as_of=run.as_of)
        step(len(parts) + number + 1, 2 * len(parts))
    _remember(run, measures, counter, people)
    _apply(run)
    writing.close_stage()


def _home(books: Sequence[Book], is_demo: bool) -> Book | None:
    return largest([book for book in books if book.is_demo == is_demo])


def _read(
    run: AnalysisRun, book: Book, codes: list[str], parts: Sequence[reading.CustomerRange], step: Step
) -> tuple[list[NDArray[np.void]], NDArray[np.int64]]:
    """One array of people per range, and the spells of all of them."""
    shops, merged = reading.shop_places(codes), reading.merged_away()["customer"]
    people: list[NDArray[np.void]] = []
    returned = np.zeros(1, np.int64)
    for number, part in enumerate(parts):
        summary = _summary(part, run.as_of, book, codes.index(book.code), shops, merged)
        people.append(summary.people)
        returned = add(returned, summary.returned)
        step(number + 1, 2 * len(parts))
    return people, returned


def _summary(
    part: reading.CustomerRange, as_of: date, book: Book, place: int, shops: ShopPlaces, merged: NDArray[np.int64]
) -> RangeSummary:
    rows = reading.purchases(part, as_of=as_of)
    assert rows.dtype == PURCHASE
    if len(merged):
        rows = rows[~np.isin(rows["customer"], merged)]
    summary = summarise(rows, shops=shops, book=place)
    refunds = reading.refunds(part, book=book, as_of=as_of)
    at, refunds = _matching(summary.people, refunds)
    summary.people["refunds"][at] = refunds["refunds"]
    # Given back, but the platform does not say for which order: lowers M, not F.
    summary.people["net"][at] -= refunds["unplaced"]
    at, placed = _matching(summary.people, reading.last_orders(part))
    summary.people["last_order"][at] = placed["placed"]
    return summary


def _matching(people: NDArray[np.void], rows: NDArray[np.void]) -> tuple[NDArray[np.intp], NDArray[np.void]]:
    """Places in `people` of those `rows` whose customer is there; both are sorted by customer."""
    if not len(people):
        return np.zeros(0, np.intp), rows[:0]
    place = np.minimum(np.searchsorted(people["customer"], rows["customer"]), len(people) - 1)
    known = people["customer"][place] == rows["customer"]
    return place[known], rows[known]


def _remember(
    run: AnalysisRun, measures: Measures, counter: results.Counter, people: Sequence[NDArray[np.void]]
) -> None:
    newest = [int(part["last"].max()) for part in people if len(part)]
    prospects, prospects_net = writing.staged_prospects()
    run.bounds = results.bounds_of(measures)
    run.cuts = results.cuts_of(measures)
    run.thresholds = results.thresholds_of(measures)
    run.curve = dict(results.curve_of(measures))
    run.counts = counter.counts(
        prospects=prospects,
        prospects_net=prospects_net,
        last_day=EPOCH + timedelta(days=max(newest)) if newest else None,
    )


def _apply(run: AnalysisRun) -> None:
    """Everything becomes visible at once. A deadlock with an import or an opt-out is tried again: nothing is lost."""
    for attempt in range(1, _TRIES + 1):
        try:
            with transaction.atomic():
                run.counts["changed"] = writing.apply(book=run.book, run=run.pk, as_of=run.as_of)
                run.state, run.finished_at = AnalysisRun.State.DONE, timezone.now()
                run.save()
            return
        except OperationalError as error:
            if attempt == _TRIES or "deadlock" not in str(error):
                raise
