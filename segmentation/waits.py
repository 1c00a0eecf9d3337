"""Days counted by thing: how long it took, as histograms that add up range by range. Numbers only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]

#: More days than any wait has.
SPAN = 4096


@dataclass(frozen=True)
class Wait:
    """Waits of one thing: `counts[i]` of them took `days[i]` days; ascending, each number of days once."""

    days: Ints
    counts: Ints

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    def quantile(self, share: float) -> int | None:
        """percentile_disc: the smallest number of days that at least `share` (0–1) did not exceed; None without any."""
        if not len(self.days):
            return None
        reached = np.cumsum(self.counts)
        # As PostgreSQL does: a share that is met exactly counts as met, whatever the binary fraction.
        return int(self.days[np.searchsorted(reached, share * reached[-1] - 1e-9)])

    def between(self, low: int, high: int) -> int:
        """How many took `low` to `high` days, both included."""
        return int(self.counts[(self.days >= low) & (self.days <= high)].sum())


@dataclass(frozen=True)
class Waits:
    """Of many things: `keys` is thing × SPAN + days, ascending, each once."""

    keys: Ints
    counts: Ints

    @classmethod
    def of(cls, things: Ints, days: Ints) -> "Waits":
        return cls(*np.unique(things.astype(np.int64) * SPAN + days, return_counts=True))

    def plus(self, other: "Waits") -> "Waits":
        keys, places = np.unique(np.concatenate([self.keys, other.keys]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return Waits(keys, counts)

    def wait(self, thing: int) -> Wait:
        first, last = np.searchsorted(self.keys, [thing * SPAN, (thing + 1) * SPAN])
        return Wait(self.keys[first:last] % SPAN, self.counts[first:last])
