"""Days between two purchases of the same product: how long it lasts, and who needs it again."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from customers.books import Book
from segmentation import product_charts, product_tables
from segmentation.assortment import COMPARED, named
from segmentation.baskets import Study
from segmentation.intervals import LEAST_SPELLS
from segmentation.product_tables import RepeatRow
from segmentation.views.products import Context, asked_days, counted_for, frame


@requires("segmentation.view_insights")
def intervals(request: HttpRequest) -> HttpResponse:
    """The frame; the figures come as a panel."""
    return render(request, "segmentation/intervals.html", frame(request))


@requires("segmentation.view_insights")
def intervals_figures(request: HttpRequest) -> HttpResponse:
    """Products and categories by how often they are bought again; with `product` or `category` the waits of one."""
    book, counted = counted_for(request)
    context: Context = {"book": book, "counted": counted, "few": LEAST_SPELLS, "days": asked_days(request)}
    if book and counted:
        rows = product_tables.repeats(counted, book)
        context |= {
            "rows": rows,
            "categories": product_tables.category_repeats(counted),
            "shown": product_tables.SHOWN,
            "chart": product_charts.repeats_chart(rows),
            "one": _one(request, counted, book),
        }
    return render(request, "segmentation/_intervals_figures.html", context)


def _one(request: HttpRequest, counted: Study, book: Book) -> Context | None:
    """The product or category that the address names, with its histogram."""
    product, category = (request.GET.get(name, "").replace("\x00", "")[:120] for name in ("product", "category"))
    found = product_tables.wait_of(counted, product=product, category=category) if product or category else None
    if found is None:
        return None
    name = category or named([product], book)[product].name
    return {"name": name, "repeat": found[1], "chart": product_charts.wait_chart(name, *found)}


@requires("segmentation.view_insights")
def intervals_export(request: HttpRequest) -> HttpResponseBase:
    """Products and categories as CSV."""
    book, counted = counted_for(request)
    if book is None or counted is None:
        return redirect("segmentation:intervals")
    audit(
        action="segmentation.export_intervals", request=request, target="products",
        changes={"filter": request.GET.urlencode()},
    )  # fmt: skip
    header = [
        _("Row"), _("Name"), _("Buyers"), _("Bought once"), _("Spells"), "P30", _("Median"), "P60", "P90", _("Due now"),
    ]  # fmt: skip
    name = f"days-between-{counted.first}-{counted.last}.csv"
    return csv_response(filename=name, header=header, rows=_export_rows(counted, book))


def _export_rows(counted: Study, book: Book) -> Iterator[list[object]]:
    named_rows: list[tuple[str, RepeatRow]] = []
    named_rows += [(_("Product"), row) for row in product_tables.repeats(counted, book, most=COMPARED)]
    named_rows += [(_("Category"), row) for row in product_tables.category_repeats(counted, most=COMPARED)]
    for kind, row in named_rows:
        one = row.repeat
        yield [kind, row.name, one.buyers, one.once, one.spells, one.p30, one.median, one.p60, one.p90, one.due]
