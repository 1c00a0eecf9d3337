"""Verbs: fit the value model of a book, and have that done."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, cast

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from crm_suite.access.models import User
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import OPEN_STATES, BeatTick, Job
from crm_suite.lib.days import today_in
from crm_suite.lib.errors import BadInput
from customers.books import Book, book_of, books
from segmentation.clv import model, reading, writing
from segmentation.clv.history import PERSON, cut_day, day_number
from segmentation.clv.selectors import model_in_force
from segmentation.models import AnalysisRun, ValueModel
from segmentation.selectors import as_of as day_in_force

KIND = "value_model"

#: As jobs.Progress: told how many steps of how many are done.
Tell = Callable[..., None]


def refresh_value(*, book: str, as_of: date | None = None, progress: Tell | None = None) -> ValueModel:
    """Fit BG/NBD and Gamma-Gamma to a book, and put the model and everybody's expectations in force together.

    Customers are those whom the analysis in force counts to the book; `as_of` is a local day, that of the analysis by
    default. Where nothing can be told, the model says why and nobody has expectations. Raises BadInput for an unknown
    book or a day in the future.
    """
    known = _checked(book, as_of)
    day = as_of or day_in_force(known.code)
    cut = cut_day(reading.first_day(known) or day, day)
    tell = progress or (lambda **_told: None)
    tell(done=0, total=model.STEPS + 2, message=known.label)
    outcome = model.fit(
        _people(known, day, cut), as_of=day_number(day), cut=day_number(cut), step=lambda number: tell(done=number + 1)
    )
    tell(done=model.STEPS + 1)
    return _store(known, day, cut, outcome)


def _checked(book: str, as_of: date | None) -> Book:
    known = book_of(book)
    if known is None:
        raise BadInput(_("There is no store measured as “%(book)s”.") % {"book": book}, code="unknown_book")
    if as_of is not None and as_of > today_in(known.timezone):
        raise BadInput(_("The day of an analysis cannot lie in the future."), code="future_day")
    return known


def _people(book: Book, as_of: date, cut: date) -> NDArray[np.void]:
    parts = list(reading.people(book, as_of=as_of, cut=cut))
    return np.concatenate(parts) if parts else np.empty(0, PERSON)


@transaction.atomic
def _store(book: Book, as_of: date, cut: date, outcome: model.Outcome) -> ValueModel:
    changed = writing.apply(outcome.values, book=book.code, as_of=as_of)
    return ValueModel.objects.create(
        book=book.code, as_of=as_of, parameters=outcome.parameters,
        validation={**outcome.validation, "cut": cut.isoformat()}, counts={**outcome.counts, "changed": changed},
    )  # fmt: skip


# --- jobs -------------------------------------------------------------------------------------------------------------


def submit_value(*, book: str, by: User | None = None) -> Job:
    """Have a worker do it. A job for the same book that still waits is used again instead of queueing a second one."""
    params = {"book": book}
    waiting = Job.objects.filter(kind=KIND, state=Job.State.QUEUED, params=params, cancel_requested=False).first()
    if waiting is not None:
        return waiting
    return jobs.submit(kind=KIND, title=f"{_('Calculate customer value')} · {book}", params=params, by=by)


def carry_out_value(job: Job, progress: jobs.Progress) -> Mapping[str, object]:
    """The work of a job made by `submit_value`."""
    found = refresh_value(book=cast(dict[str, Any], job.params)["book"], progress=progress)
    return {"model": found.pk, "customers": found.counts["customers"], "why": found.counts.get("why", "")}


def job_under_way(book: str) -> Job | None:
    """The newest unfinished fit of this book."""
    return Job.objects.filter(kind=KIND, state__in=OPEN_STATES, params__book=book).order_by("-id").first()


def submit_due() -> int:
    """Queue a fit for each book that was measured in full since its last fit. Returns how many; repeating adds none."""
    return sum(_submit_once(book.code) for book in books())


def _submit_once(book: str) -> bool:
    newest = AnalysisRun.objects.filter(book=book, state=AnalysisRun.State.DONE, kind=AnalysisRun.Kind.FULL)
    measured = newest.aggregate(at=Max("finished_at"))["at"]
    fitted = model_in_force(book)
    if measured is None or (fitted is not None and fitted.created_at >= measured):
        return False
    with transaction.atomic():
        _tick, mine = BeatTick.objects.get_or_create(task=f"value:{book}", slot=measured)
        if mine:
            submit_value(book=book)
    return mine
