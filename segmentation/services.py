"""Verbs: measure the store anew, keep segments."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import chain, count

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.access.models import User
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Cancelled
from crm_suite.lib.days import today_in
from crm_suite.lib.errors import BadInput, WrongState
from customers.books import Book, books
from customers.models import CustomerFacts
from customers.services import refresh_reach
from segmentation import selectors, sizes, tagging
from segmentation.analysis.run import Step, refresh_book
from segmentation.analysis.touched import refresh_touched
from segmentation.analysis.writing import forget_merged
from segmentation.clock import day_to_count_to
from segmentation.models import AnalysisRun, Segment, Touched

KIND = "analysis"

#: As jobs.Progress: told how many steps of how many are done.
Tell = Callable[..., None]


def refresh(
    *, book: str | None = None, as_of: date | None = None, by: User | None = None, progress: Tell | None = None
) -> list[AnalysisRun]:
    """Measure a book, or all of them, and put the runs in force. Facts, labels and history are those of `as_of`.

    `as_of` is a local day, today in the book's zone by default; purchases after it are left out. Book after book: one
    that fails keeps its former run, the others are measured all the same, and the first error is raised at the end.
    Raises BadInput for an unknown book or a day in the future.
    """
    everything = books()
    chosen = [known for known in everything if book in (None, known.code)]
    if book is not None and not chosen:
        raise BadInput(_("There is no store measured as “%(book)s”.") % {"book": book}, code="unknown_book")
    for known in chosen:
        _check_day(as_of, known)
    return _refresh_all([(known, as_of or today_in(known.timezone)) for known in chosen], by=by, progress=progress)


def _refresh_all(
    days: Sequence[tuple[Book, date]], *, by: User | None = None, progress: Tell | None = None
) -> list[AnalysisRun]:
    runs: list[AnalysisRun] = []
    errors: list[Exception] = []
    for number, (book, day) in enumerate(days):
        try:
            runs.append(refresh_book(book=book, as_of=day, by=by, step=_step(book, progress, (number, len(days)))))
        except Cancelled:
            raise
        except Exception as error:
            errors.append(error)
    # After the runs, which make most of the rows: each is then written once.
    refresh_reach()
    forget_merged()
    tagging.apply_rules()
    recount()
    if errors:
        raise errors[0]
    return runs


def _check_day(as_of: date | None, book: Book) -> None:
    if as_of is not None and as_of > today_in(book.timezone):
        raise BadInput(_("The day of an analysis cannot lie in the future."), code="future_day")


def _step(book: Book, progress: Tell | None, place: tuple[int, int]) -> Step:
    number, count = place

    def step(done: int, total: int) -> None:
        if progress:
            progress(done=number * 100 + 100 * done // max(total, 1), total=count * 100, message=book.label)

    return step


#: With more touched customers than this, and than every fifth one, a full refresh costs less.
MANY_TOUCHED = 20_000


def refresh_changed(*, as_of: date | None = None, progress: Tell | None = None) -> list[AnalysisRun]:
    """Bring the customers up to date whose orders changed or whom time has carried over a bound, of every book.

    Bounds, cuts and thresholds stay those in force. Counted to `as_of`, by default today in each book's zone, or the
    past day that somebody chose while nothing was bought since. Everything is measured anew where a book has not been
    measured yet, or where too many are touched. Returns the runs that are in force now and were not before.
    """
    days = [(known, as_of or day_to_count_to(known)) for known in books()]
    found = refresh_touched(days={known.code: day for known, day in days}, most=_too_many())
    if found is None:
        return _refresh_all(days, progress=progress)
    if found.runs:
        refresh_reach(customer_ids=found.ids.tolist())
        tagging.apply_rules()
        recount()
    return found.runs


def submit_refresh(*, by: User | None = None, book: str | None = None, as_of: date | None = None) -> Job:
    """Have a worker do it. A job of the same wish that still waits is used again instead of queueing a second one."""
    params = {"book": book, "as_of": as_of.isoformat() if as_of else None}
    waiting = Job.objects.filter(kind=KIND, state=Job.State.QUEUED, params=params, cancel_requested=False).first()
    if waiting is not None:
        return waiting
    title = _("Recalculate scores and stages")
    return jobs.submit(kind=KIND, title=f"{title} · {book}" if book else title, params=params, by=by)


def _too_many() -> int:
    """Counting everybody costs something: only where it may matter."""
    many = Touched.objects.count() > MANY_TOUCHED
    return max(MANY_TOUCHED, CustomerFacts.objects.count() // 5) if many else MANY_TOUCHED


def submit_changed() -> Job:
    """Have a worker bring touched customers up to date. One waiting job does it for everybody who asks."""
    waiting = Job.objects.filter(kind=KIND, state=Job.State.QUEUED, params=_CHANGED, cancel_requested=False).first()
    return waiting or jobs.submit(kind=KIND, title=_("Bring scores and stages up to date"), params=_CHANGED)


_CHANGED = {"only": "changed"}


def carry_out_refresh(job: Job, progress: jobs.Progress) -> Mapping[str, object]:
    """The work of a job made by `submit_refresh` or `submit_changed`."""
    if job.params == _CHANGED:
        return _told(refresh_changed(progress=progress))
    day = job.params.get("as_of")
    as_of = date.fromisoformat(day) if day else None
    runs = refresh(book=job.params.get("book"), as_of=as_of, by=job.created_by, progress=progress)
    return _told(runs)


def _told(runs: list[AnalysisRun]) -> Mapping[str, object]:
    return {"runs": [run.pk for run in runs], "customers": sum(int(run.counts["customers"]) for run in runs)}


# --- segments ---------------------------------------------------------------------------------------------------------


def save_segment(
    *,
    name: str,
    rule: object,
    book: str = "",
    description: str = "",
    segment: Segment | None = None,
    by: User | None = None,
    is_demo: bool = False,
) -> Segment:
    """Make a live segment, or change `segment`.

    Raises BadRule, BadInput where the name is taken or missing or the book unknown, WrongState for what is fixed.
    """
    if segment is not None and (segment.kind != Segment.Kind.LIVE or segment.archived_at):
        raise WrongState(_("A snapshot or an archived segment cannot be changed."), code="segment_fixed")
    selectors.check_book(book)
    saved = segment or Segment(created_by=by, is_demo=is_demo)
    size = selectors.size(selectors.members(rule=rule, book=book, is_demo=saved.is_demo))
    saved.name, saved.description, saved.book = name.strip(), description.strip(), book
    saved.rule, saved.size, saved.counted_at = rule, size, timezone.now()
    _store(saved)
    return saved


def keep_rule(*, name: str, rule: object, book: str, by: User | None) -> Segment:
    """A live segment of this rule: the one that is there under this name, or a new one, numbered where the name is
    taken by another rule. Raises BadRule, and BadInput where somebody takes the name at the same moment."""
    names = chain([name[:90]], (f"{name[:90]} ({number})" for number in count(2)))
    for tried in names:
        there = Segment.objects.filter(name=tried, archived_at=None).first()
        if there is None or (there.kind, there.rule, there.book) == (Segment.Kind.LIVE, rule, book):
            break
    return there or save_segment(name=tried, rule=rule, book=book, by=by)


def _store(segment: Segment) -> None:
    if not segment.name:
        raise BadInput(_("A segment needs a name."), code="name_missing")
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise BadInput(_("Another segment has this name."), code="name_taken") from None


@transaction.atomic
def take_snapshot(*, segment: Segment) -> int:
    """Fix the members of `segment` as they are at this moment: it is a snapshot from now on. Returns how many."""
    _check_live(segment)
    people = selectors.segment_members(segment).order_by().values_list("pk")
    select, params = people.query.sql_with_params()
    with connection.cursor() as cursor:
        insert = "INSERT INTO segmentation_segmentmember (segment_id, customer_id)"
        cursor.execute(f"{insert} SELECT %s, found.id FROM ({select}) AS found (id)", [segment.pk, *params])  # noqa: S608  compiled
        segment.size = int(cursor.rowcount)
    segment.kind, segment.counted_at = Segment.Kind.SNAPSHOT, timezone.now()
    segment.save(update_fields=["kind", "size", "counted_at", "updated_at"])
    return segment.size


def _check_live(segment: Segment) -> None:
    if segment.kind != Segment.Kind.LIVE:
        raise WrongState(_("The members of a snapshot are fixed already."), code="segment_fixed")


@transaction.atomic
def copy_as_snapshot(*, segment: Segment, by: User | None = None) -> Segment:
    """A new segment that holds today's members of a live one, named after it and the moment."""
    _check_live(segment)
    moment = timezone.localtime().strftime("%Y-%m-%d %H:%M:%S")
    copy = Segment(
        name=f"{segment.name[:75]} · {moment}", description=segment.description, book=segment.book, rule=segment.rule,
        created_by=by, is_demo=segment.is_demo,
    )  # fmt: skip
    _store(copy)
    take_snapshot(segment=copy)
    return copy


def archive_segment(*, segment: Segment) -> None:
    """Out of the lists; campaigns that used it keep their record. Repeating is harmless."""
    if segment.archived_at is None:
        segment.archived_at = timezone.now()
        segment.save(update_fields=["archived_at", "updated_at"])


def recount() -> None:
    """Write the sizes of live segments after their members changed. One that cannot be counted stops no other."""
    sizes.count_all()
