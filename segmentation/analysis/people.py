"""The people of a book with their scores, group and stage: the step that ranges share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from segmentation import lifecycle, rfm
from segmentation.analysis.summary import PERSON
from segmentation.options import Measuring
from segmentation.rfm import Ints

EPOCH = date(2000, 1, 1)
LABEL = np.dtype([("r", "i2"), ("f", "i2"), ("m", "i2"), ("group", "i2"), ("stage", "i2")])
#: The group of those who have no paid order in the window that scores look at.
UNSCORED = len(rfm.GROUPS)


@dataclass(frozen=True)
class Measures:
    """Cuts, thresholds and bounds that one run puts in force."""

    r_cuts: tuple[int, ...]
    f_cuts: tuple[int, ...]
    m_cuts: tuple[int, ...]
    thresholds: rfm.Thresholds
    bounds: lifecycle.Bounds


@dataclass(frozen=True)
class Values:
    """R in days, F and M as the store wants them measured, of one person each; M in minor units."""

    recency: Ints
    frequency: Ints
    monetary: Ints
    scored: NDArray[np.bool_]

    @classmethod
    def of(cls, people: NDArray[np.void], measuring: Measuring, as_of: date) -> "Values":
        assert people.dtype == PERSON
        orders, days, net = (people[f"window_{name}"].astype(np.int64) for name in ("orders", "days", "net"))
        monetary = _rounded_share(net, np.maximum(orders, 1)) if measuring.monetary == "average" else net
        return cls(recency(people, as_of), days if measuring.frequency == "days" else orders, monetary, orders > 0)

    def of_scored(self) -> tuple[Ints, Ints, Ints]:
        return self.recency[self.scored], self.frequency[self.scored], self.monetary[self.scored]


def _rounded_share(whole: Ints, parts: Ints) -> Ints:
    """whole ÷ parts, halves upwards, in whole numbers throughout."""
    return np.asarray((2 * whole + parts) // (2 * parts), dtype=np.int64)


def recency(people: NDArray[np.void], as_of: date) -> Ints:
    """Whole days from the last paid order to `as_of`."""
    return np.asarray((as_of - EPOCH).days - people["last"].astype(np.int64), dtype=np.int64)


def measure(parts: Sequence[Values], *, returned: Ints, measuring: Measuring) -> Measures:
    """From the values of all ranges of a book, and its spells by days."""
    r, f, m = (np.concatenate([np.zeros(0, np.int64), *columns]) for columns in zip(*_scored(parts), strict=True))
    cuts = rfm.quantile_cuts(r), rfm.quantile_cuts(f), rfm.quantile_cuts(m)
    if measuring.compare == "scores":
        scores = rfm.recency_scores(r, cuts[0]), rfm.scores(f, cuts[1]), rfm.scores(m, cuts[2])
        thresholds = rfm.score_thresholds(*scores)
    else:
        thresholds = _thresholds(r, f, m, measuring)
    return Measures(*cuts, thresholds=thresholds, bounds=bounds(returned, measuring))


def _scored(parts: Sequence[Values]) -> Sequence[tuple[Ints, Ints, Ints]]:
    nobody = (np.zeros(0, np.int64),) * 3
    return [part.of_scored() for part in parts] or [nobody]


def _thresholds(r: Ints, f: Ints, m: Ints, measuring: Measuring) -> rfm.Thresholds:
    if measuring.threshold == "median":
        return rfm.median_thresholds(r, f, m)
    if measuring.threshold == "fixed":
        amount = int((measuring.m_threshold or Decimal(0)).scaleb(2))
        return rfm.fixed_thresholds(measuring.r_threshold or 0, measuring.f_threshold or 0, amount)
    return rfm.mean_thresholds(r, f, m)


def bounds(returned: Ints, measuring: Measuring) -> lifecycle.Bounds:
    """The store's own or chosen stage bounds, else the fallback."""
    found = lifecycle.bounds(returned, min_spells=measuring.min_spells)
    if measuring.p30 and measuring.p60 and measuring.p90:
        return replace(found, p30=measuring.p30, p60=measuring.p60, p90=measuring.p90, chosen=True)
    return found


def labels(people: NDArray[np.void], measures: Measures, *, measuring: Measuring, as_of: date) -> NDArray[np.void]:
    """Scores, group and stage of each person; needs nothing but the person and the measures in force."""
    values = Values.of(people, measuring, as_of)
    found = np.empty(len(people), LABEL)
    found["r"] = rfm.recency_scores(values.recency, measures.r_cuts)
    found["f"] = rfm.scores(values.frequency, measures.f_cuts)
    found["m"] = rfm.scores(values.monetary, measures.m_cuts)
    if measures.thresholds.on == "scores":
        found["group"] = rfm.groups(found["r"], found["f"], found["m"], measures.thresholds)
    else:
        found["group"] = rfm.groups(values.recency, values.frequency, values.monetary, measures.thresholds)
    for name in ("r", "f", "m"):
        found[name][~values.scored] = 0
    found["group"][~values.scored] = UNSCORED
    found["stage"] = lifecycle.stages(values.recency, people["orders"].astype(np.int64), measures.bounds)
    return found
