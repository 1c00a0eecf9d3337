"""Cohorts and growth as charts, with the finding in words as their title."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from customers.books import Book
from segmentation.cohort_report import Average, Cohort, Cohorts
from segmentation.growth import BOUGHT
from segmentation.growth_report import Month, Report

Chart = dict[str, Any]

#: What the columns of growth are called on screen.
NAMES: dict[str, str | Promise] = {
    "start": gettext_lazy("At the start"),
    "new": gettext_lazy("New customers"),
    "retained": gettext_lazy("Retained"),
    "woken": gettext_lazy("Back from dormant"),
    "won_back": gettext_lazy("Back from lost"),
    "waiting": gettext_lazy("Did not buy, not lost"),
    "gone": gettext_lazy("Newly lost"),
    "lost_before": gettext_lazy("Lost before"),
    "lost": gettext_lazy("Lost"),
    "end": gettext_lazy("At the end"),
}
#: Years of cohorts that get a line of their own.
YEARS = 3


def month_name(month: Month | Cohort) -> str:
    return f"{month.month:%Y-%m}"


def growth_finding(found: Report) -> str:
    last = found.headline
    if last is None or last.growth is None or last.new_rate is None or last.lost_rate is None:
        return _("No finished month to tell growth from yet")
    words = {"month": month_name(last), "came": 100 * last.new_rate, "went": 100 * last.lost_rate}
    if last.growth > 0:
        return _("%(month)s: more came (%(came).1f %%) than went (%(went).1f %%)") % words
    return _("%(month)s: no more came (%(came).1f %%) than went (%(went).1f %%)") % words


def rates_chart(found: Report) -> Chart:
    """New and churn rate of each finished month; between the lines lies the growth."""
    months = [month for month in found.months if month.is_finished and month.new_rate is not None]
    n = [month.figures["start"] for month in months]
    return {
        "type": "line",
        "title": growth_finding(found),
        "x": [month_name(month) for month in months],
        "y_name": _("of the customers at the start of the month"),
        "percent": True,
        "series": [
            {"name": _("New rate"), "data": [month.new_rate for month in months], "n": n, "color": "series-1"},
            {"name": _("Churn rate"), "data": [month.lost_rate for month in months], "n": n, "color": "stage-lost"},
        ],
    }


def buyers_chart(found: Report) -> Chart:
    """Who bought in each month: came, stayed, came back."""
    return {
        "type": "stacked",
        "title": _("Who bought: new, retained and reactivated customers"),
        "x": [month_name(month) if month.is_finished else f"{month_name(month)}*" for month in found.months],
        "y_name": _("customers"),
        "series": [
            {"name": str(NAMES[name]), "data": [month.figures[name] for month in found.months]} for name in BOUGHT
        ],
    }


def retention_chart(found: Cohorts) -> Chart:
    """The share that bought by months since, of all cohorts and of those of the last years."""
    everybody = found.averages()[1:]
    return _since(found, _retention_finding(everybody), _("bought in the month"), {"percent": True}, "share")


def value_chart(found: Cohorts, book: Book) -> Chart:
    """Cumulative net amount per customer by months since."""
    averages = found.averages()
    title = _("What a customer has brought in, by months since the first order")
    if len(averages) > 1 and averages[0].net_each > 0:
        title = _("After %(months)s months a customer has brought in %(times).1f times the first month's amount") % {
            "months": len(averages) - 1, "times": averages[-1].net_each / averages[0].net_each,
        }  # fmt: skip
    unit = _("net amount per customer, %(currency)s") % {"currency": book.currency}
    return _since(found, title, unit, {"currency": book.currency}, "net_each")


def _since(found: Cohorts, title: str, y_name: str, unit: Chart, what: str) -> Chart:
    """Lines by months since. The first month is left out of shares: everybody bought in it."""
    first = 1 if what == "share" else 0
    averages = found.averages()[first:]
    x = list(range(first, first + len(averages)))
    series = [_line(_("All cohorts"), averages, what, len(x))]
    for year, cohorts in _by_year(found):
        series.append(_line(str(year), found.averages(cohorts)[first:], what, len(x)))
    return {
        "type": "line", "title": title, "x": x, "x_name": _("months since the first order"), "y_name": y_name,
        "series": series, **unit,
    }  # fmt: skip


def _line(name: str, averages: list[Average], what: str, length: int) -> Chart:
    missing = [None] * (length - len(averages))
    values = [float(getattr(average, what)) for average in averages]
    return {"name": name, "data": [*values, *missing], "n": [*(average.n for average in averages), *missing]}


def _by_year(found: Cohorts) -> list[tuple[int, list[Cohort]]]:
    years = sorted({cohort.month.year for cohort in found.cohorts})[-YEARS:]
    if len(years) < 2:
        return []
    return [(year, [cohort for cohort in found.cohorts if cohort.month.year == year]) for year in years]


def _retention_finding(averages: list[Average]) -> str:
    if not averages:
        return _("No cohort has a finished month after its first yet")
    return _("%(share).1f %% buy again in the month after their first order") % {"share": 100 * averages[0].share}
