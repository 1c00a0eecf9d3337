"""Count the growth of a book and remember it, so that what was told first can be shown beside what is known now.

Asked for by a person, or every few minutes by beat for books with a full analysis that growth was not counted for yet.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import Book, book_of, books
from customers.models import Shop
from segmentation.growth import COLUMNS, Months, check, flows
from segmentation.histories import Histories, day_number, first_of, histories, month_number
from segmentation.models import AnalysisRun, GrowthMonth
from segmentation.rfm import Ints
from segmentation.selectors import run_in_force

KIND = "growth"
MONTHS = 36
#: The whole book, among platforms.
ALL = ""

Figures = dict[str, int]


def submit_growth(*, book: str, by: User | None = None) -> Job:
    """Have a worker count. A job that still waits is used again. Raises WrongState before the first analysis."""
    run = run_in_force(book)
    if run is None:
        raise WrongState(_("Nothing has been analysed in this store yet."), code="nothing_analysed")
    waiting = Job.objects.filter(kind=KIND, state=Job.State.QUEUED, params__book=book, cancel_requested=False).first()
    return waiting or _submit(run, by)


def submit_due() -> int:
    """Queue the books whose newest full analysis nobody was asked to count growth for. Returns how many."""
    return sum(_submit_once(book.code) for book in books())


def _submit_once(book: str) -> bool:
    full = AnalysisRun.objects.filter(book=book, kind=AnalysisRun.Kind.FULL, state=AnalysisRun.State.DONE)
    run = full.order_by("-id").first()
    if run is None or Job.objects.filter(kind=KIND, params={"book": book, "run": run.pk}).exists():
        return False
    _submit(run, None)
    return True


def _submit(run: AnalysisRun, by: User | None) -> Job:
    title = _("Count customer growth")
    return jobs.submit(kind=KIND, title=f"{title} · {run.book}", params={"book": run.book, "run": run.pk}, by=by)


def carry_out_growth(job: Job, progress: jobs.Progress) -> Mapping[str, object]:
    """The work of a job made here."""
    return {"months": refresh_growth(book=str(job.params["book"]))}


def refresh_growth(*, book: str) -> int:
    """Count the last 36 months up to the day of the run in force, with its bounds. Returns how many finished months
    now say something else than before. Raises BadInput for an unknown book, WrongState before its first analysis,
    DoesNotAddUp where figures contradict each other (nothing is stored then)."""
    found, run = book_of(book), run_in_force(book)
    if found is None:
        raise BadInput(_("There is no store measured as “%(book)s”.") % {"book": book}, code="unknown_book")
    if run is None:
        raise WrongState(_("Nothing has been analysed in this store yet."), code="nothing_analysed")
    months = _months(run)
    with transaction.atomic():
        # Two workers at once would both take their figures for the newer ones.
        AnalysisRun.objects.select_for_update().get(pk=run.pk)
        restated = [_keep(run, platform, months, table) for platform, table in _counted(found, run, months).items()]
    return sum(restated)


def _months(run: AnalysisRun) -> Months:
    last = month_number(run.as_of)
    first = last - MONTHS + 1
    ends = [day_number(first_of(month + 1)) - 1 for month in range(first - 1, last)] + [day_number(run.as_of)]
    return Months(first, np.array(ends), p60=int(run.bounds["p60"]), p90=int(run.bounds["p90"]))


def _counted(book: Book, run: AnalysisRun, months: Months) -> dict[str, Ints]:
    """Figures of the book, and of each of its platforms where it has several. They add up, or are not returned."""
    scopes = dict(_scopes(book))
    tables = {platform: np.zeros((months.count, len(COLUMNS)), np.int64) for platform in scopes}
    people = dict.fromkeys(scopes, 0)
    for part in histories(book, as_of=run.as_of):
        for platform, shops in scopes.items():
            within: Histories = part if platform == ALL else part.of_shops(shops)
            tables[platform] += flows(within, months)
            people[platform] += within.people
    for platform, table in tables.items():
        check(table, people[platform])
    return tables


def _scopes(book: Book) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield ALL, book.shop_ids
    shops = list(Shop.objects.filter(pk__in=book.shop_ids).values_list("platform", "pk"))
    platforms = sorted({platform for platform, _pk in shops})
    if len(platforms) > 1:
        for platform in platforms:
            yield platform, tuple(pk for other, pk in shops if other == platform)


def _keep(run: AnalysisRun, platform: str, months: Months, table: Ints) -> int:
    """Write what is new. Returns how many finished months are told otherwise than before."""
    known = {row.month: row for row in GrowthMonth.objects.filter(book=run.book, platform=platform)}
    rows, restated = [], 0
    for month, counts in zip(range(months.first, months.first + months.count), table.tolist(), strict=True):
        figures = dict(zip(COLUMNS, counts, strict=True)) | {"p60": months.p60, "p90": months.p90}
        row = known.get(first_of(month)) or GrowthMonth(book=run.book, platform=platform, month=first_of(month))
        restated += _tell(row, run, figures)
        rows.append(row)
    told: list[str] = ["as_of", "figures", "first", "told_at", "restated_at", "run"]
    GrowthMonth.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["book", "platform", "month"], update_fields=told
    )
    return restated


def _tell(row: GrowthMonth, run: AnalysisRun, figures: dict[str, Any]) -> bool:
    """Whether a month that had ended is restated."""
    end = last_day(row.month)
    is_finished, was_finished = run.as_of >= end, row.first is not None and row.as_of >= end
    is_restated = is_finished and was_finished and any(row.figures[name] != figures[name] for name in COLUMNS)
    now = timezone.now()
    if is_finished and row.first is None:
        row.first, row.told_at = figures, now
    row.restated_at = now if is_restated else row.restated_at
    row.figures, row.as_of, row.run = figures, run.as_of, run
    return is_restated


def last_day(month: date) -> date:
    """The last day of the month that begins on `month`."""
    return first_of(month_number(month) + 1) - timedelta(days=1)
