"""What hostile files are made of: a good row, and ways to spoil it."""

import codecs
import random
from collections.abc import Callable
from typing import Any

HEADER = "Order,Placed,Paid,Total,Buyer\n"
ROW = "1,2024-01-01,2024-01-01,5,x\n"
GOOD = (HEADER + ROW).encode()
CELLS: list[list[Any]] = [["Order", "Placed", "Paid", "Total", "Buyer"], ["1", "2024-01-01", "2024-01-01", 5, "x"]]
MB = 1024 * 1024

Maker = Callable[[], bytes]
Case = tuple[str, Maker, str | int]


def text(*rows: str) -> Maker:
    return lambda: (HEADER + "".join(f"{row}\n" for row in rows)).encode()


def cut_at(place: int, made: Maker) -> bytes:
    return made()[:place]


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def pseudo(size: int) -> bytes:
    """Text that hardly compresses."""
    return codecs.encode(noise(1, size // 2), "hex")
