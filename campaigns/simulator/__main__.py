"""`python -m campaigns.simulator`: both halves in one process until SIGTERM or Ctrl-C."""

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType

from campaigns.simulator import mail
from campaigns.simulator.ledger import Ledger
from campaigns.simulator.moods import MODES, Mood
from campaigns.simulator.web import Server


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=2525, help="0 = any free port")
    parser.add_argument("--http-port", type=int, default=2580, help="0 = any free port")
    parser.add_argument("--ledger", type=Path, required=True, help="SQLite file that is appended to")
    parser.add_argument("--mode", choices=MODES, default="ok")


def serve(*, host: str, smtp_port: int, http_port: int, ledger: Path, mode: str) -> None:
    """Prints one JSON line with both ports once both answer."""
    signal.signal(signal.SIGTERM, _stop)
    book = Ledger(ledger)
    mood = Mood(mode)
    web = Server((host, http_port), book, mood)
    controller = mail.start(book, mood.draw, host=host, port=smtp_port)
    print(json.dumps({"smtp": controller.port, "http": web.server_address[1]}), flush=True)
    try:
        web.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        controller.stop()
        web.server_close()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="simulator")
    arguments(parser)
    serve(**vars(parser.parse_args(sys.argv[1:])))
