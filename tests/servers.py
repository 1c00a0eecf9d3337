"""Real servers of the test run's own, in a temporary folder: a developer's data are never touched.

Started once, by the process that reads the settings first; pytest-xdist's workers inherit the folder by environment.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from crm_suite import embedded

FOLDER = "CRM_TEST_VAR"
# What a developer's or CI's shell may hold that must not reach the tests.
FOREIGN = ["DATABASE_URL", "REDIS_URL", "CACHE_URL", "SITE_URL", "SMTP_URL", "SMS_URL", "CRM_DEBUG", "CRM_STATIC_ROOT"]

_mine: list[Path] = []


def start() -> None:
    """Makes PostgreSQL and Valkey answer, and points CRM_VAR at their folder."""
    for name in FOREIGN:
        os.environ.pop(name, None)
    if FOLDER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="crm-test-"))
        # PostgreSQL does not run as root, and has to pass through.
        folder.chmod(0o711)
        _mine.append(folder)
        # Whoever refuses the settings or the configuration never gets as far as pytest's own end.
        atexit.register(stop)
        # The data do not outlive the run, so nothing has to reach the disk.
        os.environ |= {FOLDER: str(folder), "CRM_PG_FSYNC": "0", "CRM_PG_SHARED_BUFFERS": "128MB"}
    os.environ["CRM_VAR"] = os.environ[FOLDER]
    embedded.ensure(Path(os.environ[FOLDER]))


def stop() -> None:
    """Gives the servers back; whoever made the folder removes it."""
    embedded.release(Path(os.environ[FOLDER]))
    for folder in _mine:
        shutil.rmtree(folder, ignore_errors=True)
    _mine.clear()
