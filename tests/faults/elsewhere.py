"""Servers of a test's own, on the disk with fsync, that it may kill; and the same database in two places."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from django.conf import settings
from django.db import connection

from crm_suite.embedded import places
from crm_suite.embedded.postgres import Postgres
from crm_suite.embedded.valkey import Valkey
from tests.processes import ROOT, environment, wait_until

DATABASE = "elsewhere"


@dataclass(frozen=True)
class Servers:
    """PostgreSQL and Valkey under a folder of their own. Somebody starts again whichever dies."""

    var: Path

    @property
    def host(self) -> str:
        return str(places.socket_folder(places.postgres_folder(self.var)))

    @property
    def redis_url(self) -> str:
        return places.redis_url(self.var)

    @property
    def address(self) -> str:
        user = settings.DATABASES["default"]["USER"]
        return f"postgresql://{user}@/{DATABASE}?host={quote(self.host, safe='')}"

    def environment(self, **extra: str) -> Mapping[str, str]:
        """For a process of the product that works here."""
        return environment(DATABASE_URL=self.address, REDIS_URL=self.redis_url, CRM_VAR=str(self.var), **extra)

    def tell_postgres(self, number: int) -> None:
        """SIGKILL: the postmaster is gone at once. SIGQUIT: an immediate shutdown. Back when somebody else is there."""
        process = Postgres(self.var).process()
        assert process is not None
        process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGQUIT):
            process.wait(20)
            wait_until(self._answers, what="PostgreSQL is back", seconds=120)

    @property
    def log(self) -> str:
        """What PostgreSQL has written about itself."""
        return Postgres(self.var).log.read_text(errors="replace")

    @contextmanager
    def disk_full(self) -> Iterator[None]:
        """Not a byte is free meanwhile."""
        filler = self.var / "filler"
        try:
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(2**20)):
                    pass
            yield
        finally:
            filler.unlink()

    def tell_valkey(self, number: int) -> None:
        server = Valkey(self.var)
        wait_until(lambda: server.process() is not None, what="Valkey runs")
        process = server.process()
        assert process is not None
        process.send_signal(number)

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.address, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True


#: Whoever holds the lease of both servers. A process of its own: this one holds those of the whole run.
HOLDER = """
import sys
from pathlib import Path
from crm_suite import embedded
embedded.ensure(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
embedded.release(Path(sys.argv[1]))
"""


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[None]:
    """A disk of its own under the folder. Only root can do that."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "crm-faults", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def servers(*, megabytes: int | None = None) -> Iterator[Servers]:
    """`megabytes`: on a disk of that size."""
    foreign = ("DATABASE_URL", "REDIS_URL", "CRM_PG_FSYNC")
    surroundings = {name: value for name, value in os.environ.items() if name not in foreign}
    with tempfile.TemporaryDirectory(prefix="crm-faults-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        var = Path(name) / "var"
        disk = small_disk(Path(name), megabytes=megabytes) if megabytes else nullcontext()
        with disk, subprocess.Popen(
            [sys.executable, "-c", HOLDER, var], cwd=ROOT, env=surroundings, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        ) as holder:  # fmt: skip
            assert holder.stdout is not None and holder.stdin is not None
            assert any(line.strip() == "ready" for line in holder.stdout), "the servers do not start"
            yield Servers(var)
            holder.stdin.close()


def move(there: Servers) -> None:
    """Restore a dump of this test's database in the other place."""
    programs = Postgres(there.var).programs
    user, here = connection.settings_dict["USER"], connection.settings_dict["HOST"]
    subprocess.run(
        [programs / "createdb", "-h", there.host, "-U", user, "-T", "template0", DATABASE],
        check=True, capture_output=True,
    )  # fmt: skip
    dump = [programs / "pg_dump", "-h", here, "-U", user, "-Fc", connection.settings_dict["NAME"]]
    restore = [programs / "pg_restore", "-h", there.host, "-U", user, "-d", DATABASE, "--no-owner"]
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumping:
        subprocess.run(restore, stdin=dumping.stdout, check=True, capture_output=True)
    assert dumping.returncode == 0


@contextmanager
def looking_at(there: Servers) -> Iterator[None]:
    """This process's own questions, and the children of the nursery, go to the other place."""
    was = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(HOST=there.host, NAME=DATABASE)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(HOST=was["HOST"], NAME=was["NAME"])
