"""The embedded servers: started for whoever needs them, gone with the last user, and none the worse for kill -9."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from crm_suite.embedded import locks, places
from crm_suite.embedded.postgres import shared_megabytes

PROJECT = Path(__file__).resolve().parents[2]
# A process as any command of the product: takes its lease, shows that both servers answer, waits to be told to end.
USER = """
import sys
from pathlib import Path
import psycopg2, redis
from crm_suite import embedded
var = Path(sys.argv[1])
embedded.ensure(var)
with psycopg2.connect(embedded.database_url(var)) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT pg_advisory_xact_lock(1)")
    cursor.execute("CREATE TABLE IF NOT EXISTS visits (id serial)")
    cursor.execute("INSERT INTO visits DEFAULT VALUES")
    cursor.execute("SELECT count(*) FROM visits")
    visits = cursor.fetchone()[0]
connection.close()
print(visits, redis.from_url(embedded.redis_url(var)).incr("visits"), flush=True)
sys.stdin.read()
embedded.release(var)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other accounts may pass: pytest's own is closed, and PostgreSQL does not run as root."""
    with tempfile.TemporaryDirectory(prefix="crm-servers-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
        assert gone_within(20, folder), "the servers outlived their last user"


@pytest.fixture
def var(place: Path) -> Path:
    return place / "var"


@contextmanager
def user_of(var: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that uses the servers of `var` until the block ends."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(var)],
        cwd=PROJECT,
        env=environment | {"CRM_PG_SHARED_BUFFERS": "16MB"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.communicate("")


def visits_seen_by(process: "subprocess.Popen[str]") -> list[int]:
    """What the process found in PostgreSQL and in Valkey."""
    assert process.stdout is not None
    return [int(number) for number in process.stdout.readline().split()]


def processes_of(var: Path) -> list[psutil.Process]:
    """Servers standing in a folder of `var`, and their keepers."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(var) or str(var) in process.cmdline()
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):  # it ended while it was looked at
            continue
    return found


def gone_within(seconds: float, var: Path) -> bool:
    end = time.monotonic() + seconds
    while processes_of(var) and time.monotonic() < end:
        time.sleep(0.1)
    return not processes_of(var)


def test_last_user_ends_the_servers_and_data_stay(var: Path) -> None:
    with user_of(var) as first, user_of(var) as second:
        in_postgres, in_valkey = zip(visits_seen_by(first), visits_seen_by(second), strict=True)
        assert sorted(in_postgres) == sorted(in_valkey) == [1, 2]
        first.communicate("")
        assert processes_of(var), "the second user lost its servers"
    assert gone_within(20, var)
    with user_of(var) as later:
        assert visits_seen_by(later) == [3, 3]


def test_two_copies_run_side_by_side(var: Path, place: Path) -> None:
    other = place / "other"
    with user_of(var) as here, user_of(other) as there:
        assert visits_seen_by(here) == [1, 1]
        assert visits_seen_by(there) == [1, 1]
    assert gone_within(20, other)


def test_killed_user_leaves_nothing_running(var: Path) -> None:
    with user_of(var) as user:
        visits_seen_by(user)
        user.kill()
        user.wait()
        assert gone_within(20, var)


@pytest.mark.faults
def test_start_after_everything_was_killed(var: Path) -> None:
    with user_of(var) as user:
        visits_seen_by(user)
        for process in [*processes_of(var), psutil.Process(user.pid)]:
            with suppress(psutil.NoSuchProcess):  # its parent was killed a moment ago, and took it along
                process.send_signal(signal.SIGKILL)
        user.wait()
        assert gone_within(20, var)
    assert (var / "postgres" / "postmaster.pid").exists(), "nothing stale is left to be cured"
    with user_of(var) as later:
        # Valkey writes its log once a second, so the last visit may be lost to it; PostgreSQL loses nothing.
        assert visits_seen_by(later)[0] == 2


@pytest.mark.faults
def test_stale_pid_that_somebody_else_has_now(var: Path) -> None:
    with user_of(var) as user:
        visits_seen_by(user)
    assert gone_within(20, var)
    (var / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{var / 'postgres'}\n0\n5432\n\n\n")
    with user_of(var) as later:
        assert visits_seen_by(later) == [2, 2]


@pytest.mark.faults
def test_server_that_dies_is_started_again(var: Path) -> None:
    with user_of(var) as user:
        visits_seen_by(user)
        killed = int((var / "valkey" / "valkey.pid").read_text())
        os.kill(killed, signal.SIGKILL)
        end = time.monotonic() + 20
        while not [process for process in processes_of(var) if process.name() == "valkey-server"]:
            assert time.monotonic() < end, "nobody started the server again"
            time.sleep(0.1)
        with user_of(var) as next_user:
            assert visits_seen_by(next_user)[0] == 2


@pytest.mark.faults
def test_keeper_that_was_killed_is_replaced(var: Path) -> None:
    with user_of(var) as user:
        visits_seen_by(user)
        for process in processes_of(var):
            if "crm_suite.embedded.keeper" in process.cmdline():
                process.kill()
        with user_of(var) as other:
            assert visits_seen_by(other) == [2, 2]
            assert locks.is_held(places.keeper_lock(var, "postgres"))


def test_folder_too_deep_for_a_socket(place: Path) -> None:
    deep = place / ("d" * 100)
    with user_of(deep) as user:
        assert visits_seen_by(user) == [1, 1]
    assert gone_within(20, deep)
    assert places.socket_folder(deep / "postgres").parent != deep


@pytest.mark.parametrize(("gigabytes", "megabytes"), [(0.5, 128), (4, 512), (24, 2048), (512, 2048)])
def test_the_database_takes_an_eighth_of_the_memory(gigabytes: float, megabytes: int) -> None:
    assert shared_megabytes(int(gigabytes * 2**30)) == megabytes
