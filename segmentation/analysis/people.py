"""The people of a book with their scores, group and stage: the step that ranges share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from segmentation import lifecycle, rfm
from segmentation.analysis.summary import PERSON
from segmentation.rfm import Ints

EPOCH = date(2000, 1, 1)
LABEL = np.dtype([("r", "i2"), ("f", "i2"), ("m", "i2"), ("group", "i2"), ("stage", "i2")])


@dataclass(frozen=True)
class Measures:
    """Cuts, thresholds and bounds that one run puts in force, with the curves they come from."""

    r_cuts: tuple[int, ...]
    f_cuts: tuple[int, ...]
    m_cuts: tuple[int, ...]
    thresholds: rfm.Thresholds
    bounds: lifecycle.Bounds
    returned: Ints
    waiting: Ints


def recency(people: NDArray[np.void], as_of: date) -> Ints:
    """Whole days from the last paid order to `as_of`."""
    return np.asarray((as_of - EPOCH).days - people["last"].astype(np.int64), dtype=np.int64)


def column(parts: Sequence[NDArray[np.void]], name: str) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *(part[name].astype(np.int64) for part in parts)])


def measure(parts: Sequence[NDArray[np.void]], *, returned: Ints, as_of: date) -> Measures:
    """From the summaries of all ranges of a book."""
    days = (as_of - EPOCH).days - column(parts, "last")
    orders, net = column(parts, "orders"), column(parts, "net")
    return Measures(
        r_cuts=rfm.quantile_cuts(days),
        f_cuts=rfm.quantile_cuts(orders),
        m_cuts=rfm.quantile_cuts(net),
        thresholds=rfm.mean_thresholds(days, orders, net),
        bounds=lifecycle.bounds(returned),
        returned=returned,
        waiting=np.bincount(days, minlength=1).astype(np.int64),
    )


def labels(people: NDArray[np.void], measures: Measures, *, as_of: date) -> NDArray[np.void]:
    """Scores, group and stage of each person; needs nothing but the person and the measures in force."""
    assert people.dtype == PERSON
    days, orders, net = recency(people, as_of), people["orders"].astype(np.int64), people["net"].astype(np.int64)
    found = np.empty(len(people), LABEL)
    found["r"] = rfm.recency_scores(days, measures.r_cuts)
    found["f"] = rfm.scores(orders, measures.f_cuts)
    found["m"] = rfm.scores(net, measures.m_cuts)
    found["group"] = rfm.groups(days, orders, net, measures.thresholds)
    found["stage"] = lifecycle.stages(days, orders, measures.bounds)
    return found
