"""The customer list as a file: streamed while it is short, a job with progress where it is long."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _, override

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Progress, submit
from crm_suite.lib.errors import BadInput
from crm_suite.lib.exports import csv_lines
from crm_suite.lib.masking import mask_name
from customers import selectors
from customers.books import Book, book_of
from customers.filters import CustomerFilter
from customers.models import Customer

KIND = "customers.export"

#: Lists up to this size are downloaded at once.
STREAMED = 5_000
BATCH = 2_000


def header() -> list[str]:
    return [
        _("Number"), _("Full name"), _("Phone"), _("E-mail"), _("City"), _("Country"), _("Lifecycle stage"),
        _("Value group"), "R", "F", "M", _("Orders"), _("Net amount"), _("Currency"), _("First purchase"),
        _("Last purchase"), _("Platforms"), _("Reachable by e-mail"), _("Reachable by SMS"),
    ]  # fmt: skip


def rows(people: QuerySet[Customer], *, book: Book, clear: bool) -> Iterator[list[object]]:
    """One row per customer in the order of their numbers; names, phones and e-mails masked unless `clear`."""
    for customer in people.order_by("pk").iterator(chunk_size=BATCH):
        yield row(customer, book=book, clear=clear)


def row(customer: Customer, *, book: Book, clear: bool) -> list[object]:
    facts = customer.facts
    name, phone, email = mask_name(customer.name), customer.masked_phone, customer.masked_email
    if clear:
        name, phone, email = customer.name, customer.phone, customer.email
    return [
        customer.pk, name, phone, email, customer.city, customer.country, facts.stage, facts.group,
        facts.r_score, facts.f_score, facts.m_score, facts.orders, facts.net_amount, book.currency,
        facts.first_paid_on, facts.last_paid_on, " ".join(facts.platforms), int(facts.email_ok), int(facts.sms_ok),
    ]  # fmt: skip


def matching(*, book: Book, query: str, user: User) -> QuerySet[Customer]:
    """The customers that the list page shows to this person under this query string."""
    request = _Asker(user)
    people = selectors.people_of(book)
    found: QuerySet[Customer] = CustomerFilter(QueryDict(query), queryset=people, request=request, book=book).qs
    return found


class _Asker:
    """Whoever asks, as the filter sees them: what they may search by depends on what they may see."""

    def __init__(self, user: User) -> None:
        self.user = user


def is_long(people: QuerySet[Customer]) -> bool:
    """More rows than are streamed, without counting further."""
    return people.order_by()[: STREAMED + 1].count() > STREAMED


def submit_export(*, book: Book, query: str, by: User, clear: bool, language: str) -> Job:
    """Queue the writing of a long list into a file that waits at the job."""
    params = {"book": book.code, "query": query, "user": by.pk, "clear": clear, "language": language}
    return submit(kind=KIND, title=_("Export of customers"), params=params, by=by)


def note_export(*, by: User, query: str, clear: bool) -> None:
    """Every list that leaves the house is recorded with its filter."""
    audit(action="customer.export", actor=by, target="customers", changes={"filter": query, "clear": clear})


def write_export(job: Job, progress: Progress) -> Mapping[str, object]:
    """The work of an export job. Asks again what the person may see, as things may have changed while it waited."""
    params = job.params
    user, book = User.objects.get(pk=params["user"]), book_of(params["book"])
    if book is None:
        raise BadInput(_("The shops of this export are gone."), code="no_book")
    clear = bool(params["clear"]) and user.has_perm("customers.export_customer_clear")
    people = matching(book=book, query=params["query"], user=user)
    progress(total=people.order_by().count(), done=0)
    path = Path("exports") / str(uuid.uuid4()) / "customers.csv"
    with override(params["language"]):
        _write(path, _counted(rows(people, book=book, clear=clear), progress))
    job.result_file = str(path)
    # It was needed until here, and may hold the phone or the name that somebody searched for.
    job.params = {**params, "query": ""}
    return {"rows": job.done, "clear": clear}


def _counted(found: Iterable[list[object]], progress: Progress) -> Iterator[list[object]]:
    for number, cells in enumerate(found, start=1):
        if number % 500 == 0:
            progress(done=number)
        progress.job.done = number
        yield cells


def _write(path: Path, found: Iterator[list[object]]) -> None:
    """The file below MEDIA_ROOT, in a folder that only we read."""
    target = Path(settings.MEDIA_ROOT) / path
    target.parent.mkdir(parents=True, mode=0o700)
    with target.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_lines(header=header(), rows=found))
