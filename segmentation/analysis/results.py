"""What a run remembers, so that a page reads one row instead of counting customers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from django.db import connection

from segmentation import lifecycle, rfm
from segmentation.analysis.people import UNSCORED, Measures
from segmentation.models import AnalysisRun, LabelTally
from segmentation.rfm import Ints

#: Points of the curve beyond the horizon are not drawn.
_CURVE_DAYS = 730
CROSSING_DAYS = 7


def money(amount: int) -> str:
    """Minor units as a decimal text, which JSON keeps exactly."""
    return str(Decimal(amount).scaleb(-2))


def minor(amount: str | Decimal) -> int:
    """The way back."""
    return int(Decimal(amount).scaleb(2))


_GROUPS = len(rfm.GROUPS)
_STAGES = len(lifecycle.STAGES)


@dataclass
class Tally:
    """Customers, orders and net amount in minor units, by group × stage and by R × F cell.

    The last group holds those without scores: prospects, and whoever has no order in the window that scores look at.
    """

    labels: Ints = field(default_factory=lambda: np.zeros((_GROUPS + 1, _STAGES, 3), np.int64))
    cells: Ints = field(default_factory=lambda: np.zeros((6, 6, 3), np.int64))

    @classmethod
    def of(cls, book: str) -> "Tally":
        """Of the facts as they are at this moment."""
        tally = cls()
        rows = LabelTally.objects.filter(book=book).exclude(stage="")
        for row in rows:
            place = rfm.GROUPS.index(row.group) if row.group else UNSCORED
            figures = [row.customers, row.orders, minor(row.net_amount)]
            tally.labels[place, lifecycle.STAGES.index(row.stage)] += figures
            tally.cells[row.r_score, row.f_score] += figures
        return tally

    def counts(self) -> dict[str, object]:
        """As a page reads it; net amounts as text. `customers` have a paid order: prospects are a stage only."""
        total = self.labels[:, lifecycle.PROSPECT + 1 :].sum(axis=(0, 1))
        scored = list(zip(rfm.GROUPS, self.labels, strict=False))
        return {
            "customers": int(total[0]),
            "orders": int(total[1]),
            "net": money(int(total[2])),
            "stages": _entries(self.labels.sum(axis=0)),
            "groups": {code: _entry(row.sum(axis=0)) for code, row in scored},
            "stage_groups": {
                code: {stage: entry for stage, entry in _entries(row).items() if entry["n"]} for code, row in scored
            },
            "cells": [
                {"r": r, "f": f, **_entry(self.cells[r, f])} for r in range(5, 0, -1) for f in range(1, 6)
            ],
        }  # fmt: skip


def _entries(stages: Ints) -> dict[str, dict[str, object]]:
    return {code: _entry(row) for code, row in zip(lifecycle.STAGES, stages, strict=True)}


def _entry(row: Ints) -> dict[str, object]:
    return {"n": int(row[0]), "orders": int(row[1]), "net": money(int(row[2]))}


# Customers beyond p30, p60, p90 within 7 days unless they buy, and the newest day with a purchase.
_CLOCK = """
    SELECT (SELECT max(last_paid_on) FROM customers_customerfacts WHERE book = %(book)s),
      (SELECT array_agg((
        SELECT count(*) FROM customers_customerfacts
        WHERE book = %(book)s AND last_paid_on >= %(as_of)s - bound AND last_paid_on < %(as_of)s - bound + %(days)s)
        ORDER BY place) FROM unnest(%(bounds)s::int[]) WITH ORDINALITY AS b (bound, place))
"""


def counts_of(run: AnalysisRun) -> dict[str, object]:
    """What the facts of a book add up to, in the transaction that has just written them."""
    bounds = [run.bounds[name] for name in ("p30", "p60", "p90")]
    with connection.cursor() as cursor:
        cursor.execute(_CLOCK, {"book": run.book, "as_of": run.as_of, "days": CROSSING_DAYS, "bounds": bounds})
        last, crossing = cursor.fetchone()
    clock = {
        "crossing": dict(zip(("p30", "p60", "p90"), crossing, strict=True)),
        "last_paid_on": last.isoformat() if last else None,
    }
    return Tally.of(run.book).counts() | clock


def bounds_of(measures: Measures) -> dict[str, object]:
    found = measures.bounds
    return {"p30": found.p30, "p60": found.p60, "p90": found.p90, "spells": found.spells, "source": found.source}


def cuts_of(measures: Measures) -> dict[str, object]:
    """`r` in days (smaller is better), `f` in orders or purchase days, `m` as decimal text."""
    return {
        "r": list(measures.r_cuts),
        "f": list(measures.f_cuts),
        "m": [money(cut) for cut in measures.m_cuts],
        "collapsed": {
            name: rfm.collapsed(cuts)
            for name, cuts in (("r", measures.r_cuts), ("f", measures.f_cuts), ("m", measures.m_cuts))
        },
    }


def thresholds_of(measures: Measures) -> dict[str, object]:
    """`r` in days, `f` in orders or purchase days, `m` as decimal text; on scores all three are scores."""
    found = measures.thresholds
    r, f, m = found.shown
    return {
        "r": round(r, 1),
        "f": round(f, 2),
        "m": money(round(m)) if found.on == "values" else round(m, 2),
        "by": found.by,
        "on": found.on,
        "limits": [found.r, found.f, found.m],
    }


def measures_of(run: AnalysisRun) -> Measures | None:
    """What a run put in force; None for runs from before limits were kept."""
    if "limits" not in run.thresholds:
        return None
    told = run.thresholds
    shown = (float(told["r"]), float(told["f"]), minor(told["m"]) if told["on"] == "values" else float(told["m"]))
    r, f, m = told["limits"]
    thresholds = rfm.Thresholds(r, f, m, shown, told["by"], told["on"])
    source = run.bounds["source"]
    bounds = lifecycle.Bounds(
        run.bounds["p30"], run.bounds["p60"], run.bounds["p90"],
        spells=run.bounds["spells"], own=source == "own", chosen=source == "chosen",
    )  # fmt: skip
    cuts = run.cuts
    return Measures(
        tuple(cuts["r"]), tuple(cuts["f"]), tuple(map(minor, cuts["m"])), thresholds=thresholds, bounds=bounds
    )


def curve_of(returned: Ints, waiting: Ints, found: lifecycle.Bounds) -> Mapping[str, object]:
    """Curves by day from 0: `returned` share of spells that ended by then, `coming_back` 1 − Kaplan–Meier survival."""
    daily = lifecycle.hazard(returned, waiting)
    survival = np.cumprod(1 - daily)
    ended = np.cumsum(returned) / max(found.spells, 1)
    days = min(len(survival), _CURVE_DAYS + 1)
    shares = np.full(days, ended[-1])
    shares[: len(ended)] = ended[:days]
    enough = found.own or (found.chosen and found.spells >= lifecycle.MIN_SPELLS)
    return {
        "returned": [round(float(share), 4) for share in shares],
        "coming_back": [round(1 - float(share), 4) for share in survival[:days]],
        "horizon": min(lifecycle.HORIZON, len(survival) - 1),
        "half_life": lifecycle.half_life(survival) if enough else None,
        "win_back": lifecycle.win_back_day(daily, found.p30) if enough else None,
        "spells": found.spells,
        "waiting": int(waiting.sum()),
    }
