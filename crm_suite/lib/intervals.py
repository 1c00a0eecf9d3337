"""Between what a share lies that only some were asked about."""

from math import sqrt
from statistics import NormalDist


def wilson(hits: int, n: int, *, confidence: float = 0.95) -> tuple[float, float] | None:
    """The score interval of a share, 0–1 (Wilson 1927). None where nobody was counted."""
    if not n:
        return None
    z, share = NormalDist().inv_cdf((1 + confidence) / 2), hits / n
    centre, spread = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    # Rounding may leave a hair beside the ends that are certain.
    low, high = (centre - spread) / whole if hits else 0.0, (centre + spread) / whole if hits < n else 1.0
    return max(0.0, low), min(1.0, high)
