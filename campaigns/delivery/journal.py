"""What the provider answered, on this machine's disk before it is in the database: write() outlives `kill -9`.

One file per lane, locked while its owner lives. Whoever finds a file without an owner applies it and removes it.
"""

import fcntl
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path

from django.conf import settings

from campaigns.channels.base import Outcome, Receipt

EMPTY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Settlement:
    """One answer for one attempt of one message. `retries`: the provider recognises a repeat by its key."""

    message_id: int
    attempt_no: int
    claim_token: uuid.UUID
    in_doubt: bool
    retries: bool
    provider: str
    receipt: Receipt


def folder() -> Path:
    return Path(settings.CRM_VAR) / "journal"


class Journal:
    """An open file. `note` before the result is committed, `clear` after."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self.path = descriptor, path

    def note(self, settlements: Iterable[Settlement]) -> None:
        lines = "".join(json.dumps(_as_dict(settlement)) + "\n" for settlement in settlements)
        os.write(self._descriptor, lines.encode())

    def clear(self) -> None:
        os.ftruncate(self._descriptor, 0)


@contextmanager
def opened() -> Iterator[Journal]:
    """A journal of one's own, gone at the end unless something in it was not applied."""
    folder().mkdir(parents=True, exist_ok=True)
    path = folder() / f"{uuid.uuid4().hex}.jsonl"
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield Journal(descriptor, path)
    finally:
        if os.fstat(descriptor).st_size == 0:
            path.unlink(missing_ok=True)
        os.close(descriptor)


def replay(apply: Callable[[Sequence[Settlement]], object]) -> int:
    """Apply what dead workers of this machine left behind. Returns how many answers."""
    return sum(_replay_file(path, apply) for path in sorted(folder().glob("*.jsonl")))


def _replay_file(path: Path, apply: Callable[[Sequence[Settlement]], object]) -> int:
    with suppress(FileNotFoundError, BlockingIOError), path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while the owner lives
        # A line without its end was cut off by the kill: its message stays in doubt.
        settlements = [_from_line(line) for line in file.read().splitlines() if line.endswith("}}")]
        if settlements:
            apply(settlements)
        # An empty file may be one whose owner has not come to lock it yet.
        if settlements or time.time() - path.stat().st_mtime > EMPTY_SECONDS:
            path.unlink(missing_ok=True)
        return len(settlements)
    return 0


_FIELDS = tuple(field.name for field in fields(Settlement) if field.name not in ("claim_token", "receipt"))
_OF_RECEIPT = tuple(field.name for field in fields(Receipt))


def _as_dict(settlement: Settlement) -> dict[str, object]:
    """By hand: `dataclasses.asdict` copies every value, once per message."""
    told = {name: getattr(settlement, name) for name in _FIELDS}
    receipt = {name: getattr(settlement.receipt, name) for name in _OF_RECEIPT}
    return told | {"claim_token": str(settlement.claim_token), "receipt": receipt}


def _from_line(line: str) -> Settlement:
    data = json.loads(line)
    receipt = data.pop("receipt")
    receipt["outcome"] = Outcome(receipt["outcome"])
    data["claim_token"] = uuid.UUID(data["claim_token"])
    return Settlement(**data, receipt=Receipt(**receipt))
