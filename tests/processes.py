"""Real worker processes on the test run's own servers, and waiting for what they do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]


def environment(**extra: str) -> Mapping[str, str]:
    """What a process of the product needs to work on this test's database, broker and provider."""
    database = settings.DATABASES["default"]
    address = f"postgresql://{quote(str(database['USER']))}@/{connection.settings_dict['NAME']}"
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "crm_suite.settings",
        "DATABASE_URL": f"{address}?host={quote(str(database['HOST']), safe='')}",
        "REDIS_URL": str(settings.REDIS_URL),
        "SECRET_KEY": settings.SECRET_KEY,
        "CRM_VAR": str(settings.CRM_VAR),
        "SMTP_URL": settings.SMTP_URL,
        "SMS_URL": settings.SMS_URL,
        **extra,
    }


@contextmanager
def celery_worker() -> Iterator[subprocess.Popen[bytes]]:
    """One worker for all queues, in a process group of its own; killed at the end, if it still lives."""
    queues = ",".join(queue.name for queue in settings.CELERY_TASK_QUEUES)
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "crm_suite",
        "worker",
        "-Q",
        queues,
        "-c",
        "2",
        "--loglevel",
        "error",
    ]
    worker = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield worker
    finally:
        kill9(worker)


def kill9(worker: subprocess.Popen[bytes]) -> None:
    """The worker and all its children, without a word of warning."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def wait_until(done: Callable[[], bool], *, what: str, seconds: float = 60, often: float = 0.1) -> None:
    """Fails with `what` where it has not come true by then."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(often)


def is_asleep(pid: int) -> bool:
    """Whether SIGSTOP has reached it."""
    return "\nState:\tT" in Path(f"/proc/{pid}/status").read_text()
