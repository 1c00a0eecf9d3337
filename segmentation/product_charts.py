"""What the product pages draw (static/js/charts.js), with findings as titles."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _, ngettext

from segmentation.intervals import Repeat
from segmentation.product_tables import PairRow, RepeatRow
from segmentation.waits import Wait

Chart = dict[str, Any]

#: As many bars of a chart can be read.
DRAWN = 12
#: Days per bar: the first that needs no more bars than can be read.
WIDTHS, BARS = (1, 7, 14, 30, 90), 40


def pairs_finding(rows: Sequence[PairRow]) -> str:
    """The surest of what is drawn, in words."""
    best = max(rows[:DRAWN], key=lambda row: row.pair.interval[0], default=None)
    if best is None:
        return _("No two products are bought together often enough to tell")
    return _("%(share).0f %% of those with “%(first)s” have “%(second)s” too") % {
        "share": 100 * best.pair.confidence, "first": best.first.name, "second": best.second.name,
    }  # fmt: skip


def pairs_chart(rows: Sequence[PairRow], *, of_one: bool) -> Chart:
    """Confidence with its interval, for the first rows of the table."""
    return {
        "type": "interval",
        "title": pairs_finding(rows),
        "x_name": _("have the second too"),
        "percent": True,
        "from_zero": True,
        "intervals": [
            {
                "name": row.second.name if of_one else f"{row.first.name} → {row.second.name}",
                "low": round(row.pair.interval[0], 4),
                "mid": round(row.pair.confidence, 4),
                "high": round(row.pair.interval[1], 4),
                "n": row.pair.first_n,
                "color": "series-1",
            }
            for row in rows[:DRAWN]
        ],
    }


def repeats_chart(rows: Sequence[RepeatRow]) -> Chart | None:
    """P30, median and P90 of what is bought again most; None where nothing is often enough."""
    told = [row for row in rows if row.repeat.median is not None][:DRAWN]
    if not told:
        return None
    shortest = min(told, key=lambda row: row.repeat.median or 0)
    return {
        "type": "interval",
        "title": _("“%(name)s” is bought again soonest: half of the waits end within %(days)s days")
        % {"name": shortest.name, "days": shortest.repeat.median},
        "x_name": _("days until it is bought again: P30, median, P90"),
        "from_zero": True,
        "intervals": [
            {
                "name": row.name, "low": row.repeat.p30, "mid": row.repeat.median, "high": row.repeat.p90,
                "n": row.repeat.spells, "color": "series-1",
            }
            for row in told
        ],
    }  # fmt: skip


def wait_chart(name: str, wait: Wait, repeat: Repeat) -> Chart | None:
    """How many spells took how many days; None where there are too few to tell."""
    if repeat.median is None:
        return None
    longest = int(wait.days[-1])
    width = next((width for width in WIDTHS if longest // width < BARS), WIDTHS[-1])
    bars = range(longest // width + 1)
    counts = [wait.between(bar * width, bar * width + width - 1) for bar in bars]
    marks = ((repeat.p30, "P30"), (repeat.median, _("median")), (repeat.p60, "P60"), (repeat.p90, "P90"))
    return {
        "type": "bar",
        "title": ngettext(
            "“%(name)s”: half of those who buy it again do so within %(days)s day",
            "“%(name)s”: half of those who buy it again do so within %(days)s days", repeat.median,
        ) % {"name": name, "days": repeat.median},
        "x": [_bar_name(bar, width) for bar in bars],
        "x_name": _("days since the purchase before"),
        "y_name": _("times bought again"),
        "series": [{"name": _("Times bought again"), "data": counts}],
        "marks": [{"x": _bar_name((day or 0) // width, width), "label": label} for day, label in marks],
    }  # fmt: skip


def _bar_name(bar: int, width: int) -> str:
    first = bar * width
    return str(first) if width == 1 else f"{first}–{first + width - 1}"
