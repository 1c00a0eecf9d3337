"""What is expected of each customer in the next 365 days, and how many customers there are of each kind."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from segmentation.clv import bgnbd, gammagamma
from segmentation.clv.bgnbd import DAYS_A_WEEK, Histories
from segmentation.clv.search import Floats

HORIZON_DAYS = 365
#: Bins of the histogram of P(alive), 0 to 1.
BINS = 20
#: Who bought once only; the model does not let them leave.
ONCE = "once"
#: Bands of P(alive) of those who bought again, in per cent from … to below ….
BANDS = ((80, 100), (60, 80), (40, 60), (20, 40), (0, 20))
#: About to leave: at least as likely gone as not, yet not given up. Both ends belong to it.
LEAVING = (0.2, 0.5)
NEVER = -1

#: One customer as it is stored: chance and purchase days in 1/10000, amount in minor units, days until half of such
#: customers have bought again (NEVER where they will not).
VALUE = np.dtype([("customer", "i8"), ("alive", "i4"), ("orders", "i4"), ("net", "i8"), ("due", "i4")])
PARTS = 10_000


class Row(TypedDict):
    """`alive`: how many of the `n` are expected to be customers still. `net` is text with two digits."""

    code: str
    n: int
    alive: float
    orders: float
    net: str


@dataclass(frozen=True)
class Forecast:
    """One VALUE per customer, and which of them bought again."""

    values: NDArray[np.void]
    again: NDArray[np.bool_]


def forecast(
    people: NDArray[np.void], known: Histories, place: NDArray[np.intp],
    orders: bgnbd.Parameters, money: gammagamma.Parameters,
) -> Forecast:  # fmt: skip
    """`known` and `place` as of history.histories(people). The mean of all customers must exist (q > 1)."""
    weeks = HORIZON_DAYS / DAYS_A_WEEK
    expected = bgnbd.expected_purchases(orders, known, weeks)[place]
    total: Floats = np.maximum(people["again"] / 100, 0.0)
    due = bgnbd.weeks_until_half(orders, known)[place] * DAYS_A_WEEK
    values = np.zeros(len(people), VALUE)
    values["customer"] = people["customer"]
    values["alive"] = np.rint(bgnbd.p_alive(orders, known)[place] * PARTS)
    values["orders"] = np.rint(expected * PARTS)
    values["net"] = np.rint(100 * expected * gammagamma.expected_mean(money, people["days"] - 1.0, total))
    values["due"] = np.where(np.isnan(due), NEVER, np.ceil(np.nan_to_num(due)))
    return Forecast(values, people["days"] > 1)


def totals(found: Forecast) -> Row:
    """All customers, and what is expected of them together."""
    return _row("all", found.values)


def repeaters(found: Forecast) -> Row:
    """Who bought on a second day."""
    return _row("repeaters", found.values[found.again])


def bands(found: Forecast) -> list[Row]:
    """Customers by P(alive), highest first, and those who bought once; they add up to all."""
    again = found.values[found.again]
    rows = [_row(ONCE, found.values[~found.again])]
    for low, high in BANDS:
        inside = (again["alive"] >= low * PARTS // 100) & ((again["alive"] < high * PARTS // 100) | (high == 100))
        rows.append(_row(f"{low}-{high}", again[inside]))
    return rows


def leaving(found: Forecast) -> Row:
    """Who bought again and is about to leave."""
    low, high = (round(bound * PARTS) for bound in LEAVING)
    again = found.values[found.again]
    return _row("leaving", again[(again["alive"] >= low) & (again["alive"] <= high)])


def histogram(found: Forecast) -> list[int]:
    """Customers who bought again by P(alive), BINS bins of the same width; 1 is in the last."""
    place = np.minimum(found.values["alive"][found.again] * BINS // PARTS, BINS - 1)
    return [int(n) for n in np.bincount(place, minlength=BINS)]


def _row(code: str, values: NDArray[np.void]) -> Row:
    net = int(values["net"].sum())
    alive, orders = (int(values[name].astype(np.int64).sum()) / PARTS for name in ("alive", "orders"))
    return {"code": code, "n": len(values), "alive": alive, "orders": orders, "net": f"{net // 100}.{net % 100:02}"}
