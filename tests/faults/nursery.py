"""Worker processes by the dozen: one process that has the product loaded forks a child for every job.

A child is a process like any other: it has its own connections, can be killed with -9, stopped and woken, and leaves
nothing tidy behind. Only the seconds that loading takes are paid once.
"""

import ctypes
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from tests.processes import ROOT, environment

# Wake-ups go nowhere: the rows must do.
NO_BROKER = "redis://127.0.0.1:9"
_DIE_WITH_PARENT = 1  # prctl(2)


@dataclass
class Child:
    pid: int
    nursery: "Nursery"
    code: int | None = None

    def is_over(self) -> bool:
        if self.code is None:
            self.code = self.nursery.ask({"poll": self.pid})["code"]
        return self.code is not None

    def wait(self, seconds: float = 60) -> int:
        """Its exit code, negative where a signal ended it."""
        end = time.monotonic() + seconds
        while not self.is_over():
            assert time.monotonic() < end, f"child {self.pid} does not end"
            time.sleep(0.01)
        assert self.code is not None
        return self.code

    def tell(self, number: int) -> None:
        if not self.is_over():
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.tell(signal.SIGKILL)
        self.wait()


@dataclass
class Nursery:
    process: "subprocess.Popen[str]"
    children: list[Child] = field(default_factory=list)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps(question), file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def start(self, job: str, *, fault: str = "", policy: dict[str, float] | None = None, **arguments: Any) -> Child:
        """`job` names a function of tests.faults.work; `policy` are numbers of campaigns.policy for this child."""
        question = {"job": job, "fault": fault, "policy": policy or {}, "surroundings": _surroundings()}
        child = Child(self.ask(question | {"arguments": arguments})["pid"], self)
        self.children.append(child)
        return child

    def clear(self) -> None:
        for child in self.children:
            child.kill()
        self.children.clear()


def _surroundings() -> dict[str, Any]:
    """What may differ from test to test: database, provider, folder of the journals."""
    from django.conf import settings
    from django.db import connection

    chosen = {name: connection.settings_dict[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
    return {
        "database": {name: str(value) for name, value in chosen.items()},
        "settings": {"SMTP_URL": settings.SMTP_URL, "SMS_URL": settings.SMS_URL, "CRM_VAR": str(settings.CRM_VAR)},
    }


@contextmanager
def opened(log: Path) -> Iterator[Nursery]:
    command = [sys.executable, "-m", "tests.faults.nursery"]
    surroundings = {**environment(REDIS_URL=NO_BROKER), "PYTHONWARNINGS": "ignore"}
    with log.open("ab") as errors, subprocess.Popen(
        command, cwd=ROOT, env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as process:  # fmt: skip
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


# --- the process itself --------------------------------------------------------------------------------------------


def main(questions: IO[str], answers: IO[str]) -> None:
    import django

    django.setup()
    work = importlib.import_module("tests.faults.work")
    for line in questions:
        question = json.loads(line)
        if "poll" in question:
            answer: dict[str, object] = {"code": _ended(question["poll"])}
        else:
            answer = {"pid": os.fork() or _be_a_child(work, question)}
        print(json.dumps(answer), file=answers, flush=True)


def _ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _be_a_child(work: Any, question: dict[str, Any]) -> int:
    """Never returns."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        _move_in(question)
        getattr(work, question["job"])(**question["arguments"])
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    os._exit(code)


def _move_in(question: dict[str, Any]) -> None:
    from django.conf import settings
    from django.db import connections

    from campaigns import policy
    from campaigns.delivery import faults

    random.seed(os.getpid())
    os.environ["FAULT"] = question["fault"]
    importlib.reload(faults)
    for name, value in question["policy"].items():
        was = getattr(policy, name)
        setattr(policy, name, timedelta(seconds=value) if isinstance(was, timedelta) else type(was)(value))
    for name, value in question["surroundings"]["settings"].items():
        setattr(settings, name, Path(value) if name == "CRM_VAR" else value)
    connections["default"].settings_dict.update(question["surroundings"]["database"])


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
