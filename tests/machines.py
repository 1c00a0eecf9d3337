"""Machines beside this one: network namespaces with addresses of their own, which reach our servers by TCP only."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from django.db import connection

from crm_suite.embedded import places
from tests.processes import ROOT, environment, kill9

_serial = map(chr, range(ord("a"), ord("z")))
NET = "10.213.7"
HOST = f"{NET}.1"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Relay:
    """Carries a TCP port of this machine to a server's Unix socket, and notes from which addresses people come."""

    path: str
    callers: set[str] = field(default_factory=set)
    port: int = 0

    def open(self) -> None:
        self.door = socket.create_server((HOST, 0), backlog=50)
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                caller, (address, _port) = self.door.accept()
                self.callers.add(address)
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.path)
                for one, other in ((caller, server), (server, caller)):
                    threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Machine:
    name: str
    address: str
    variables: dict[str, str]

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A Celery worker for the analysis; killed at the end with all its children, if it still lives."""
        command = [sys.executable, "-m", "celery", "-A", "crm_suite", "worker", "-Q", "analysis", "-c", "1",
                   "-n", f"{self.name}@%h", "--loglevel", "error", "--without-gossip", "--without-mingle"]  # fmt: skip
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command], cwd=ROOT, env=environment(**self.variables),
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            kill9(process)


@contextmanager
def machines(count: int, **variables: str) -> Iterator[tuple[Sequence[Machine], Relay, Relay]]:
    """So many machines on a network of their own, and the doors to database and broker. Skips where it may not be."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("making network namespaces needs root and iproute2")
    # The kernel takes a network away a moment after it was told to: no name is used twice.
    tag = f"crm{os.getpid() % 10_000}{next(_serial)}"
    with ExitStack() as ends:
        _ip("link", "add", f"{tag}br", "type", "bridge")
        ends.callback(_ip, "link", "del", f"{tag}br")
        _ip("addr", "add", f"{HOST}/24", "dev", f"{tag}br")
        _ip("link", "set", f"{tag}br", "up")
        database = Relay(f"{settings.DATABASES['default']['HOST']}/.s.PGSQL.5432")
        broker = Relay(str(places.valkey_socket(settings.CRM_VAR)))
        for relay in (database, broker):
            relay.open()
            ends.callback(relay.door.close)
        number = settings.REDIS_URL.partition("db=")[2] or "0"
        user, name = settings.DATABASES["default"]["USER"], connection.settings_dict["NAME"]
        given = variables | {
            "DATABASE_URL": f"postgresql://{user}@{HOST}:{database.port}/{name}",
            "REDIS_URL": f"redis://{HOST}:{broker.port}/{number}",
        }
        found = [Machine(f"{tag}{number}", f"{NET}.{2 + number}", given) for number in range(count)]
        for machine in found:
            _plug_in(machine, f"{tag}br", ends)
        yield found, database, broker


def _plug_in(machine: Machine, bridge: str, ends: ExitStack) -> None:
    inside, outside = f"{machine.name}i", f"{machine.name}o"
    _ip("netns", "add", machine.name)
    ends.callback(_ip, "netns", "del", machine.name)
    _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", machine.name)
    _ip("link", "set", outside, "master", bridge, "up")
    _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", inside)
    _ip("-n", machine.name, "link", "set", inside, "up")
    _ip("-n", machine.name, "link", "set", "lo", "up")
