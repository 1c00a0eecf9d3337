"""What a run remembers, so that a page reads one row instead of counting customers."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from segmentation import lifecycle, rfm
from segmentation.analysis.people import Measures, recency
from segmentation.rfm import Ints

#: Points of the curve beyond the horizon are not drawn.
_CURVE_DAYS = 730


def money(minor: int) -> str:
    """Minor units as a decimal text, which JSON keeps exactly."""
    return str(Decimal(minor).scaleb(-2))


class Counter:
    """Adds up ranges: customers, orders and net amount by group × stage and by R × F cell."""

    def __init__(self, *, as_of: date, measures: Measures) -> None:
        self.as_of = as_of
        self.measures = measures
        self.labels = np.zeros((len(rfm.GROUPS), len(lifecycle.STAGES), 3), np.int64)
        self.cells = np.zeros((6, 6, 3), np.int64)
        self.crossing = [0, 0, 0]

    def add(self, people: NDArray[np.void], labels: NDArray[np.void]) -> None:
        if not len(people):
            return
        _tally(self.labels, labels["group"], labels["stage"], people)
        _tally(self.cells, labels["r"], labels["f"], people)
        days = recency(people, self.as_of)
        for place, bound in enumerate(self.measures.bounds.days):
            self.crossing[place] += lifecycle.crossing(days, bound)

    def counts(self, *, prospects: int, prospects_net: int, last_day: date | None) -> dict[str, object]:
        """Net amounts as text; `crossing`: customers beyond p30, p60, p90 within 7 days unless they buy."""
        total = self.labels.sum(axis=(0, 1))
        stages = dict(zip(lifecycle.STAGES, self.labels.sum(axis=0), strict=True))
        stages["prospect"] = np.array([prospects, 0, prospects_net])
        return {
            "customers": int(total[0]),
            "orders": int(total[1]),
            "net": money(int(total[2])),
            "stages": {code: _entry(row) for code, row in stages.items()},
            "groups": {code: _entry(row) for code, row in zip(rfm.GROUPS, self.labels.sum(axis=1), strict=True)},
            "stage_groups": {
                group: {code: _entry(cell) for code, cell in zip(lifecycle.STAGES, row, strict=True) if cell[0]}
                for group, row in zip(rfm.GROUPS, self.labels, strict=True)
            },
            "cells": [
                {"r": r, "f": f, **_entry(self.cells[r, f])} for r in range(5, 0, -1) for f in range(1, 6)
            ],
            "crossing": dict(zip(("p30", "p60", "p90"), self.crossing, strict=True)),
            "last_paid_on": last_day.isoformat() if last_day else None,
        }  # fmt: skip


def _tally(table: Ints, rows: NDArray[np.int16], columns: NDArray[np.int16], people: NDArray[np.void]) -> None:
    place = rows.astype(np.int64) * table.shape[1] + columns
    cells = table.shape[0] * table.shape[1]
    # In whole numbers: bincount with weights would add minor units as floats.
    sums = np.zeros((cells, 3), np.int64)
    np.add.at(sums[:, 0], place, 1)
    np.add.at(sums[:, 1], place, people["orders"])
    np.add.at(sums[:, 2], place, people["net"])
    table += sums.reshape(table.shape)


def _entry(row: Ints) -> dict[str, object]:
    return {"n": int(row[0]), "orders": int(row[1]), "net": money(int(row[2]))}


def bounds_of(measures: Measures) -> dict[str, object]:
    found = measures.bounds
    return {
        "p30": found.p30, "p60": found.p60, "p90": found.p90,
        "spells": found.spells, "source": "own" if found.own else "fallback",
    }  # fmt: skip


def cuts_of(measures: Measures) -> dict[str, object]:
    """`r` in days (smaller is better), `f` in orders, `m` as decimal text."""
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
    found = measures.thresholds
    return {
        "r": round(found.mean(found.r_sum), 1),
        "f": round(found.mean(found.f_sum), 2),
        "m": money(round(found.mean(found.m_sum))),
        "by": "mean",
    }


def curve_of(measures: Measures) -> Mapping[str, object]:
    """Curves by day from 0: `returned` share of spells that ended by then, `coming_back` 1 − Kaplan–Meier survival."""
    daily = lifecycle.hazard(measures.returned, measures.waiting)
    survival = np.cumprod(1 - daily)
    spells = max(measures.bounds.spells, 1)
    returned = np.cumsum(measures.returned) / spells
    days = min(len(survival), _CURVE_DAYS + 1)
    shares = np.full(days, returned[-1])
    shares[: len(returned)] = returned[:days]
    return {
        "returned": [round(float(share), 4) for share in shares],
        "coming_back": [round(1 - float(share), 4) for share in survival[:days]],
        "horizon": min(lifecycle.HORIZON, len(survival) - 1),
        "half_life": lifecycle.half_life(survival) if measures.bounds.own else None,
        "win_back": lifecycle.win_back_day(daily, measures.bounds.p30) if measures.bounds.own else None,
        "spells": measures.bounds.spells,
        "waiting": int(measures.waiting.sum()),
    }
