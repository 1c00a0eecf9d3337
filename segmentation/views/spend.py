"""Recorded spend: the list, its download, and the form of one entry."""

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.days import today_in
from crm_suite.lib.errors import BadInput
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers.books import Book, book_of, current_book
from segmentation.acquisition import selectors, spend
from segmentation.acquisition.costs import Days
from segmentation.acquisition.forms import SpendFilter, SpendForm
from segmentation.models import SpendEntry

#: Days back in which a form looks for sources to propose.
PROPOSED_DAYS = 365


@requires("segmentation.view_insights")
def spend_list(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    context: dict[str, object] = {"book": book, "kinds": SpendEntry.Kind.choices}
    if book:
        found = _filtered(request, book)
        rows = listing(request, found.qs, order=("-last_day", "-first_day", "source", "-price"))
        context |= {
            "filter": found, "listing": rows, "has_any": bool(rows.rows) or spend.entries_of(book.code).exists(),
            "lines": [{"entry": entry, "model": spend.model_of(entry)} for entry in rows],
        }  # fmt: skip
    return render(request, "segmentation/spend.html", context)


def _filtered(request: HttpRequest, book: Book) -> SpendFilter:
    return SpendFilter(request.GET, queryset=spend.entries_of(book.code))


@requires("segmentation.view_insights")
def spend_export(request: HttpRequest) -> HttpResponseBase:
    """The entries that the page shows as CSV; shares are of 1, amounts in the book's currency."""
    book = current_book(request)
    if book is None:
        return redirect("segmentation:spend")
    audit(action="spend.export", request=request, changes={"filter": request.GET.urlencode()})
    header = [
        _("Source"), _("Kind"), _("From"), _("Until"), _("Price"), _("Visitors, clicks or views"),
        _("Commission rate"), _("Click rate"), _("Conversion"), _("Recorded spend"), _("Cost per new customer"),
        _("Currency"), _("Note"), _("Entered by"),
    ]  # fmt: skip
    rows = _export_rows(_filtered(request, book).qs, book)
    return csv_response(filename="spend.csv", header=header, rows=rows)


def _export_rows(entries: QuerySet[SpendEntry], book: Book) -> Iterator[list[object]]:
    for entry in entries.iterator(chunk_size=2_000):
        model = spend.model_of(entry)
        amounts = [None if one is None else round(one, 2) for one in (model.spent(), model.per_customer())]
        yield [
            entry.source, entry.kind, entry.first_day, entry.last_day, entry.price, entry.quantity, entry.rate,
            entry.click_rate, entry.conversion, *amounts, book.currency, entry.note, entry.created_by,
        ]  # fmt: skip


@requires("segmentation.manage_spend")
def spend_new(request: HttpRequest) -> HttpResponse:
    """An entry of the kind that `?kind=` names, for the month up to today; `?source=` fills the source in."""
    book = current_book(request)
    if book is None:
        messages.error(request, _("Add a shop first."))
        return redirect("segmentation:spend")
    kind = request.GET.get("kind", SpendEntry.Kind.FIXED.value)
    if kind not in SpendEntry.Kind.values:
        raise Http404
    today = today_in(book.timezone)
    entry = SpendEntry(
        book=book.code, kind=kind, source=request.GET.get("source", "")[:60], first_day=today.replace(day=1),
        last_day=today,
    )  # fmt: skip
    return _form(request, entry, book)


@requires("segmentation.manage_spend")
def spend_edit(request: HttpRequest, pk: int) -> HttpResponse:
    entry = get_object_or_404(SpendEntry, pk=pk)
    book = book_of(entry.book)
    if book is None:
        raise Http404
    return _form(request, entry, book)


def _form(request: HttpRequest, entry: SpendEntry, book: Book) -> HttpResponse:
    form = SpendForm(request.POST or None, instance=entry, currency=book.currency)
    if request.method == "POST" and form.is_valid():
        try:
            saved = spend.save_spend(entry=form.instance, by=cast(User, request.user))
        except BadInput as refusal:
            field = str(refusal.extra.get("field", ""))
            form.add_error(field if field in form.fields else None, refusal.message)
        else:
            messages.success(request, _("Spend for “%(source)s” is saved.") % {"source": saved.source})
            return redirect("segmentation:spend")
    context = {
        "form": form, "entry": entry, "book": book, "kinds": SpendEntry.Kind.choices,
        "sources": selectors.known_sources(book, _lately(book)),
    }  # fmt: skip
    return render(request, "segmentation/spend_form.html", context)


def _lately(book: Book) -> Days:
    last = selectors.last_day(book) or today_in(book.timezone)
    return Days(last - timedelta(days=PROPOSED_DAYS - 1), last)


@requires("segmentation.manage_spend")
@require_POST
def spend_delete(request: HttpRequest, pk: int) -> HttpResponse:
    entry = get_object_or_404(SpendEntry, pk=pk)
    spend.delete_spend(entry=entry, by=cast(User, request.user))
    messages.success(request, _("Spend for “%(source)s” is deleted.") % {"source": entry.source})
    return redirect("segmentation:spend")
