"""The HTTP half: the SMS provider's door, and a small page that lists what arrived."""

import json
import os
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from campaigns.simulator.ledger import Ledger
from campaigns.simulator.moods import Mood
from campaigns.simulator.page import page
from campaigns.simulator.receipts import call_back, tell

#: Numbers that begin so do not exist.
UNKNOWN_NUMBERS = "+8610000"
#: Longer than anybody waits for an answer.
FOR_EVER = 60.0


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], ledger: Ledger, mood: Mood) -> None:
        super().__init__(address, Handler)
        self.ledger, self.mood, self.taking = ledger, mood, threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever sends may be killed in the middle of it: that is what it is for."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the ledger is the record."""

    def do_HEAD(self) -> None:
        self._answer(200, "text/plain", b"")

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, "text/html; charset=utf-8", page(self.server.ledger, self.server.mood.mode).encode())
        else:
            self._answer(404, "text/plain", b"not found")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        doors = {"/mode": self._set_mode, "/reply": self._reply}
        if self.path in ("/", "/sms", "/unkeyed"):
            self._messages(json.loads(body), keyed=self.path != "/unkeyed")
        elif door := doors.get(self.path):
            door(body)
        else:
            self._answer(404, "text/plain", b"not found")

    def _messages(self, data: dict[str, Any], *, keyed: bool) -> None:
        """Takes messages, or says what became of them. Without keys, what comes twice is taken twice."""
        if "lookup" in data:
            self._results([self._found(str(reference)) for reference in data["lookup"]])
            return
        mode = self.server.mood.draw()
        if mode == "5xx":
            self._answer(500, "text/plain", b"broken")
        elif mode in ("4xx", "503"):
            self._answer(503 if mode == "503" else 429, "text/plain", b"busy", {"Retry-After": "1"})
        elif mode == "reset":
            self._cut()
        else:
            self._accept(data, mode, keyed)

    def _found(self, reference: str) -> dict[str, str]:
        number = self.server.ledger.by_reference("sms", reference)
        known = {"reference": reference, "status": "accepted", "id": f"sim-{number}"}
        return known if number is not None else {"reference": reference, "status": "absent"}

    def _accept(self, data: dict[str, Any], mode: str, keyed: bool) -> None:
        if mode == "slow":
            time.sleep(float(os.environ.get("SIMULATOR_SLOW", "0.2")))
        callback = str(data.get("callback", ""))
        results = [self._take(message, callback, keyed) for message in data["messages"]]
        self._say(results, mode)
        taken = [result["reference"] for result in results if result["status"] == "accepted"]
        threading.Thread(target=tell, args=(callback, taken, self.server.mood.receipts), daemon=True).start()

    def _say(self, results: list[dict[str, str]], mode: str) -> None:
        """The answer, or what comes instead of one although everything was taken."""
        if mode == "drop-after-accept":
            self._cut()
        elif mode == "5xx-after":
            self._answer(500, "text/plain", b"broken")
        elif mode == "blackhole":
            time.sleep(FOR_EVER)
            self._cut()
        elif mode == "trickle":
            self._trickle(json.dumps({"results": results}).encode())
        elif mode == "partial":
            shuffled = self.server.mood.shuffled(results)
            self._results(shuffled[len(shuffled) // 2 + 1 :])
        else:
            self._results(results)

    def _results(self, results: list[dict[str, str]]) -> None:
        self._answer(200, "application/json", json.dumps({"results": results}).encode())

    def _trickle(self, body: bytes) -> None:
        """A byte per second: too slow for anybody's patience, and never silent."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(1)
        self.close_connection = True

    def _take(self, message: dict[str, str], callback: str, keyed: bool) -> dict[str, str]:
        reference = message["reference"]
        if message["to"].startswith(UNKNOWN_NUMBERS):
            return {"reference": reference, "status": "refused", "code": "no_such_number"}
        with self.server.taking:
            number = self.server.ledger.by_key("sms", message["key"]) if keyed else None
            if number is None:
                number = self.server.ledger.accept(
                    channel="sms",
                    reference=reference,
                    key=message["key"],
                    recipient=message["to"],
                    body=message["text"],
                    callback=callback,
                )
        return {"reference": reference, "status": "accepted", "id": f"sim-{number}"}

    def _set_mode(self, body: bytes) -> None:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.server.mood.set(
            mode=form.get("mode", ""),
            share=float(form.get("share", 1)),
            seed=int(form.get("seed", 0)),
            receipts=form.get("receipts", ""),
        )
        self._back()

    def _reply(self, body: bytes) -> None:
        """Answer an SMS in its recipient's name."""
        form = parse_qs(body.decode())
        row = self.server.ledger.get(int(form.get("id", ["0"])[0]))
        if row is not None:
            event = {"type": "reply", "id": f"{row['id']}-{time.time_ns()}", "from": row["recipient"]}
            call_back(row["callback"], [event | {"text": form.get("text", [""])[0]}])
        self._back()

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _back(self) -> None:
        self._answer(303, "text/plain", b"", {"Location": "/"})

    def _answer(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
