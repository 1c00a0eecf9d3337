"""Figures of a run as charts, with the finding in words as their title."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _, ngettext, pgettext

from crm_suite.lib.money import show
from segmentation import survival
from segmentation.calibration import Calibration
from segmentation.insight_rules import days_url
from segmentation.models import AnalysisRun
from segmentation.selectors import Share

#: Days that are drawn at least and at most.
_SHORTEST, _LONGEST = 60, 365

Chart = dict[str, Any]


def returned_by(run: AnalysisRun, share: float) -> int | None:
    """First day by which `share` of the spells had ended; None without spells."""
    return next((day for day, reached in enumerate(run.curve.get("returned", [])) if reached >= share), None)


def days_drawn(bounds: Sequence[int], observed: int) -> int:
    """How many days a curve shows: somewhat beyond the last bound, but not beyond what was observed."""
    furthest = max(bounds)
    return min(max(int(furthest * 1.25), _SHORTEST), max(_LONGEST, furthest), max(observed - 1, 1))


def curve_finding(run: AnalysisRun) -> str:
    half = returned_by(run, 0.5)
    if run.bounds["source"] == "fallback" or half is None:
        return _("Too few repeat purchases to tell when customers come back")
    return ngettext(
        "Half of those who come back do so within %(days)s day",
        "Half of those who come back do so within %(days)s days",
        half,
    ) % {"days": half}


def curve_chart(run: AnalysisRun) -> Chart:
    """How many have returned by day d: of those who did return, and with those who still wait counted."""
    bounds, curve = run.bounds, run.curve
    places = [(int(bounds[name]), name.upper()) for name in ("p30", "p60", "p90")]
    if curve.get("half_life"):
        places.append((int(curve["half_life"]), _("half-life")))
    days = days_drawn([day for day, _label in places], len(curve["returned"]))
    return {
        "type": "line",
        "title": curve_finding(run),
        "x": list(range(days + 1)),
        "x_name": _("days after a purchase"),
        "y_name": _("have bought again"),
        "percent": True,
        "series": [
            {"name": _("Of those who came back"), "data": curve["returned"][: days + 1], "area": True},
            {"name": _("Of everybody, waiting customers counted"), "data": curve["coming_back"][: days + 1]},
        ],
        "marks": [{"x": day, "label": label} for day, label in places],
    }


def groups_finding(shares: Sequence[Share]) -> str:
    """Which group carries the most money, and how few they are."""
    best = max(shares, key=lambda share: share.net, default=None)
    if best is None or not best.n:
        return _("Value groups")
    return _("%(group)s: %(people).0f %% of the customers, %(money).0f %% of the net amount") % {
        "group": best.label, "people": 100 * best.share, "money": 100 * best.net_share,
    }  # fmt: skip


def stage_finding(shares: Sequence[Share]) -> str:
    """How many of those who ever bought are still near."""
    buyers = sum(share.n for share in shares if share.code != "prospect")
    near = sum(share.n for share in shares if share.code in ("new", "active"))
    if not buyers:
        return _("Nobody has bought yet")
    return _("%(near).0f %% of the buyers are new or active") % {"near": 100 * near / buyers}


def spells_chart(found: Calibration, *, until: int, links: bool) -> Chart:
    """Spells by length, and beside them the customers who have waited as long. A click on a bar makes a segment."""
    ended = survival.bars(found.returned, until=until)
    waiting = survival.bars(found.waiting_by_day, until=until)
    chart: Chart = {
        "type": "bar",
        "title": spells_finding(found),
        "x": [str(bar.first) if bar.first == bar.last else f"{bar.first}–{bar.last}" for bar in ended],
        "x_name": _("days"),
        "y_name": _("repeat purchases; customers"),
        "series": [
            {"name": _("Came back after so many days"), "data": [bar.n for bar in ended]},
            {"name": _("Waiting for so many days"), "data": [bar.n for bar in waiting], "color": "series-3"},
        ],
    }
    if links:
        chart["links"] = [days_url(bar.first, bar.last) for bar in ended]
    return chart


def spells_finding(found: Calibration) -> str:
    if not found.own.own:
        return _("Too few repeat purchases to tell when customers come back")
    return _("30 %% of the repeat purchases come by day %(p30)s, 60 %% by day %(p60)s, 90 %% by day %(p90)s") % {
        "p30": found.own.p30, "p60": found.own.p60, "p90": found.own.p90,
    }  # fmt: skip


def calibration_chart(found: Calibration, *, until: int, draft: Sequence[int]) -> Chart:
    """Both curves with the 95 % band of the second, and the bounds of the draft as marks."""
    curves = found.curves
    days = min(until, len(curves.coming_back) - 1)
    shown: dict[str, Chart] = {
        _("Of those who came back"): {"data": curves.returned, "area": True},
        _("Of everybody, waiting customers counted"): {"data": curves.coming_back},
        _("its 95 % band, from"): {"data": curves.low, "dashed": True, "color": "series-2"},
        pgettext("end of a band", "to"): {"data": curves.high, "dashed": True, "color": "series-2"},
    }
    return {
        "type": "line",
        "title": coming_back_finding(found),
        "x": list(range(days + 1)),
        "x_name": _("days after a purchase"),
        "y_name": _("have bought again"),
        "percent": True,
        "series": [
            {"name": name, **one, "data": [round(float(share), 4) for share in one["data"][: days + 1]]}
            for name, one in shown.items()
        ],
        "marks": [{"x": day, "label": name} for day, name in zip(draft, ("P30", "P60", "P90"), strict=True)],
    }


def coming_back_finding(found: Calibration) -> str:
    """Of everybody: the share at the end of the horizon, with its band."""
    if not found.spells:
        return _("Nobody has come back yet")
    day = found.horizon
    return _("%(share).0f %% (%(low).0f–%(high).0f %%) buy again within %(days)s days") % {
        "share": 100 * found.curves.coming_back[day], "low": 100 * found.curves.low[day],
        "high": 100 * found.curves.high[day], "days": day,
    }  # fmt: skip


def threshold_words(run: AnalysisRun, currency: str) -> str:
    """What counts as high in R, F and M in this run, with the values that it found."""
    told = run.thresholds
    if told.get("on") == "scores":
        means = {name: f"{float(told[name]):.2f}" for name in ("r", "f", "m")}
        return _("High is a score above the mean score: %(r)s in R, %(f)s in F, %(m)s in M.") % means
    values = {"r": f"{float(told['r']):.1f}", "f": f"{float(told['f']):.2f}", "m": show(Decimal(told["m"]), currency)}
    words = {
        "median": _("High is better than the median: less than %(r)s days, more than %(f)s in F, more than %(m)s."),
        "fixed": _("High is better than your own values: less than %(r)s days, more than %(f)s in F, more than %(m)s."),
    }
    mean = _("High is better than the mean: less than %(r)s days, more than %(f)s in F, more than %(m)s.")
    return words.get(told["by"], mean) % values
