"""What PostgreSQL and Valkey have in common: a folder, a process that stands in it, a start and a stop."""

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

import psutil

from crm_suite.embedded.places import ServerProblem, log_file, socket_folder

LONGEST_START = 60.0  # seconds; recovery after a crash replays the log first
LONGEST_STOP = 5.0


class Server(ABC):
    """One embedded server of one folder. `start` and `stop` may be repeated."""

    name: str
    pid_file: Path
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL

    def __init__(self, var: Path, folder: Path) -> None:
        self.var, self.folder = var, folder
        self.sockets = socket_folder(folder)
        self.log = log_file(var, self.name)
        self.child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Makes the folder ready for the first start."""

    @abstractmethod
    def launch(self) -> "subprocess.Popen[bytes]":
        """Starts the process without waiting for it."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether a client gets an answer."""

    def process(self) -> psutil.Process | None:
        """The running server of this folder. A pid left behind and used by somebody else since is not it."""
        try:
            process = psutil.Process(int(self.pid_file.read_text().split()[0]))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return process if self._stands_here(process) else None

    def start(self) -> None:
        """Returns when the server answers; one that runs already is taken over as it is."""
        if self.process() is None:
            private_folder(self.folder)
            private_folder(self.sockets)
            self.clean_up_after_crash()
            self.prepare()
            self.child = self.launch()
        end = time.monotonic() + LONGEST_START
        while not self.answers():
            died = self.child is not None and self.child.poll() is not None
            if died or time.monotonic() > end:
                raise ServerProblem(f"The embedded {self.name} does not answer; {self.log} says why.")
            time.sleep(0.05)

    def clean_up_after_crash(self) -> None:
        """Ends what a killed server left running and removes its pid, which may be somebody else's by now."""
        if not self.pid_file.exists():
            return
        stragglers = [process for process in psutil.process_iter() if self._stands_here(process)]
        for process in stragglers:
            process.kill()
        psutil.wait_procs(stragglers, timeout=LONGEST_STOP)
        self.pid_file.unlink()

    def stop(self) -> None:
        """Returns when the process has ended; asks first, insists after five seconds."""
        process = self.process()
        for number in (self.stop_signal, self.kill_signal):
            if process is None:
                return
            try:
                process.send_signal(number)
                process.wait(LONGEST_STOP)
            except psutil.NoSuchProcess:
                return
            except psutil.TimeoutExpired:
                continue

    def _stands_here(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).samefile(self.folder)
        except (OSError, psutil.Error):
            return False

    def tidy(self) -> None:
        """Removes what lies outside the data folder."""
        if self.sockets != self.folder:
            shutil.rmtree(self.sockets, ignore_errors=True)


def private_folder(path: Path) -> None:
    """A folder that only its owner may enter. Refuses one that a stranger put there (it may lie in a shared folder)."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or (os.geteuid() != 0 and found.st_uid != os.geteuid()):
        raise ServerProblem(f"{path} belongs to somebody else: name another folder by CRM_VAR.")


def wheel(package: str, variable: str) -> Path:
    """Folder of a package that brings a server. It is not imported: that would do more than name its programs."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerProblem(f"{package} is not installed: run `make setup`, or set {variable} to a server of your own.")
    return Path(spec.origin).resolve().parent
