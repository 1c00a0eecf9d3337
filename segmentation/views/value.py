"""Customer value: what people are expected to buy within a year, how sure that is, and whom to look after."""

from collections.abc import Iterator
from decimal import Decimal
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from crm_suite.lib.listing import listing
from crm_suite.lib.masking import mask_name
from customers.books import Book, current_book
from segmentation.clv import charts, selectors, services
from segmentation.clv.forecast import BANDS, LEAVING
from segmentation.models import CustomerValue, ValueModel
from segmentation.presets import editor_url
from segmentation.selectors import run_in_force

Context = dict[str, object]

ORDER = ("-expected_net", "-p_alive")
#: Rows of each list on the page itself.
SHOWN = 10


@requires("segmentation.view_insights")
def value(request: HttpRequest) -> HttpResponse:
    """What customers are expected to be worth in the next 365 days."""
    book = current_book(request)
    model = selectors.model_in_force(book.code) if book else None
    context: Context = {"book": book, "model": model, "is_told": selectors.is_told(model)}
    if book:
        context |= {"run": run_in_force(book.code), "job": services.job_under_way(book.code)}
    if book and model and selectors.is_told(model):
        context |= _figures(model) | _lists(request, book)
    return render(request, "segmentation/value.html", context)


def _figures(model: ValueModel) -> Context:
    counts = model.counts
    return {
        "bands": selectors.bands(model),
        "miss": charts.miss(model),
        "alive": charts.alive_chart(model),
        "holdout": charts.holdout_chart(model) if "buckets" in model.validation else None,
        "buckets": [
            row | {"name": charts.bucket_name(row["x"])} for row in model.validation.get("buckets", [])
        ],
        "parameters": [
            {"name": name, "value": model.parameters[name], "interval": counts["intervals"][name]}
            for name in selectors.PARAMETERS
        ],
        "new_net": Decimal(str(counts["new_orders"])) * Decimal(str(counts["mean_net"])),
        "segment_url": _leaving_segment(model),
        "leaving_from": LEAVING[0], "leaving_to": LEAVING[1],
    }  # fmt: skip


def _leaving_segment(model: ValueModel) -> str:
    """Who is about to leave and worth more than the others of them, as a rule in the editor."""
    group = model.counts["leaving"]
    if not group["n"]:
        return ""
    mean = round(Decimal(group["net"]) / group["n"])
    low, high = (round(100 * bound) for bound in LEAVING)
    rule = {"all": [
        {"field": "p_alive", "op": "between", "value": [low, high]},
        {"field": "expected_net", "op": "gte", "value": mean},
    ]}  # fmt: skip
    return editor_url(rule, _("About to leave, but valuable"))


def _lists(request: HttpRequest, book: Book) -> Context:
    if not request.user.has_perm("customers.list_customers"):
        return {}
    people = {
        wanted: selectors.people(book.code, wanted).order_by("-expected_net", "-pk")[:SHOWN]
        for wanted in selectors.LISTS
    }
    return {"lists": [{"code": code, "label": selectors.LISTS[code], "rows": rows} for code, rows in people.items()]}


@requires("customers.list_customers")
def value_people(request: HttpRequest) -> HttpResponse:
    """Customers with what is expected of them, the most valuable first; `?list=leaving`, `?band=40-60`."""
    book = current_book(request)
    if book is None:
        return redirect("segmentation:value")
    wanted, band = _asked(request)
    context = {
        "book": book,
        "model": selectors.model_in_force(book.code),
        "lists": selectors.LISTS,
        "wanted": wanted,
        "band": band,
        "listing": listing(request, selectors.people(book.code, wanted, band), order=ORDER),
    }
    return render(request, "segmentation/value_people.html", context)


def _asked(request: HttpRequest) -> tuple[str, str]:
    wanted, band = request.GET.get("list", ""), request.GET.get("band", "")
    bands = {f"{low}-{high}" for low, high in BANDS}
    return wanted if wanted in selectors.LISTS else selectors.VALUABLE, band if band in bands else ""


@requires("customers.export_customer")
def value_export(request: HttpRequest) -> HttpResponseBase:
    """The list as CSV, most valuable first, names masked. Recorded."""
    book = current_book(request)
    if book is None:
        return redirect("segmentation:value")
    wanted, band = _asked(request)
    audit(
        action="customer.export", actor=cast(User, request.user), target="value",
        changes={"list": wanted, "band": band, "book": book.code},
    )  # fmt: skip
    people = selectors.people(book.code, wanted, band).order_by("-expected_net", "-pk")
    header = [
        _("Number"), _("Full name"), _("Chance still to be a customer"), _("Purchase days expected in 365 days"),
        _("Net amount expected in 365 days"), _("Currency"), _("Half buy again by"), _("Lifecycle stage"),
        _("Last purchase"),
    ]  # fmt: skip
    rows = _export_rows(people.iterator(2000), book)
    return csv_response(filename=f"customer-value-{wanted}.csv", header=header, rows=rows)


def _export_rows(people: Iterator[CustomerValue], book: Book) -> Iterator[list[object]]:
    for one in people:
        facts = getattr(one.customer, "facts", None)
        yield [
            one.pk, mask_name(one.customer.name), one.p_alive, one.expected_orders, one.expected_net, book.currency,
            one.next_purchase_on, facts.stage if facts else "", facts.last_paid_on if facts else None,
        ]  # fmt: skip


@requires("segmentation.view_insights")
def value_bands_export(request: HttpRequest) -> HttpResponseBase:
    """The bands of the page as CSV."""
    book = current_book(request)
    model = selectors.model_in_force(book.code) if book else None
    if book is None or model is None or not selectors.is_told(model):
        return redirect("segmentation:value")
    header = [
        _("Chance still to be a customer"), _("Customers"), _("Purchase days expected in 365 days"),
        _("Net amount expected in 365 days"), _("Currency"),
    ]  # fmt: skip
    rows = ([band.code, band.n, band.orders, band.net, book.currency] for band in selectors.bands(model))
    return csv_response(filename="customer-value-bands.csv", header=header, rows=rows)


@requires("segmentation.run_analysis")
@require_POST
def value_refresh(request: HttpRequest) -> HttpResponseRedirect:
    """Have the model of the chosen book fitted anew."""
    book = current_book(request)
    if book is None:
        messages.error(request, _("Add a shop first."))
    else:
        services.submit_value(book=book.code, by=cast(User, request.user))
    return redirect("segmentation:value")
