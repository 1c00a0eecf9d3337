"""Taking and giving back the use of the embedded servers."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from crm_suite.embedded import locks
from crm_suite.embedded.places import ServerProblem, keeper_lock, lock_file, log_file

# Which variable, when set, names a server of one's own instead.
SERVERS = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}
PROJECT = Path(__file__).resolve().parents[2]
LONGEST_STOP = 6.0  # seconds

_leases: dict[tuple[Path, str], int] = {}
# Kept so that their handles live as long as we do; a keeper outlives us and is not ours to wait for.
_keepers: list["subprocess.Popen[str]"] = []


def ensure(var: Path) -> None:
    """Makes every server that the environment does not name answer under `var`, until this process ends.

    Raises ServerProblem, in one line, when a server cannot run here.
    """
    wanted = [name for name, variable in SERVERS.items() if not os.environ.get(variable, "").strip()]
    with ExitStack() as doors:
        launched = []
        for name in (name for name in wanted if (var, name) not in _leases):
            # One process at a time decides whether a keeper has to be launched.
            doors.enter_context(locks.alone(lock_file(var, name, "door")))
            _leases[var, name] = locks.share(lock_file(var, name, "users"))
            if not locks.is_held(keeper_lock(var, name)):
                launched.append((name, _launch(var, name)))
        for name, keeper in launched:
            _wait_until_ready(var, name, keeper)


def release(var: Path) -> None:
    """Gives the servers back, and returns when they have stopped unless somebody else still uses them."""
    mine = {name: handle for (folder, name), handle in _leases.items() if folder == var}
    last = [name for name, handle in mine.items() if locks.try_alone(handle)]
    for name, handle in mine.items():
        os.close(handle)
        del _leases[var, name]
    end = time.monotonic() + LONGEST_STOP
    while any(locks.is_held(keeper_lock(var, name)) for name in last) and time.monotonic() < end:
        time.sleep(0.05)
    for keeper in _keepers if last else []:
        keeper.wait(LONGEST_STOP)


def _launch(var: Path, name: str) -> "subprocess.Popen[str]":
    log = log_file(var, "keeper")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "crm_suite.embedded.keeper", name, str(var)]
    with log.open("ab") as errors:
        # A session of its own: Ctrl-C in the terminal must reach the servers last, through their leases.
        keeper = subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    _keepers.append(keeper)
    return keeper


def _wait_until_ready(var: Path, name: str, keeper: "subprocess.Popen[str]") -> None:
    assert keeper.stdout is not None
    *notes, answer = [line.strip() for line in keeper.stdout] or [""]
    for note in notes:
        print(note, file=sys.stderr)
    if answer != "ready":
        os.close(_leases.pop((var, name)))
        raise ServerProblem(answer or f"The embedded {name} did not start; {log_file(var, 'keeper')} says why.")
