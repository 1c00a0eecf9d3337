"""The CDNOW sample of Fader and Hardie: 2357 customers who first bought in the first quarter of 1997."""

from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.analysis.summary import PURCHASE
from segmentation.clv.history import day_number

PATH = Path(__file__).parents[3] / "shared" / "data" / "cdnow_sample.txt"
#: The published fits are to purchases until here, 39 weeks; the 39 weeks after it were held back.
CUT, END = date(1997, 9, 30), date(1998, 6, 30)


def purchases(until: date) -> NDArray[np.void]:
    """Rows as the analysis reads them: sample number, day, cents."""
    cells = [line.split() for line in PATH.read_text().splitlines()]
    rows = [(int(who), day_number(date.fromisoformat(day)), round(100 * float(net))) for _, who, day, _, net in cells]
    known = sorted(row for row in rows if row[1] <= day_number(until))
    found = np.zeros(len(known), PURCHASE)
    for name, column in zip(("customer", "day", "net"), zip(*known, strict=True), strict=True):
        found[name] = column
    return found
