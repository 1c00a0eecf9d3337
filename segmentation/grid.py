"""The R × F grid and the meaning of its scores, as the RFM page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Cell:
    """Customers with one R and one F score. `share`: of the book's net amount, 0–1; `tone` 0–10 for the colour."""

    r: int
    f: int
    n: int
    net: Decimal
    share: float
    tone: int


def grid(found: Sequence[Mapping[str, object]], net: Decimal) -> list[list[Cell]]:
    """Rows R5 to R1, columns F1 to F5, of 25 cells in this order. The tone is relative to the cell with the largest
    share of `net`."""
    shares = [float(Decimal(str(cell["net"])) / net) if net else 0.0 for cell in found]
    largest = max(shares, default=0.0)
    cells = [_cell(cell, share, largest) for cell, share in zip(found, shares, strict=True)]
    return [cells[start : start + 5] for start in range(0, 25, 5)]


def _cell(cell: Mapping[str, object], share: float, largest: float) -> Cell:
    tone = round(10 * max(share, 0.0) / largest) if largest > 0 else 0
    return Cell(int(str(cell["r"])), int(str(cell["f"])), int(str(cell["n"])), Decimal(str(cell["net"])), share, tone)


@dataclass(frozen=True)
class ScoreRange:
    """What one score means: values from `low` (None: no lower end) to `high` (None: no upper end), both included."""

    score: int
    low: object
    high: object
    is_empty: bool


def score_ranges(cuts: Sequence[object], *, reverse: bool = False) -> list[ScoreRange]:
    """Score 5 first. `low` is the cut below, which itself has the lower score; equal cuts leave a score to nobody."""
    ends: list[object] = [None, *cuts, None]
    found = []
    for place in range(len(cuts) + 1):
        low, high = ends[place], ends[place + 1]
        score = len(cuts) + 1 - place if reverse else place + 1
        found.append(ScoreRange(score, low, high, is_empty=low is not None and low == high))
    return sorted(found, key=lambda one: -one.score)
