"""`python -m crm_suite.embedded.keeper SERVER VAR`: starts one server, and stops it when nobody uses it any more."""

import os
import signal
import sys
import time
from pathlib import Path

from crm_suite.embedded import locks
from crm_suite.embedded.places import ServerProblem, keeper_lock, lock_file
from crm_suite.embedded.postgres import Postgres
from crm_suite.embedded.server import Server
from crm_suite.embedded.valkey import Valkey

KINDS: dict[str, type[Postgres] | type[Valkey]] = {"postgres": Postgres, "valkey": Valkey}
LOOK_EVERY = 0.3  # seconds


def keep(server: Server) -> None:
    """Returns after the last lease ended and the server stopped. A server that dies meanwhile is started again."""
    users = locks.opened(lock_file(server.var, server.name, "users"))
    # New users wait for the `users` lock, so the keeper's own must be free before it: hence the order of closing.
    with locks.alone(keeper_lock(server.var, server.name)):
        try:
            server.start()
            _say_ready()
            while not locks.try_alone(users):
                time.sleep(LOOK_EVERY)
                if server.process() is None:
                    server.start()
        finally:
            server.stop()
            server.tidy()
    os.close(users)


def _say_ready() -> None:
    print("ready", flush=True)
    # Whoever launched us reads until here; later words go to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def main() -> None:
    name, var = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        keep(KINDS[name](Path(var)))
    except ServerProblem as problem:
        print(problem, flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
