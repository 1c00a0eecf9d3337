"""Figures of a run as charts, with the finding in words as their title."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _, ngettext

from segmentation.models import AnalysisRun
from segmentation.selectors import Share

#: Days that are drawn at least and at most.
_SHORTEST, _LONGEST = 60, 365

Chart = dict[str, Any]


def returned_by(run: AnalysisRun, share: float) -> int | None:
    """First day by which `share` of the spells had ended; None without spells."""
    return next((day for day, reached in enumerate(run.curve.get("returned", [])) if reached >= share), None)


def curve_finding(run: AnalysisRun) -> str:
    half = returned_by(run, 0.5)
    if run.bounds["source"] != "own" or half is None:
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
    furthest = max(day for day, _label in places)
    days = min(max(int(furthest * 1.25), _SHORTEST), max(_LONGEST, int(bounds["p90"])), len(curve["returned"]) - 1)
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
