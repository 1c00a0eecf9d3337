"""How the provider behaves at present: for everybody, or for a share of the calls drawn from a seed."""

import random
import threading

#: What may become of a call. "before": it was not taken; "after": it was taken and the sender does not hear it.
MODES = (
    "ok", "slow",
    "4xx", "503", "5xx", "reset",  # before
    "drop-after-accept", "5xx-after", "blackhole", "trickle", "partial",  # after
)  # fmt: skip
#: How the news of what was delivered comes back.
RECEIPTS = ("plain", "none", "twice", "late", "reordered", "forged")


class Mood:
    """Shared by both halves and all their threads."""

    def __init__(self, mode: str = "ok") -> None:
        self._lock = threading.Lock()
        self.set(mode=mode)

    def set(self, *, mode: str = "", share: float = 1.0, seed: int = 0, receipts: str = "") -> None:
        """What is not named stays; an unknown word changes nothing."""
        with self._lock:
            self.mode = mode if mode in MODES else getattr(self, "mode", "ok")
            self.receipts = receipts if receipts in RECEIPTS else getattr(self, "receipts", "plain")
            self._share, self.chance = share, random.Random(seed)

    def draw(self) -> str:
        """The mode of one call."""
        with self._lock:
            return self.mode if self._share >= 1 or self.chance.random() < self._share else "ok"

    def shuffled(self, items: list[dict[str, str]]) -> list[dict[str, str]]:
        with self._lock:
            return self.chance.sample(items, len(items))
