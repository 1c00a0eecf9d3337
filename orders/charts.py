"""What the charts of this room draw (static/js/charts.js), with findings as titles. For drawing only: no money is
added here."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _, gettext_lazy

from customers.books import Book
from customers.models import Platform
from orders.platforms import Trend
from orders.product_figures import MonthOfSales
from orders.turnover import Report, Turnover

Chart = dict[str, object]

#: Months of the two great shopping festivals, marked for shops that trade in yuan.
FESTIVALS = {6: "618", 11: "双11"}

_BEST = {
    "day": gettext_lazy("Revenue by day: %(part)s was the best"),
    "week": gettext_lazy("Revenue by week: the one from %(part)s was the best"),
    "month": gettext_lazy("Revenue by month: %(part)s was the best"),
}


def plain(amount: Decimal) -> float:
    return float(round(amount, 2))


def month_marks(book: Book, months: Sequence[date]) -> list[dict[str, str]]:
    if book.currency != "CNY":
        return []
    return [{"x": f"{month:%Y-%m}", "label": FESTIVALS[month.month]} for month in months if month.month in FESTIVALS]


def part_name(part: date, grain: str) -> str:
    return f"{part:%Y-%m}" if grain == "month" else f"{part:%Y-%m-%d}"


def platform_name(code: str) -> str:
    return str(Platform(code).label) if code in Platform.values else code


def revenue_chart(book: Book, found: Report) -> Chart:
    """Revenue of each part, one colour per platform."""
    grain = found.period.grain
    best = max(found.parts, key=lambda part: found.parts[part].revenue)
    return {
        "type": "stacked" if len(found.platforms) > 1 else "bar",
        "title": str(_BEST[grain]) % {"part": part_name(best, grain)},
        "x": [part_name(part, grain) for part in found.parts],
        "y_name": _("paid − refunded, %(currency)s") % {"currency": book.currency},
        "series": [_revenue_of(code, found.by_platform[code]) for code in found.platforms],
        "marks": month_marks(book, list(found.parts)) if grain == "month" else [],
        "currency": book.currency,
    }


def _revenue_of(platform: str, rows: Sequence[Turnover | None]) -> dict[str, object]:
    known = [row or Turnover() for row in rows]
    return {
        "name": platform_name(platform),
        "data": [plain(row.revenue) for row in known],
        "n": [row.orders for row in known],
    }


def repeat_chart(found: Report) -> Chart | None:
    """The share of returning buyers of each part; None where nobody is known."""
    if found.total.repeat_share is None:
        return None
    rows = list(found.parts.values())
    return {
        "type": "line",
        "title": _("%(share)s of the buyers of these days had bought before")
        % {"share": f"{found.total.repeat_share:.0%}"},
        "x": [part_name(part, found.period.grain) for part in found.parts],
        "y_name": _("share of the buyers"),
        "series": [
            {
                "name": _("Had bought before"),
                "data": [None if row.repeat_share is None else round(row.repeat_share, 4) for row in rows],
                "n": [row.buyers for row in rows],
                "area": True,
            }
        ],
        "percent": True,
    }


def trend_chart(trend: Trend) -> Chart:
    """Shares of the revenue by week, in per cent of the week."""
    return {
        "type": "stacked",
        "title": _trend_title(trend),
        "x": [f"{week:%m-%d}" for week in trend.weeks],
        "x_name": _("first day of the week"),
        "y_name": _("share of revenue"),
        "series": [
            {
                "name": platform_name(platform),
                "data": [None if share is None else round(share, 4) for share in shares],
                "n": trend.orders,
            }
            for platform, shares in trend.shares.items()
        ],
        "percent": True,
    }


def _trend_title(trend: Trend) -> str:
    if not trend.changes:
        return _("Too few orders to speak of a trend")
    greatest = max(trend.changes, key=lambda change: abs(change.points))
    words = {"platform": platform_name(greatest.platform), "points": f"{abs(greatest.points) * 100:.1f}"}
    if greatest.points > 0:
        return _("%(platform)s rose most: by %(points)s points in four weeks") % words
    return _("%(platform)s fell most: by %(points)s points in four weeks") % words


def product_chart(book: Book, months: Sequence[MonthOfSales]) -> Chart:
    by_month: Mapping[date, MonthOfSales] = {one.month: one for one in months}
    shown = _filled(months[0].month, months[-1].month)
    rows = [by_month.get(month) for month in shown]
    best = max(months, key=lambda one: one.amount)
    return {
        "type": "bar",
        "title": _("By month: %(month)s sold most") % {"month": f"{best.month:%Y-%m}"},
        "x": [f"{month:%Y-%m}" for month in shown],
        "y_name": _("line amounts, %(currency)s") % {"currency": book.currency},
        "series": [
            {
                "name": _("Amount"),
                "data": [plain(row.amount) if row else 0 for row in rows],
                "n": [row.orders if row else 0 for row in rows],
            }
        ],
        "marks": month_marks(book, shown),
        "currency": book.currency,
    }


def _filled(first: date, last: date) -> list[date]:
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    months = (first.month - 1 + step for step in range(count))
    return [date(first.year + month // 12, month % 12 + 1, 1) for month in months]
