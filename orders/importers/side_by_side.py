"""Two chunks of one import written at once, by two connections, and committed one after the other.

They hold different orders, so that neither waits for a row of the other. Only when the first is committed the second
is: whatever was killed, what is written is a beginning of the file, and the resume point one number.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from django.db import connection

from customers.models import Shop
from orders.importers import parking
from orders.importers.applying import Chunk, lock_beside, lock_shop, lock_shop_for_two

Piece = TypeVar("Piece")

#: Refunds have numbers of their own, and two chunks may tell of the same one.
PARTED_KINDS = frozenset({"l", "o", "d", "x"})


@dataclass(frozen=True)
class Turn:
    """How a chunk takes its turn: `lock` before it writes anything, `wait` before it notes that it has written."""

    lock: Callable[[Shop], None]
    wait: Callable[[], None]


def _at_once() -> None:
    pass


ALONE = Turn(lock_shop, _at_once)


class WriteOne(Protocol):
    """Writes one chunk in a transaction of its own."""

    def __call__(self, chunk: Chunk, turn: Turn = ALONE, /) -> None: ...


def at_once(pieces: Sequence[Piece], work: Callable[[Piece], object]) -> None:
    """`work` on the first piece here and on the others at the same time, each on a connection of its own.

    Inside a transaction, which no other connection sees, one after the other.
    """
    if connection.in_atomic_block:
        for piece in pieces:
            work(piece)
        return
    with ThreadPoolExecutor(len(pieces)) as workers:
        others = [workers.submit(_closing, work, piece) for piece in pieces[1:]]
        work(pieces[0])
        for other in others:
            other.result()


def _closing(work: Callable[[Piece], object], piece: Piece) -> None:
    try:
        work(piece)
    finally:
        connection.close()


def write(chunks: Sequence[Chunk], write_one: WriteOne) -> None:
    """Write one or two chunks, each by a call of `write_one`, in a transaction of its own."""
    if len(chunks) == 2 and _may_part(chunks[0]):
        _write_two(chunks[0], chunks[1], write_one)
    else:
        for chunk in chunks:
            write_one(chunk)


def _may_part(chunk: Chunk) -> bool:
    if connection.in_atomic_block:  # what it has written no other connection sees
        return False
    is_plain = chunk.kinds.rows <= PARTED_KINDS and not chunk.kinds.corrections
    return is_plain and not parking.has_waiting(chunk.shop.pk)


def _write_two(first: Chunk, second: Chunk, write_one: WriteOne) -> None:
    committed: Future[None] = Future()
    beside: list[Future[None]] = []
    with ThreadPoolExecutor(1) as writer:

        def lock(shop: Shop) -> None:
            lock_shop_for_two(shop)
            beside.append(writer.submit(_write_second, second, Turn(lock_beside, committed.result), write_one))

        try:
            write_one(first, Turn(lock, _at_once))
            committed.set_result(None)
        finally:
            committed.cancel()  # unless it has come: the second rolls back
    beside[0].result()


def _write_second(chunk: Chunk, turn: Turn, write_one: WriteOne) -> None:
    _closing(lambda chunk: write_one(chunk, turn), chunk)
