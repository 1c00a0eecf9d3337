"""Panels of the home page: the last thirty days, and sales by month."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from crm_suite.access.rules import requires
from customers.books import Book, current_book
from orders import sales
from orders.charts import month_marks, plain
from orders.sql import kept


@requires("orders.view_sales")
def kpi_panel(request: HttpRequest) -> HttpResponse:
    """Revenue, orders, buyers, repeat share and average order of the last 30 days, compared."""
    book = current_book(request)
    anchor = sales.anchor(book) if book else None
    context: dict[str, object] = {"book": book, "anchor": anchor}
    if book and anchor:
        compared = kept("compare", book.code, anchor.day, compute=lambda: sales.compare(book, anchor.day))
        context |= {"now": compared.now, "figures": _figures(compared)}
    return render(request, "orders/_kpis.html", context)


@requires("orders.view_sales")
def sales_panel(request: HttpRequest) -> HttpResponse:
    book = current_book(request)
    anchor = sales.anchor(book) if book else None
    context: dict[str, object] = {"book": book, "anchor": anchor}
    if book and anchor:
        months = kept(
            "months", book.code, anchor.day, compute=lambda: sales.months(book, anchor.day), is_final=_is_complete
        )
        context |= {"revenue": _revenue_chart(book, months), "repeat": _repeat_chart(book, months)}
    return render(request, "orders/_sales.html", context)


def _is_complete(months: list[sales.Month]) -> bool:
    """First purchases come with the analysis: their chart should not wait ten minutes longer."""
    return all(month.returning is not None for month in months)


def _figures(compared: sales.Comparison) -> dict[str, list[dict[str, object]]]:
    """For each measure its change against the period before and against last year."""
    return {
        name: [
            {"label": label, "change": change, "is_up": change > 0}
            for label, other in ((_("vs 30 days before"), compared.before), (_("vs last year"), compared.last_year))
            if other is not None and (change := _change(compared.now, other, name)) is not None
        ]
        for name in ("revenue", "orders", "buyers", "average_order", "repeat_share")
    }


def _change(now: sales.Sales, other: sales.Sales, name: str) -> float | None:
    """Relative change; for the repeat share the difference of two shares."""
    new, old = getattr(now, name), getattr(other, name)
    if new is None or old is None:
        return None
    if name == "repeat_share":
        return float(new - old)
    return float(new / old - 1) if old > 0 else None


def _revenue_chart(book: Book, months: list[sales.Month]) -> dict[str, object]:
    best = max(months, key=lambda month: month.revenue)
    return {
        "type": "bar",
        "title": _("Revenue by month: %(month)s was the best") % {"month": f"{best.month:%Y-%m}"},
        "x": _labels(months),
        "y_name": _("paid − refunded, %(currency)s") % {"currency": book.currency},
        "series": [
            {"name": _("Revenue"), "data": [plain(month.revenue) for month in months], "n": [m.orders for m in months]}
        ],
        "marks": month_marks(book, [month.month for month in months]),
        "currency": book.currency,
    }


def _repeat_chart(book: Book, months: list[sales.Month]) -> dict[str, object] | None:
    """None while customers' first purchases are not computed: the chart would be a guess."""
    shares = [None if m.returning is None or not m.buyers else round(m.returning / m.buyers, 4) for m in months]
    known = [share for share in shares if share is not None]
    if not known:
        return None
    return {
        "type": "line",
        "title": _("%(share)s of the buyers of the last month had bought before") % {"share": f"{known[-1]:.0%}"},
        "x": _labels(months),
        "y_name": _("share of a month's buyers"),
        "series": [
            {"name": _("Had bought before"), "data": shares, "n": [month.buyers for month in months], "area": True}
        ],
        "marks": month_marks(book, [month.month for month in months]),
        "percent": True,
    }


def _labels(months: list[sales.Month]) -> list[str]:
    return [f"{month.month:%Y-%m}" for month in months]
