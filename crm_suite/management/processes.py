"""The processes of a running site, and the small supervisor that ends them together."""

import os
import shlex
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from threading import Thread

from django.core.management.base import CommandError
from honcho.manager import Manager
from honcho.printer import Message, Printer

PORT = 8000
LONGEST_START = 60.0  # seconds until /readyz has to answer
STOPPED_BY_US = {128 + signal.SIGINT, 128 + signal.SIGTERM}
# Nobody asks another worker anything here, so they need not talk to each other.
ALONE = "--without-gossip --without-mingle --without-heartbeat"


def choose_port(host: str, wanted: int | None) -> int:
    """The wanted port, or else the first free one from 8000 on. Raises CommandError when the wanted one is taken."""
    if wanted is not None:
        if not _is_free(host, wanted):
            raise CommandError(f"Port {wanted} is taken: name another by --port, or leave it out.")
        return wanted
    return next(port for port in range(PORT, PORT + 1000) if _is_free(host, port))


def free_port() -> int:
    """A port that the system has just found free on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def commands(*, host: str, port: int, simulator: tuple[int, int] | None) -> dict[str, str]:
    """Shell commands by short name. Imports and analysis may take long, so sending has a worker of its own."""
    python = shlex.quote(sys.executable)
    celery = f"{python} -m celery --quiet -A crm_suite"
    found = {
        "web": f"{python} -m granian --interface wsgi --host {host} --port {port} --blocking-threads 4 "
        "--workers-kill-timeout 3 --log-level warning crm_suite.wsgi:application",
        "send": f"{celery} worker -n send@%h -Q delivery,default -c 2 {ALONE}",
        "heavy": f"{celery} worker -n heavy@%h -Q imports,analysis -c 2 {ALONE}",
        "beat": f"{celery} beat --pidfile=",
    }
    if simulator:
        found["phones"] = f"{python} manage.py simulator --smtp-port {simulator[0]} --http-port {simulator[1]}"
    return found


class Supervisor(Manager):  # type: ignore[misc]
    """Runs the commands until one ends or somebody says stop, and then ends all of them within six seconds."""

    def __init__(self, *, cwd: str, environment: Mapping[str, str], when_started: Callable[[], None]) -> None:
        super().__init__(QuietPrinter(sys.stdout))
        self.cwd, self.environment, self.when_started = cwd, environment, when_started

    def run(self, named: Mapping[str, str]) -> str | None:
        """Returns None when told to stop, else the name of the process that ended by itself."""
        for name, command in named.items():
            # `exec` leaves no shell between us and the process.
            self.add_process(name, f"exec {command}", cwd=self.cwd, env=dict(self.environment))
        signal.signal(signal.SIGHUP, _hang_up)
        try:
            self.loop()
        finally:
            # Whatever ended the loop, a full disk behind our output for instance: nobody stays behind.
            self.kill()
        if self.returncode in STOPPED_BY_US:
            return None
        return next(str(name) for name, one in self._processes.items() if one.get("returncode") == self.returncode)

    def _start(self) -> None:
        super()._start()
        # Only now: a thread must not be there while processes are forked.
        Thread(target=self.when_started, daemon=True).start()


class QuietPrinter(Printer):  # type: ignore[misc]
    """Leaves out the supervisor's own words."""

    def write(self, message: Message) -> None:
        if message.name != "system":
            super().write(message)


def _hang_up(*_: object) -> None:
    """The terminal was closed: nothing can be said any more, and everything ends as after Ctrl-C."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    os.kill(os.getpid(), signal.SIGTERM)


def wait_until_ready(url: str) -> bool:
    """Whether the site said within a minute that it is ready."""
    end = time.monotonic() + LONGEST_START
    while time.monotonic() < end:
        if _answers(f"{url}/readyz"):
            return True
        time.sleep(0.2)
    return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will do; otherwise a port used a moment ago seems taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
