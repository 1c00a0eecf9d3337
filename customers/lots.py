"""Which points are still there, and which run out next: what came in is used up in the order in which it expires."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Lot:
    """Points that came in together. `expires_on` is the last day on which they can be used, None for ever."""

    points: int
    expires_on: date | None


def remaining(lots: Sequence[Lot], used: int) -> list[Lot]:
    """What is left of the lots, given oldest first, after `used` points went out: those that expire soonest first.

    Lots of which nothing is left are not in the answer. More going out than came in leaves nothing.
    """
    left = []
    for lot in sorted(lots, key=lambda lot: lot.expires_on or date.max):
        gone = min(lot.points, used)
        used -= gone
        if lot.points > gone:
            left.append(Lot(lot.points - gone, lot.expires_on))
    return left


def next_to_expire(lots: Iterable[Lot]) -> Lot | None:
    """All points that run out on the first day on which some do; None where none ever does."""
    dated = [lot for lot in lots if lot.expires_on]
    if not dated:
        return None
    first = min(lot.expires_on for lot in dated if lot.expires_on)
    return Lot(sum(lot.points for lot in dated if lot.expires_on == first), first)
