"""The sales page: what was sold in a period, by platform, shop, and day, week or month."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _, pgettext

from crm_suite.access.rules import requires
from crm_suite.access.services import audit
from crm_suite.lib.exports import csv_response
from customers.books import Book, current_book
from customers.models import Shop
from orders import charts, sales, turnover
from orders.sql import kept
from orders.turnover import Period, Report, Turnover

SPANS = (30, 90, 365)
ALL = "all"
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)  # beyond them the days before or after could not be reckoned


@requires("orders.view_sales")
def sales_page(request: HttpRequest) -> HttpResponse:
    """The frame with the choice of days; the figures come as a panel, for a million orders take a second."""
    book = current_book(request)
    period = asked_period(request, book) if book else None
    context = {
        "book": book,
        "period": period,
        "spans": SPANS,
        "span": request.GET.get("days", "") if not request.GET.get("first") else "",
        "grains": {"day": _("by day"), "week": _("by week"), "month": _("by month")},
    }
    return render(request, "orders/sales.html", context)


@requires("orders.view_sales")
def sales_figures(request: HttpRequest) -> HttpResponse:
    """The figures of a period, beside the equally long one before it."""
    book = current_book(request)
    period = asked_period(request, book) if book else None
    if book is None or period is None:
        return render(request, "orders/_sales_figures.html", {"period": None})
    found = turnover.report(book, period)
    before = _before(book, period)
    context = {
        "book": book,
        "period": period,
        "report": found,
        "total": found.total,
        "changes": _changes(found.total, before, period.days) if before else {},
        "revenue_chart": charts.revenue_chart(book, found),
        "repeat_chart": charts.repeat_chart(found),
        "platforms": [(charts.platform_name(code), row) for code, row in found.platforms.items()],
        "shops": _named_shops(found),
        "parts": [(charts.part_name(part, period.grain), row) for part, row in reversed(found.parts.items())],
    }
    return render(request, "orders/_sales_figures.html", context)


@requires("orders.view_sales")
def sales_export(request: HttpRequest) -> HttpResponseBase:
    """All rows of the page as CSV; amounts in the book's currency."""
    book = current_book(request)
    period = asked_period(request, book) if book else None
    if book is None or period is None:
        return redirect("orders:sales")
    found = turnover.report(book, period)
    audit(action="orders.export_sales", request=request, target="sales", changes={"filter": request.GET.urlencode()})
    return csv_response(
        filename=f"sales-{period.first}-{period.last}.csv", header=_header(), rows=_export_rows(book, found)
    )


def asked_period(request: HttpRequest, book: Book) -> Period | None:
    """The days of the address: `first` and `last`, or `days` up to the newest (30 if not given); None without sales."""
    anchor = sales.anchor(book)
    if anchor is None:
        return None
    first, last = _own_days(request) or _span(request.GET.get("days", ""), anchor.day, book)
    return Period(first, last, turnover.fitting_grain(first, last, request.GET.get("by", "")))


def _own_days(request: HttpRequest) -> tuple[date, date] | None:
    first, last = _day(request.GET.get("first", "")), _day(request.GET.get("last", ""))
    if first is None or last is None or not EARLIEST <= first <= last <= LATEST:
        return None
    return max(first, last - timedelta(days=turnover.LONGEST_DAYS - 1)), last


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _span(days: str, end: date, book: Book) -> tuple[date, date]:
    if days == ALL and (oldest := turnover.first_day(book)):
        return max(min(oldest, end), end - timedelta(days=turnover.LONGEST_DAYS - 1)), end
    length = int(days) if days.isdecimal() and int(days) in SPANS else SPANS[0]
    return end - timedelta(days=length - 1), end


def _before(book: Book, period: Period) -> sales.Sales | None:
    """None where nothing was sold in the period before."""
    before = period.before()
    found = kept(
        "sales", book.code, before.first, before.last, compute=lambda: sales.sales(book, before.first, before.last)
    )
    return found if found.orders else None


def _changes(now: Turnover, before: sales.Sales, days: int) -> dict[str, list[dict[str, object]]]:
    """For each measure its change; for the repeat share the difference of two shares."""
    label = _("vs the %(days)s days before") % {"days": days}
    found: dict[str, float] = {}
    for name in ("revenue", "orders", "buyers", "average_order"):
        new, old = getattr(now, name), getattr(before, name)
        if new is not None and old is not None and old > 0:
            found[name] = float(new / old - 1)
    if now.repeat_share is not None and before.repeat_share is not None:
        found["repeat_share"] = now.repeat_share - before.repeat_share
    return {name: [{"label": label, "change": change, "is_up": change > 0}] for name, change in found.items()}


def _named_shops(found: Report) -> list[tuple[Shop, Turnover]]:
    shops = Shop.objects.in_bulk(list(found.shops))
    return [(shops[pk], row) for pk, row in found.shops.items() if pk in shops]


def _header() -> list[str]:
    return [
        _("Row"), _("Name"), _("Revenue"), _("Currency"), _("Paid amount"), _("Amount refunded"), _("Refund share"),
        _("Orders"), _("Average order"), _("Buyers"), _("Returning buyers"), _("Repeat share"), _("Margin"),
        _("Units"), _("Units with known cost"),
    ]  # fmt: skip


def _export_rows(book: Book, found: Report) -> Iterator[list[object]]:
    named = [(pgettext("sum of the rows", "Total"), f"{found.period.first} – {found.period.last}", found.total)]
    named += [(_("Platform"), charts.platform_name(code), row) for code, row in found.platforms.items()]
    named += [(_("Shop"), shop.name, row) for shop, row in _named_shops(found)]
    named += [(_("Part"), charts.part_name(part, found.period.grain), row) for part, row in found.parts.items()]
    for kind, name, row in named:
        yield [
            kind, name, row.revenue, book.currency, row.paid, row.refunded, _rounded(row.refund_share), row.orders,
            None if row.average_order is None else round(row.average_order, 2), row.buyers, row.returning,
            _rounded(row.repeat_share), row.margin.amount, row.margin.units, row.margin.costed_units,
        ]  # fmt: skip


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
