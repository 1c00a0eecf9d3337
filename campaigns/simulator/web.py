"""The HTTP half: the SMS provider's door, and a small page that lists what arrived."""

import json
import os
import threading
import time
import urllib.request
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from campaigns.simulator.ledger import Ledger
from campaigns.simulator.mail import readable

#: Numbers that begin so do not exist.
UNKNOWN_NUMBERS = "+8610000"
MODES = ("ok", "slow", "drop-after-accept", "reset", "4xx", "5xx")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], ledger: Ledger, mode: str) -> None:
        super().__init__(address, Handler)
        self.ledger, self.mode, self.taking = ledger, mode, threading.Lock()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the ledger is the record."""

    def do_HEAD(self) -> None:
        self._answer(200, "text/plain", b"")

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, "text/html; charset=utf-8", page(self.server.ledger, self.server.mode).encode())
        else:
            self._answer(404, "text/plain", b"not found")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        doors = {"/": self._sms, "/sms": self._sms, "/mode": self._set_mode, "/reply": self._reply}
        door = doors.get(self.path)
        if door is None:
            self._answer(404, "text/plain", b"not found")
        else:
            door(body)

    def _sms(self, body: bytes) -> None:
        mode, data = self.server.mode, json.loads(body)
        if mode == "5xx":
            self._answer(500, "text/plain", b"broken")
        elif mode == "4xx":
            self._answer(429, "text/plain", b"busy", {"Retry-After": "1"})
        elif mode == "reset":
            self._cut()
        else:
            self._accept(data, mode)

    def _accept(self, data: dict[str, Any], mode: str) -> None:
        if mode == "slow":
            time.sleep(float(os.environ.get("SIMULATOR_SLOW", "0.2")))
        callback = str(data.get("callback", ""))
        results = [self._take(message, callback) for message in data["messages"]]
        if mode == "drop-after-accept":
            self._cut()
            return
        self._answer(200, "application/json", json.dumps({"results": results}).encode())
        threading.Thread(target=self._receipts, args=(callback, results), daemon=True).start()

    def _take(self, message: dict[str, str], callback: str) -> dict[str, str]:
        reference = message["reference"]
        if message["to"].startswith(UNKNOWN_NUMBERS):
            return {"reference": reference, "status": "refused", "code": "no_such_number"}
        with self.server.taking:
            number = self.server.ledger.by_key("sms", message["key"])
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

    def _receipts(self, callback: str, results: list[dict[str, str]]) -> None:
        taken = [result["reference"] for result in results if result["status"] == "accepted"]
        time.sleep(0.5)
        call_back(callback, [{"type": "receipt", "reference": ref, "status": "delivered"} for ref in taken])

    def _set_mode(self, body: bytes) -> None:
        mode = parse_qs(body.decode()).get("mode", [""])[0]
        if mode in MODES:
            self.server.mode = mode
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


def call_back(url: str, events: list[dict[str, str]]) -> None:
    """Tell the sender; it may be down, and a simulator does not insist."""
    if not url.startswith(("http://", "https://")) or not events:
        return
    data = json.dumps({"events": events}).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5):
            pass
    except OSError:
        pass


def page(ledger: Ledger, mode: str) -> str:
    rows = "".join(_row(dict(row)) for row in ledger.newest())
    modes = "".join(f"<option{' selected' if name == mode else ''}>{name}</option>" for name in MODES)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simulator</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><style>'
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1d2430}"
        "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.5rem;"
        "border-top:1px solid #ddd}pre{white-space:pre-wrap;margin:0;max-width:40rem;font:inherit}"
        "form{display:inline}small{color:#667}</style></head><body>"
        f"<h1>Simulator</h1><p>{ledger.count()} messages arrived here. Nobody real was written to.</p>"
        f'<form method="post" action="/mode"><label>Behaves: <select name="mode">{modes}</select></label> '
        "<button>Change</button></form>"
        f"<table><tr><th>When</th><th>To</th><th>Text</th></tr>{rows}</table></body></html>"
    )


def _row(row: dict[str, object]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(str(row["at"]))))
    is_sms = row["channel"] == "sms"
    text = str(row["body"]) if is_sms else readable(str(row["body"]))
    reply = (
        f'<form method="post" action="/reply"><input type="hidden" name="id" value="{row["id"]}">'
        '<input name="text" value="TD" size="8" aria-label="Reply"> <button>Reply</button></form>'
        if is_sms
        else ""
    )
    subject = f"<strong>{escape(str(row['subject']))}</strong><br>" if row["subject"] else ""
    return (
        f"<tr><td>{when}<br><small>{row['channel']}</small></td><td>{escape(str(row['recipient']))}<br>{reply}</td>"
        f"<td>{subject}<pre>{escape(text)}</pre></td></tr>"
    )
