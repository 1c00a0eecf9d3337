"""Who moved between two days: from which stage or value group into which."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from customers import exports
from customers.books import Book, current_book
from customers.models import Customer, Group, Stage
from segmentation import moves
from segmentation.selectors import run_in_force

#: Days back that the page begins with.
SPAN = 30


@dataclass(frozen=True)
class Asked:
    """Two local days and what is compared."""

    kind: str
    first: date
    last: date


@requires("segmentation.view_insights")
def moves_page(request: HttpRequest) -> HttpResponse:
    """The frame with its choices; the table comes as a panel."""
    book = current_book(request)
    context = {"book": book, "asked": _asked(request, book) if book else None, "spans": (7, 30, 90, 365)}
    return render(request, "segmentation/moves.html", context)


@requires("segmentation.view_insights")
def moves_figures(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    asked = _asked(request, book) if book else None
    found = _found(book, asked) if book and asked else None
    names = label_names(asked.kind) if asked else {}
    context = {
        "book": book,
        "asked": asked,
        "found": found,
        "columns": [names.get(code) or _("None") for code in found.columns] if found else [],
        "lines": [{"row": row, "name": names.get(row.was) or _("Not yet")} for row in found.rows] if found else [],
    }
    return render(request, "segmentation/_moves.html", context)


@requires("segmentation.view_insights")
def moves_export(request: HttpRequest) -> HttpResponseBase:
    book = current_book(request)
    asked = _asked(request, book) if book else None
    found = _found(book, asked) if book and asked else None
    if book is None or asked is None or found is None:
        return redirect("segmentation:moves")
    audit(action="insights.export_moves", request=request, target="moves", changes={"filter": request.GET.urlencode()})
    header = [_("From"), _("To"), _("Customers"), _("Share"), _("Net amount"), _("Currency")]
    return csv_response(
        filename=f"moves-{asked.kind}-{asked.first}-{asked.last}.csv", header=header, rows=_export_rows(found, book)
    )


@requires("customers.list_customers")
def moves_people(request: HttpRequest) -> HttpResponse:
    """The customers of one cell, greatest net amount first."""
    book, asked, (was, now) = _cell_asked_for(request)
    people = moves.people(book=book.code, kind=asked.kind, first=asked.first, last=asked.last, was=was, now=now)
    names = label_names(asked.kind)
    context = {
        "book": book,
        "asked": asked,
        "was": names.get(was) or _("Not yet"),
        "now": names.get(now) or _("None"),
        "most": moves.MOST_LISTED,
        "listing": listing(request, people, order=("-net_amount", "-orders", "-last_paid_on")),
    }
    return render(request, "segmentation/moves_people.html", context)


@requires("customers.export_customer")
def moves_people_export(request: HttpRequest) -> HttpResponseBase:
    """The same customers as CSV; names, phones and e-mails masked unless the person may see more."""
    book, asked, (was, now) = _cell_asked_for(request)
    behind = moves.people(book=book.code, kind=asked.kind, first=asked.first, last=asked.last, was=was, now=now)
    people = Customer.objects.filter(pk__in=behind.values("pk")).select_related("facts")
    clear = request.user.has_perm("customers.export_customer_clear")
    changes = {"filter": request.GET.urlencode(), "clear": clear}
    audit(action="customer.export", request=request, target="customers", changes=changes)
    return csv_response(
        filename=f"moves-{asked.first}-{asked.last}.csv",
        header=exports.header(),
        rows=exports.rows(people, book=book, clear=clear),
    )


def _found(book: Book, asked: Asked) -> moves.Moves | None:
    return moves.moves(book=book.code, kind=asked.kind, first=asked.first, last=asked.last)


def _asked(request: HttpRequest, book: Book) -> Asked | None:
    """The days of the address; else the last 30 days up to the analysis in force. None before there is one."""
    run = run_in_force(book.code)
    if run is None:
        return None
    first, last = _day(request.GET.get("from", "")), _day(request.GET.get("to", ""))
    last = last or run.as_of
    kind = request.GET.get("kind", "")
    first, last = sorted((first or last - timedelta(days=SPAN), last))
    return Asked(kind if kind in moves.LABELS else moves.Kind.STAGE.value, first, last)


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    return found if found and found.year > 1900 else None


def label_names(kind: str) -> dict[str, str]:
    """Code → what the page calls it; no label is left out."""
    choices = Stage.choices if kind == moves.Kind.STAGE else Group.choices
    return {code: str(name) for code, name in choices}


def _cell_asked_for(request: HttpRequest) -> tuple[Book, Asked, tuple[str, str]]:
    book = current_book(request)
    asked = _asked(request, book) if book else None
    was, now = request.GET.get("was", ""), request.GET.get("now", "")
    if book is None or asked is None or not {was, now} <= {moves.NONE, *moves.LABELS[asked.kind]}:
        raise Http404
    return book, asked, (was, now)


def _export_rows(found: moves.Moves, book: Book) -> Iterator[list[object]]:
    names = label_names(found.kind)
    for row in found.rows:
        for cell in row.cells:
            pair = names.get(cell.was) or _("Not yet"), names.get(cell.now) or _("None")
            yield [*pair, cell.n, round(cell.share, 4), cell.net, book.currency]
