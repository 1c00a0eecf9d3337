"""Draft bounds on the calibration page: where they start, and how many customers each stage would hold under them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from customers.models import Stage
from segmentation.calibration import LONGEST, Calibration, Recencies, stage_counts
from segmentation.models import AnalysisRun

NAMES = ("p30", "p60", "p90")
_DAY = 30


@dataclass(frozen=True)
class Handle:
    """One bound of the draft: days, those in force, and the share 0–1 of repeat purchases that come by then."""

    name: str
    label: str
    days: int
    in_force: int
    returned: float
    coming_back: float


@dataclass(frozen=True)
class StageLine:
    """Customers of a stage under the bounds in force and under the draft."""

    code: str
    now: int
    then: int

    @property
    def change(self) -> int:
        return self.then - self.now


@dataclass(frozen=True)
class Draft:
    """`problem` says why what was asked for cannot be used; the draft then starts where it would without."""

    bounds: tuple[int, int, int]
    in_force: tuple[int, int, int]
    day: int
    handles: list[Handle]
    stages: list[StageLine]
    problem: str

    @property
    def furthest(self) -> int:
        """Where the handles end: twice the last bound, so that there is room on both sides."""
        return min(max(2 * max(self.bounds[2], self.in_force[2]), 90), LONGEST)

    def live(self, found: Calibration, people: Recencies) -> dict[str, Any]:
        """What the page counts with while a handle moves: customers by days, summed up, and both curves."""
        return {
            "once": np.cumsum(people.once).tolist(),
            "more": np.cumsum(people.more).tolist(),
            "returned": [round(float(share), 4) for share in found.curves.returned],
            "coming_back": [round(float(share), 4) for share in found.curves.coming_back],
            "now": {line.code: line.now for line in self.stages},
        }


def draft_of(found: Calibration, run: AnalysisRun, people: Recencies, asked: Mapping[str, str]) -> Draft:
    """From the address (`p30`, `p60`, `p90`, `day`), else from the spells of the scope, else what is in force."""
    in_force = (int(run.bounds["p30"]), int(run.bounds["p60"]), int(run.bounds["p90"]))
    told, problem = _asked(asked)
    bounds = told or (found.own.days if found.own.own else in_force)
    now, then = stage_counts(people, in_force), stage_counts(people, bounds)
    return Draft(
        bounds=bounds,
        in_force=in_force,
        day=_day(asked.get("day", "")),
        handles=[_handle(found, name, bounds[place], in_force[place]) for place, name in enumerate(NAMES)],
        stages=[StageLine(code, now[code], then[code]) for code in now],
        problem=problem,
    )


def _handle(found: Calibration, name: str, days: int, in_force: int) -> Handle:
    labels = {"p30": Stage.SILENT.label, "p60": Stage.DORMANT.label, "p90": Stage.LOST.label}
    return Handle(name, str(labels[name]), days, in_force, *found.shares_by(days))


def _asked(asked: Mapping[str, str]) -> tuple[tuple[int, int, int] | None, str]:
    texts = [asked.get(name, "") for name in NAMES]
    if not any(texts):
        return None, ""
    if not all(text.isdecimal() and 1 <= int(text[:6]) <= LONGEST for text in texts):
        return None, _("Give all three bounds in whole days, from 1 to %(most)s.") % {"most": LONGEST}
    p30, p60, p90 = (int(text) for text in texts)
    if not p30 < p60 < p90:
        return None, _("Bounds have to rise from P30 to P90.")
    return (p30, p60, p90), ""


def _day(text: str) -> int:
    return min(int(text[:6]), LONGEST) if text.isdecimal() else _DAY
