"""Where the embedded servers of a folder are met. Pure: the same folder always gives the same addresses."""

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

# The kernel allows about 104 bytes for a socket's whole path; the longest file name in it takes 14.
LONGEST_SOCKET_FOLDER = 88
DATABASE = "crm"
SUPERUSER = "postgres"


class ServerProblem(Exception):
    """An embedded server cannot run here. The text is one line for people and names the cure."""


def postgres_folder(var: Path) -> Path:
    return var / "postgres"


def valkey_folder(var: Path) -> Path:
    return var / "valkey"


def log_file(var: Path, name: str) -> Path:
    return var / "log" / f"{name}.log"


def lock_file(var: Path, server: str, purpose: str) -> Path:
    return var / "lock" / f"{server}.{purpose}"


def keeper_lock(var: Path, server: str) -> Path:
    """Held by the keeper of the server for as long as it looks after it."""
    return lock_file(var, server, "keeper")


def socket_folder(folder: Path) -> Path:
    """The data folder, which nobody else may enter; a short name in the temporary folder if its path is too long."""
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder
    return Path(tempfile.gettempdir()) / f"crm-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"


def valkey_socket(var: Path) -> Path:
    return socket_folder(valkey_folder(var)) / "valkey.sock"


def database_url(var: Path) -> str:
    """Address of the embedded PostgreSQL whose data lie under `var`, whether or not it runs now."""
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(socket_folder(postgres_folder(var))))}"


def redis_url(var: Path) -> str:
    """Address of the embedded Valkey (database 0) whose data lie under `var`, whether or not it runs now."""
    return f"unix://{quote(str(valkey_socket(var)))}?db=0"
