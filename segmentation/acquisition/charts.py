"""Charts of the acquisition page, with findings as titles. For drawing only: no money is added here."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _, ngettext

from customers.books import Book
from segmentation.acquisition.curves import FEWEST, Payback, Point
from segmentation.acquisition.newcomers import MARGIN
from segmentation.acquisition.selectors import Overview, Recovery, Row

Chart = dict[str, object]
MOST_SERIES = 5
MOST_BARS = 12


def plain(amount: Decimal | None) -> float | None:
    return None if amount is None else float(round(amount, 2))


def arrivals_chart(found: Overview) -> Chart:
    """New customers by month of their first purchase, one colour per source."""
    months = sorted({one.day.replace(day=1) for one in found.newcomers.arrivals})
    counts: dict[tuple[str, date], int] = {}
    for one in found.newcomers.arrivals:
        key = one.source, one.day.replace(day=1)
        counts[key] = counts.get(key, 0) + one.n
    named = [row for row in found.rows[:MOST_SERIES] if row.cost.n]
    series = [_series(row.label, [row.source], months, counts) for row in named]
    if others := [row.source for row in found.rows[MOST_SERIES:] if row.cost.n]:
        series.append(_series(_("Other sources"), others, months, counts))
    best = found.rows[0]
    return {
        "type": "stacked",
        "title": _("%(source)s brought most: %(share).0f %% of the new customers")
        % {"source": best.label, "share": 100 * best.cost.n / max(found.newcomers.n, 1)},
        "x": [f"{month:%Y-%m}" for month in months],
        "y_name": _("new customers"),
        "series": series,
    }


def _series(name: str, sources: Sequence[str], months: Sequence[date], counts: dict[tuple[str, date], int]) -> Chart:
    return {"name": name, "data": [sum(counts.get((source, month), 0) for source in sources) for month in months]}


def cost_chart(book: Book, found: Overview) -> Chart | None:
    """Cost per new customer by source, as recorded and as promised; None where neither is known anywhere."""
    rows = found.priced[:MOST_BARS]
    if not rows:
        return None
    series = [
        {"name": _("Recorded spend"), "data": [plain(row.cost.per_customer) for row in rows],
         "n": [row.cost.n for row in rows]},
        {"name": _("By the price model"), "data": [plain(row.cost.promised_high) for row in rows]},
    ]  # fmt: skip
    return {
        "type": "bar",
        "title": _cost_finding(rows),
        "x": [row.label for row in rows],
        "y_name": _("per new customer, %(currency)s") % {"currency": book.currency},
        "series": series,
        "currency": book.currency,
    }


def _cost_finding(rows: Sequence[Row]) -> str:
    known = [row for row in rows if row.cost.per_customer is not None and row.cost.n >= FEWEST]
    if len(known) < 2:
        return _("Cost per new customer by source")
    dearest = max(known, key=lambda row: row.cost.per_customer or 0)
    return _("%(source)s costs most per new customer") % {"source": dearest.label}


def order_chart(book: Book, found: Recovery) -> Chart:
    return _curve(book, found, found.orders, _("order number"), _order_finding(found))


def month_chart(book: Book, found: Recovery) -> Chart | None:
    """None where nobody, or too few, have been customers for a whole month."""
    if not found.months:
        return None
    return _curve(book, found, found.months, _("months of 30 days since the first purchase"), _month_finding(found))


def basis_name(basis: str) -> str:
    return _("margin") if basis == MARGIN else _("net amount")


def _curve(book: Book, found: Recovery, points: Sequence[Point], x_name: str, title: str) -> Chart:
    brought = {
        "name": _("Brought in"), "data": [plain(point.mean) for point in points],
        "n": [point.reached for point in points], "area": True,
    }  # fmt: skip
    ends = [
        {"name": name, "data": [plain(value) for value in values], "dashed": True, "color": "crm-text-3"}
        for name, values in (
            (_("95 % interval, low"), [point.low for point in points]),
            (_("95 % interval, high"), [point.high for point in points]),
        )
    ]
    cost = [{"name": _("Cost"), "data": [plain(found.cost)] * len(points), "color": "series-2"}]
    return {
        "type": "line",
        "title": title,
        "x": [str(point.at) for point in points],
        "x_name": x_name,
        "y_name": _("%(basis)s per new customer, %(currency)s")
        % {"basis": basis_name(found.basis), "currency": book.currency},
        "series": [brought, *(cost if found.cost is not None else []), *ends],
        "currency": book.currency,
    }


def _order_finding(found: Recovery) -> str:
    if not found.can_tell:
        return _("What a new customer has brought by order number")
    return verdict(found.order, by="order")


def _month_finding(found: Recovery) -> str:
    if not found.can_tell:
        return _("What a new customer has brought by month")
    return verdict(found.month, by="month")


def verdict(paid: Payback | None, *, by: str) -> str:
    """Pay-back in words; what the interval does not bear out is called likely."""
    if paid is None:
        return _("Not paid back yet")
    if by == "order":
        text = _("Paid back with order %(n)s") if paid.is_sure else _("Likely paid back with order %(n)s")
        return text % {"n": paid.at}
    if paid.is_sure:
        text = ngettext("Paid back within %(n)s month", "Paid back within %(n)s months", paid.at)
    else:
        text = ngettext("Likely paid back within %(n)s month", "Likely paid back within %(n)s months", paid.at)
    return text % {"n": paid.at}
