"""The state of a store's data: what is counted, what that means, how to mend it; counted by a job, shown with its day.

A job's result is what the page shows: no visit counts anything by itself, however large the store is.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import OPEN_STATES, Job
from crm_suite.jobs.ticks import claim_tick
from crm_suite.lib.errors import BadInput, NotAllowed
from customers.books import Book, book_of, books
from customers.ledger import restore_balances
from orders import oddities
from orders.oddities import Found
from orders.orphans import clear_orphans, count_orphans

KIND = "count_quality"

SAMPLED = 10
EXPORTED = 2_000  # rows read at once
DAY = 86_400  # seconds

WRONG, LOOK, INFO, GOOD = LEVELS = ("wrong", "look", "info", "good")


@dataclass(frozen=True)
class Mend:
    """The page on which it is put right, opened with `query`, by whoever has `permission`; or with `verb` what a button
    does at once."""

    label: str | Promise
    url_name: str = ""
    query: str = ""
    permission: str = ""
    verb: str = ""


@dataclass(frozen=True)
class Check:
    """`level`: wrong (mend it), look (worth a look) or info (normal, good to know). Rows of `find` have whole numbers
    as keys."""

    code: str
    title: str | Promise
    meaning: str | Promise
    level: str
    find: Callable[[Book], QuerySet[Any]]
    show: Callable[[Any], Found]
    mend: Mend | None = None


_IMPORTS = Mend(_("Imports"), "orders:import_list", permission="orders.import_orders")
_IMPORT = Mend(_("Import orders"), "orders:import_new", permission="orders.import_orders")

CHECKS: tuple[Check, ...] = (
    Check(
        "no_key", _("Customers without any key"),
        _("No phone, e-mail, platform name or number recognises them: their next order makes a new customer."),
        LOOK, oddities.without_key, oddities.show_customer,
        Mend(_("Find their twins"), "customers:duplicates", permission="customers.merge_customer"),
    ),
    Check(
        "no_contact", _("Customers without phone and e-mail"),
        _("Normal: platforms no longer pass them on. These customers are reached through their platform only."),
        INFO, oddities.without_contact, oddities.show_customer,
        Mend(_("Who is reachable where"), "orders:platforms", permission="orders.view_sales"),
    ),
    Check(
        "duplicates", _("Customers who may be one person"),
        _("They share something that two persons rarely do. Counted twice, they look less loyal than they are."),
        LOOK, oddities.open_pairs, oddities.show_pair,
        Mend(_("Decide"), "customers:duplicates", permission="customers.merge_customer"),
    ),
    Check(
        "points", _("Points balances that are not the sum of their entries"),
        _("The database keeps both equal, so that any difference was made past it. The entries are the truth."),
        WRONG, oddities.with_wrong_points, oddities.show_customer,
        Mend(_("Work them out again"), permission="customers.manage_loyalty", verb="points"),
    ),
    Check(
        "no_customer", _("Orders without a customer"),
        _(
            "They count in sales but in nobody's history. A file of the same orders with a column of buyers adds "
            "them."
        ),
        LOOK, oddities.without_customer, oddities.show_order, _IMPORT,
    ),
    Check(
        "future", _("Orders from the future"),
        _(
            "Placed or paid more than a day from now: a wrong order of day and month, or a wrong time zone. "
            "Import the file again with the right one."
        ),
        WRONG, oddities.in_the_future, oddities.show_order, _IMPORTS,
    ),
    Check(
        "currency", _("Orders in another currency than their shop's"),
        _(
            "Their file names another currency, and their amounts were counted as the shop's. Take the import "
            "back and bring the file into a shop of its currency."
        ),
        WRONG, oddities.in_other_currency, oddities.show_order_with_currency, _IMPORTS,
    ),
    Check(
        "no_cost", _("Products without a cost"),
        _("Margin is known only where cost is."),
        LOOK, oddities.without_cost, oddities.show_product,
        Mend(_("Enter costs"), "orders:products", "missing=cost", "orders.view_product"),
    ),
    Check(
        "no_category", _("Products without a category"),
        _("They are missing where preferences and sales are told by category."),
        LOOK, oddities.without_category, oddities.show_product,
        Mend(_("Enter categories"), "orders:products", "missing=category", "orders.view_product"),
    ),
    Check(
        "parked", _("Lines that wait for their order"),
        _("From a file of details whose orders have not come yet. They join their order by themselves."),
        INFO, oddities.waiting, oddities.show_parked, _IMPORT,
    ),
    Check(
        "parked_long", _("Lines that have waited for more than 7 days"),
        _("Their orders are in no file so far. Import the order report of the same days."),
        WRONG, oddities.waiting_long, oddities.show_parked, _IMPORT,
    ),
    Check(
        "rejected", _("Rejected rows that were not corrected"),
        _("Download them at their import, correct the named cell and upload the file: only these rows are taken."),
        LOOK, oddities.rejected, oddities.show_rejected, _IMPORTS,
    ),
    Check(
        "quiet", _("Shops that nothing came from for 14 days"),
        _("Neither an import nor an order over the API: stages and recency of their customers are out of date."),
        LOOK, oddities.quiet_shops, oddities.show_shop, _IMPORT,
    ),
)  # fmt: skip

ORPHANS = "orphans"


def check_named(code: str) -> Check | None:
    return next((check for check in CHECKS if check.code == code), None)


# --- counting ---------------------------------------------------------------------------------------------------------


def submit_count(*, book: Book, by: User | None = None) -> Job:
    """Queue the counting of a book. One that waits or runs already is used again."""
    title = gettext("Data quality")
    return open_count(book) or jobs.submit(
        kind=KIND, title=f"{title} · {book.label}", params={"book": book.code}, by=by
    )


def open_count(book: Book) -> Job | None:
    """The counting that waits or runs."""
    return _jobs(book).filter(state__in=OPEN_STATES).first()


def submit_nightly() -> int:
    """Queue today's counting of every book, once a day (UTC) however many ask. Returns how many were queued."""
    due = [book for book in books() if claim_tick(task=f"quality:{book.code}", seconds=DAY)]
    return len([submit_count(book=book) for book in due])


