"""The value model as charts, with the finding in words as their title."""

from typing import Any

from django.utils.translation import gettext as _

from segmentation.charts import Chart
from segmentation.clv.forecast import BINS
from segmentation.clv.holdout import TOP_BUCKET
from segmentation.models import ValueModel


def alive_chart(model: ValueModel) -> Chart:
    """Customers who bought again by P(alive)."""
    counts: list[int] = model.counts["histogram"]
    width = 100 // BINS
    return {
        "type": "bar",
        "title": alive_finding(counts),
        "x": [f"{low}–{low + width} %" for low in range(0, 100, width)],
        "x_name": _("chance still to be a customer"),
        "y_name": _("customers who bought again"),
        "series": [{"name": "", "data": counts}],
    }


def alive_finding(counts: list[int]) -> str:
    """How many of those who bought again are rather customers than gone."""
    half = sum(counts[BINS // 2 :])
    share = 100 * half / (sum(counts) or 1)
    return _("%(share).0f %% of those who bought again are probably still customers") % {"share": share}


def holdout_chart(model: ValueModel) -> Chart:
    """Purchase days per customer in the time held back, by how often they had bought before it."""
    buckets: list[dict[str, Any]] = model.validation["buckets"]
    return {
        "type": "bar",
        "title": holdout_finding(model),
        "x": [bucket_name(bucket["x"]) for bucket in buckets],
        "x_name": _("repeat purchases before the time held back"),
        "y_name": _("purchase days per customer"),
        "series": [
            {
                "name": _("what happened"),
                "data": [row["actual"] for row in buckets],
                "n": [row["n"] for row in buckets],
            },
            {"name": _("forecast"), "data": [row["expected"] for row in buckets]},
            {"name": _("everybody at their own rate"), "data": [row["naive"] for row in buckets]},
        ],
    }


def bucket_name(repeats: int) -> str:
    return f"{repeats}+" if repeats == TOP_BUCKET else str(repeats)


def miss(model: ValueModel) -> float | None:
    """(Forecast − what happened) ÷ what happened in the time held back; None where it cannot be told."""
    total = model.validation.get("total")
    return total["expected"] / total["actual"] - 1 if total and total["actual"] else None


def holdout_finding(model: ValueModel) -> str:
    found = miss(model)
    if found is None:
        return _("Nobody bought in the time held back")
    share = {"share": abs(100 * found)}
    if found < 0:
        return _("The forecast was %(share).0f %% below what happened") % share
    return _("The forecast was %(share).0f %% above what happened") % share
