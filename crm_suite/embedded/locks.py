"""File locks that the kernel gives back when their holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def share(path: Path) -> int:
    """Waits for a shared hold and returns its handle; closing the handle gives it back."""
    handle = _open(path)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def try_alone(handle: int) -> bool:
    """Turns the handle into the only holder if there is no other; says whether it did."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits until nobody else holds `path`, and holds it alone."""
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_held(path: Path) -> bool:
    """Whether somebody holds `path` at this moment."""
    handle = _open(path)
    try:
        return not try_alone(handle)
    finally:
        os.close(handle)


def opened(path: Path) -> int:
    """A handle that holds nothing yet, for `try_alone`."""
    return _open(path)
