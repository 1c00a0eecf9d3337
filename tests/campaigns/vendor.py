"""A vendor on this machine: answers by a script and remembers what it was asked. No test calls a real one."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from campaigns.channels.base import Envelope


@dataclass
class Asked:
    """One request. `query` and `form` hold the first value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return _first(self.body.decode())


@dataclass
class Vendor:
    """`answers` are given one after the other, the last one again and again: (status, body, headers), "cut", or what
    makes such an answer of the request."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def says(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked.clear()


@contextmanager
def running() -> Iterator[Vendor]:
    vendor = Vendor()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            vendor.asked.append(Asked(self.command, parts.path, _first(parts.query), headers, body))
            said = vendor.answers.pop(0) if len(vendor.answers) > 1 else vendor.answers[0]
            said = said(vendor.asked[-1]) if callable(said) else said
            if said == "cut":
                self.close_connection = True
                return
            status, content, *more = said
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **(more[0] if more else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(raw)

        do_POST = do_GET = do_HEAD = answer  # noqa: N815  the server's own names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield vendor
    server.shutdown()
    server.server_close()


def sms(*texts: str, to: Sequence[str] = ()) -> list[Envelope]:
    """One envelope per text; ref-1, ref-2 …"""
    numbers = to or [f"+861380013800{place}" for place in range(len(texts))]
    return [
        Envelope(reference=f"ref-{place}", key=f"ref-{place}.0", to=number, text=text)
        for place, (text, number) in enumerate(zip(texts, numbers, strict=True), 1)
    ]


def _first(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
