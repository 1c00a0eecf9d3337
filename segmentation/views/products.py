"""Bought together, bought next, and what one customer likes."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from customers.books import Book, book_of, current_book
from customers.models import Customer
from orders import sales
from orders.models import Product
from segmentation import baskets, product_charts, product_tables, tastes
from segmentation.assortment import named, reference_of
from segmentation.baskets import SPANS, Study

Context = dict[str, Any]

BY = {"customer": gettext_lazy("by the same customer"), "order": gettext_lazy("in the same order")}
SORTS = {
    "lift": gettext_lazy("how much oftener than by chance"),
    "confidence": gettext_lazy("how surely the second follows"),
    "together": gettext_lazy("how many"),
}


@requires("segmentation.view_insights")
def affinity(request: HttpRequest) -> HttpResponse:
    """The frame; the figures come as a panel."""
    return render(request, "segmentation/affinity.html", frame(request))


def frame(request: HttpRequest) -> Context:
    """The choice of days, and of a large book whether it is being counted."""
    book = current_book(request)
    days = asked_days(request)
    context: Context = {"book": book, "days": days, "spans": sorted(SPANS), "anchor": None}
    if book and (anchor := sales.anchor(book)):
        is_large = not baskets.is_small(book, days)
        job = baskets.job_under_way(book.code, days) if is_large else None
        context |= {"anchor": anchor, "is_large": is_large, "job": job}
    return context


def asked_days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked.isdecimal() and int(asked) in SPANS else SPANS[0]


def counted_for(request: HttpRequest) -> tuple[Book | None, Study | None]:
    book = current_book(request)
    return book, baskets.study(book, asked_days(request)) if book else None


@requires("segmentation.view_insights")
def affinity_figures(request: HttpRequest) -> HttpResponse:
    """Pairs of the book, or of one product with what is bought after it."""
    book, counted = counted_for(request)
    context: Context = {"book": book, "counted": counted}
    if book and counted:
        asked = _asked(request)
        found = product_tables.pairs(counted, book, **asked)
        context |= asked | {
            "found": found,
            "by_words": BY,
            "sorts": SORTS,
            "leasts": product_tables.LEASTS,
            "products": _listed(counted, book),
            "baskets": counted.together(asked["by"]).baskets,
            "chart": product_charts.pairs_chart(found.rows, of_one=bool(asked["product"])) if found.rows else None,
            "next": product_tables.bought_next(counted, book, asked["product"]),
            "name": _name(counted, book, asked["product"]),
        }
    return render(request, "segmentation/_affinity_figures.html", context)


def _name(counted: Study, book: Book, product: str) -> str:
    return named([product], book)[product].name if counted.place(product) is not None else ""


def _listed(counted: Study, book: Book) -> list[tuple[str, str]]:
    """The compared products that somebody bought, by name."""
    buyers = counted.counted.next.buyers
    bought = [one for place, one in enumerate(counted.products) if buyers[place]]
    return sorted(((one.reference, one.name) for one in named(bought, book).values()), key=lambda item: item[1])


def _asked(request: HttpRequest) -> Context:
    given, least = request.GET, request.GET.get("least", "")
    return {
        "by": given["by"] if given.get("by") in BY else "customer",
        "product": given.get("product", "").replace("\x00", "")[:40],
        "least": int(least) if least in map(str, product_tables.LEASTS) else product_tables.LEASTS[0],
        "sort": given["sort"] if given.get("sort") in SORTS else "confidence" if given.get("product") else "lift",
    }


@requires("segmentation.view_insights")
def affinity_export(request: HttpRequest) -> HttpResponseBase:
    """Up to 5,000 pairs as CSV, as the page is filtered."""
    book, counted = counted_for(request)
    if book is None or counted is None:
        return redirect("segmentation:affinity")
    found = product_tables.pairs(counted, book, **_asked(request), most=product_tables.EXPORTED)
    audit(
        action="segmentation.export_affinity", request=request, target="products",
        changes={"filter": request.GET.urlencode()},
    )  # fmt: skip
    name = f"bought-together-{counted.first}-{counted.last}.csv"
    return csv_response(filename=name, header=_header(), rows=_export_rows(found.rows))


def _header() -> list[str]:
    return [
        _("First product"), _("Second product"), _("Together"), _("Support"), _("With the first"), _("With the second"),
        _("Of those with the first"), _("low"), _("high"), _("Of those with the second"), _("low"), _("high"),
        _("Lift"), _("Baskets"),
    ]  # fmt: skip


def _export_rows(found: list[product_tables.PairRow]) -> Iterator[list[object]]:
    for row in found:
        pair = row.pair
        (low, high), (reverse_low, reverse_high) = pair.interval, pair.reverse_interval
        yield [
            row.first.name, row.second.name, pair.together, round(pair.support, 6), pair.first_n, pair.second_n,
            round(pair.confidence, 4), round(low, 4), round(high, 4), round(pair.reverse, 4), round(reverse_low, 4),
            round(reverse_high, 4), round(pair.lift, 3), pair.baskets,
        ]  # fmt: skip


@requires("segmentation.run_analysis")
@require_POST
def count_baskets(request: HttpRequest) -> HttpResponseRedirect:
    """Have a large book counted now; `next=intervals` goes back to the days between purchases."""
    book = current_book(request)
    days = request.POST.get("days", "")
    page = "segmentation:intervals" if request.POST.get("next") == "intervals" else "segmentation:affinity"
    if book is None or not days.isdecimal() or int(days) not in SPANS:
        messages.error(request, _("So many days cannot be counted."))
        return redirect(page)
    baskets.submit_count(book=book.code, days=int(days), by=_person(request))
    return redirect(f"{reverse(page)}?days={days}")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


# --- panels -----------------------------------------------------------------------------------------------------------


@requires("segmentation.view_insights")
def product_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """On a product's page: what its buyers also bought, what they bought next, and when they need it again."""
    product = get_object_or_404(Product.objects.select_related("shop"), pk=pk)
    book, reference = book_of(product.shop.book), reference_of(product)
    counted = baskets.study(book) if book else None
    context: Context = {"book": book, "counted": counted, "product": reference}
    if book and counted and counted.place(reference) is not None:
        waited = product_tables.wait_of(counted, product=reference)
        context |= {
            "found": product_tables.pairs(counted, book, product=reference, sort="confidence", most=5),
            "next": product_tables.bought_next(counted, book, reference, most=5),
            "repeat": waited[1] if waited else None,
        }
    return render(request, "segmentation/_affinity_product.html", context)


@requires("customers.view_customer")
def preferences_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """What one customer likes, and what they may want next."""
    customer = get_object_or_404(Customer.objects.select_related("facts"), pk=pk)
    return render(request, "segmentation/_preferences.html", {"taste": tastes.taste(customer)})
