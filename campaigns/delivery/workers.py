"""Who holds a message: a claim's token says which lane of which process made it, so that its death can be proven.

Bytes 0–3 the lane's number, 4–7 this machine since it was switched on, 8–11 the process, 12–15 one claim.
"""

import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.db import Error

from campaigns.delivery import locks


@dataclass(frozen=True, slots=True)
class Worker:
    """One lane. It passes the gate only on the connection that holds its lock, served by `backend`: once that was lost,
    somebody may have declared the lane dead."""

    number: int
    backend: int

    def claim_token(self) -> UUID:
        parts = (self.number, _machine(), os.getpid())
        return UUID(bytes=b"".join(part.to_bytes(4, "big") for part in parts) + secrets.token_bytes(4))


@contextmanager
def signed_in() -> Iterator[Worker]:
    """A lane with a lock of its own on this thread's connection."""
    number = secrets.randbelow(2**31)
    worker = Worker(number, locks.own_worker(number))
    try:
        yield worker
    finally:
        with suppress(Error):  # gone with the connection
            locks.leave_worker(number)


def is_proven_dead(claim_token: UUID) -> bool:
    """Whether the lane that made this claim can never call a provider again: its lock is free, and its process on this
    very machine is gone. A process on another machine may be cut off and alive, so nothing is proven about it here."""
    lane, machine, pid = (int.from_bytes(claim_token.bytes[start : start + 4], "big") for start in (0, 4, 8))
    if machine != _machine() or lane >= 2**31 or not Path("/proc/self").exists():
        return False
    return not Path(f"/proc/{pid}").exists() and locks.is_worker_gone(lane)


@lru_cache(maxsize=1)
def _machine() -> int:
    """This machine since its last start, seen from this container: process numbers mean nothing outside of it."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return zlib.crc32((boot.read_bytes() + os.fsencode(space.readlink())) if boot.exists() else b"")
