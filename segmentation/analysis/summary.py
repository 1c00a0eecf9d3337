"""One range of purchases → one row per customer and two histograms. Arrays only, no tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.rfm import Ints

#: Rows as they are read: sorted by customer, then day. `day` counts from 2000-01-01, `net` is in minor units.
PURCHASE = np.dtype([("customer", "i8"), ("day", "i4"), ("net", "i8"), ("shop", "i8")])

#: One customer of the book that is analysed. `gap` −1 where there is no spell; `platforms` is a bit per platform.
#: `window_…` are of the window that scores look at; all time where there is none.
PERSON = np.dtype(
    [
        ("customer", "i8"), ("orders", "i4"), ("days", "i4"), ("net", "i8"), ("refunds", "i4"),
        ("first", "i4"), ("last", "i4"), ("gap", "i4"), ("platforms", "i4"),
        ("window_orders", "i4"), ("window_days", "i4"), ("window_net", "i8"),
    ]
)  # fmt: skip


_LONG_AGO = -(2**31)


@dataclass(frozen=True)
class ShopPlaces:
    """What the arrays need to know of the shops: which book each is measured in, and its platform's bit."""

    ids: Ints
    book: Ints
    platform: Ints

    @classmethod
    def of(cls, shops: Sequence[tuple[int, int, int]]) -> "ShopPlaces":
        """From (shop id, number of its book, number of its platform)."""
        ordered = np.array(sorted(shops), dtype=np.int64).reshape(-1, 3)
        return cls(ordered[:, 0], ordered[:, 1], 1 << ordered[:, 2])


@dataclass
class RangeSummary:
    people: NDArray[np.void]
    returned: Ints


def summarise(rows: NDArray[np.void], *, shops: ShopPlaces, book: int, since: int | None = None) -> RangeSummary:
    """Customers whose book is `book`, from all their purchases. Amounts of other books are never added.

    `since`: first day of the window that scores look at.
    """
    place = np.searchsorted(shops.ids, rows["shop"])
    mine = _of_book(rows, shops.book[place], book)
    if not mine.all():  # most stores have one book, and copying five million rows takes longer than asking
        rows, place = rows[mine], place[mine]
    platform = shops.platform[place]
    if not len(rows):
        return RangeSummary(np.empty(0, PERSON), np.zeros(1, np.int64))
    first_row, new_day = _starts(rows)
    starts = np.flatnonzero(first_row)
    people = np.zeros(len(starts), PERSON)
    people["customer"] = rows["customer"][starts]
    people["orders"] = np.diff(starts, append=len(rows))
    people["days"] = np.add.reduceat(new_day, starts)
    people["net"] = np.add.reduceat(rows["net"], starts)
    people["first"] = rows["day"][starts]
    people["last"] = rows["day"][starts + people["orders"] - 1]
    people["platforms"] = np.bitwise_or.reduceat(platform, starts)
    _look_at_window(people, rows, new_day, starts, since)
    spell = new_day & ~first_row
    gaps = np.diff(rows["day"], prepend=rows["day"][:1])[spell].astype(np.int64)
    people["gap"] = _medians(np.cumsum(first_row)[spell] - 1, gaps, len(people))
    return RangeSummary(people, np.bincount(gaps, minlength=1).astype(np.int64))


def _look_at_window(
    people: NDArray[np.void], rows: NDArray[np.void], new_day: NDArray[np.bool_], starts: Ints, since: int | None
) -> None:
    whole = ("orders", "days", "net")
    if since is None:
        for name in whole:
            people[f"window_{name}"] = people[name]
        return
    inside = rows["day"] >= since
    for name, values in zip(whole, (inside, inside & new_day, np.where(inside, rows["net"], 0)), strict=True):
        people[f"window_{name}"] = np.add.reduceat(values.astype(np.int64), starts)


def _starts(rows: NDArray[np.void]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a customer begins, and where a purchase day of a customer begins."""
    first_row = np.ones(len(rows), np.bool_)
    first_row[1:] = rows["customer"][1:] != rows["customer"][:-1]
    new_day = first_row.copy()
    new_day[1:] |= rows["day"][1:] != rows["day"][:-1]
    return first_row, new_day


def _of_book(rows: NDArray[np.void], row_book: Ints, book: int) -> NDArray[np.bool_]:
    """Rows of `book` of customers who belong to it: most paid orders there, the most recent one deciding a tie."""
    inside: NDArray[np.bool_] = row_book == book
    if inside.all() or not inside.any():
        return inside
    starts = np.flatnonzero(_starts(rows)[0])
    sizes = np.diff(starts, append=len(rows))
    best = np.full(len(starts), -1, np.int64)
    home = np.full(len(starts), -1, np.int64)
    for candidate in np.unique(row_book):
        here = row_book == candidate
        count = np.add.reduceat(here.astype(np.int64), starts)
        last = np.maximum.reduceat(np.where(here, rows["day"], _LONG_AGO).astype(np.int64), starts)
        weight = np.where(count > 0, (count << 32) + (last - _LONG_AGO), -1)
        home = np.where(weight > best, candidate, home)
        best = np.maximum(weight, best)
    inside &= np.repeat(home, sizes) == book
    return inside


def _medians(owner: Ints, gaps: Ints, people: int) -> Ints:
    """Median spell of each customer (the lower of two middle ones, a value that exists); −1 without a spell."""
    ordered = np.sort(owner << 32 | gaps)
    count = np.bincount(owner, minlength=people)
    end = np.cumsum(count)
    middle = end - count + (count - 1) // 2
    known = count > 0
    median = np.full(people, -1, np.int64)
    median[known] = ordered[middle[known]] & 0xFFFFFFFF
    return median
