"""Servers and a database for one measurement, thrown away afterwards."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from crm_suite import embedded


@contextmanager
def scratch_servers(**environment: str) -> Iterator[Path]:
    """PostgreSQL and Valkey in a temporary folder, fsync on, Django set up; a child process uses its parent's."""
    given = os.environ.get("CRM_BENCH_VAR")
    folder = Path(given or tempfile.mkdtemp(prefix="crm-bench-"))
    # PostgreSQL does not run as root, and has to pass through.
    folder.chmod(0o711)
    for name in ("DATABASE_URL", "REDIS_URL", "CACHE_URL", "SMTP_URL", "SMS_URL", "FAULT"):
        os.environ.pop(name, None)
    os.environ |= {
        "CRM_VAR": str(folder),
        "CRM_BENCH_VAR": str(folder),
        "DJANGO_SETTINGS_MODULE": "crm_suite.settings",
        "LOG_LEVEL": "WARNING",
        **environment,
    }
    embedded.ensure(folder)
    try:
        django.setup()
        yield folder
    finally:
        embedded.release(folder)
        if not given:
            del os.environ["CRM_BENCH_VAR"]
            shutil.rmtree(folder, ignore_errors=True)