def count(job: Job, progress: jobs.Progress) -> Mapping[str, object]:
    """The work of a counting job: for each check how many rows there are and the newest ten of them."""
    book = book_of(job.params["book"])
    if book is None:
        raise BadInput(gettext("The shops of this count are gone."), code="no_book")
    found: dict[str, object] = {}
    for place, check in enumerate(CHECKS):
        progress(done=place, total=len(CHECKS) + 1, message=str(check.title))
        found[check.code] = _count_of(check, book)
    progress(done=len(CHECKS), message=gettext("Rows whose parent is gone"))
    orphaned = count_orphans()
    progress(done=len(CHECKS) + 1)
    return {"checks": found, ORPHANS: orphaned}


def _count_of(check: Check, book: Book) -> list[object]:
    rows = check.find(book).order_by()
    n = rows.count()
    return [n, list(rows.order_by("-pk").values_list("pk", flat=True)[:SAMPLED]) if n else []]


def _jobs(book: Book) -> QuerySet[Job]:
    return Job.objects.filter(kind=KIND, params__book=book.code).order_by("-pk")


# --- showing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of the page. `n` None: not counted when the job ran, as the check is newer."""

    check: Check
    n: int | None

    @property
    def level(self) -> str:
        """`good` where nothing was found."""
        return self.check.level if self.n else GOOD


@dataclass(frozen=True)
class Report:
    """The newest finished count of a book, what wants mending first. `orphans`: (key, rows whose parent is gone), of
    all stores together."""

    counted_at: datetime
    lines: list[Line]
    orphans: list[tuple[str, int]]

    @property
    def wrong(self) -> int:
        """Lines that want mending."""
        return sum(line.level == WRONG for line in self.lines) + bool(self.orphans)

    @property
    def orphaned(self) -> int:
        return sum(n for _name, n in self.orphans)


def report(book: Book) -> Report | None:
    """What the newest count found; None before the first one."""
    job = _newest(book)
    if job is None or job.finished_at is None:
        return None
    counts = job.result["checks"]
    lines = [Line(check, counts[check.code][0] if check.code in counts else None) for check in CHECKS]
    lines.sort(key=lambda line: LEVELS.index(line.level))
    return Report(job.finished_at, lines, sorted(job.result[ORPHANS].items()))


def sample(check: Check, book: Book) -> list[Found]:
    """Those of the ten rows noted at the newest count in which the oddity still is, newest first."""
    job = _newest(book)
    noted = job.result["checks"].get(check.code, [0, []])[1] if job else []
    rows = check.find(book).filter(pk__in=noted).order_by("-pk")
    return [check.show(row) for row in rows]


def export(check: Check, book: Book) -> Iterator[list[object]]:
    """Every row that the check finds at this moment: its number, what it is and what is odd. Customers by number."""
    for row in check.find(book).order_by("pk").iterator(chunk_size=EXPORTED):
        found = check.show(row)
        yield [row.pk, "" if found.is_person else found.label, found.note]


def _newest(book: Book) -> Job | None:
    return _jobs(book).filter(state=Job.State.DONE).first()


#: What can be put right without a decision, and what one must be allowed to for it.
VERBS: dict[str, tuple[Callable[[], int], str]] = {
    ORPHANS: (clear_orphans, "orders.import_orders"),
    "points": (restore_balances, "customers.manage_loyalty"),
}


def mend(*, verb: str, by: User) -> int:
    """Put right what needs no decision; recorded with who asked. Returns how many rows.

    Raises BadInput for something else, NotAllowed where this person may not do it.
    """
    if verb not in VERBS:
        raise BadInput(gettext("There is nothing of this kind to mend."), code="unknown_verb")
    work, permission = VERBS[verb]
    if not by.has_perm(permission):
        raise NotAllowed(gettext("You may not do this."))
    n = work()
    audit(action="quality.mend", actor=by, target=verb, changes={"rows": n})
    return n
