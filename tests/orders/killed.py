"""An import in a process of its own that kills itself, without any farewell, at a chosen moment."""

import os
import signal
import sys
from typing import Any

import django

django.setup()

from crm_suite.jobs.services import run  # noqa: E402  Django first
from orders import services  # noqa: E402
from orders.importers import reading, running  # noqa: E402


def die_at_call(owner: Any, name: str, number: int) -> None:
    """The process ends where `name` is called for the `number`th time."""
    original, calls = getattr(owner, name), iter(range(1, 1_000_000))

    def counted(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, counted)


MOMENTS = {
    "between blocks": (running._Import, "_stage"),
    "inside a block": (running, "keep_rejections"),
    "between chunks": (running._Import, "_write_chunk"),
    "inside a chunk": (running, "added"),
    "after a commit, before telling": (running, "announce"),
    "at the end": (running, "clean_up"),
}

if __name__ == "__main__":
    running.CHUNK_ROWS, running.TOLD_ROWS, reading.BLOCK = 40, 100, 2000
    die_at_call(*MOMENTS[sys.argv[2]], int(sys.argv[3]))
    run(job_id=int(sys.argv[1]), work=services.import_rows)
