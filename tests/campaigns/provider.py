"""The simulator as its own process, and what its ledger says."""

import json
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Provider:
    smtp_url: str
    sms_url: str
    ledger: Path

    def rows(self, after: int = 0) -> list[sqlite3.Row]:
        """Everything that was ever accepted behind this number, oldest first."""
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            return db.execute("SELECT * FROM accepted WHERE id > ? ORDER BY id", (after,)).fetchall()

    def newest(self) -> int:
        """Number of the last that was accepted; 0 before the first."""
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT coalesce(max(id), 0) FROM accepted").fetchone()[0])

    def references(self, after: int = 0) -> list[str]:
        return [row["reference"] for row in self.rows(after)]

    def behave(self, mode: str, *, share: float = 1, seed: int = 0, receipts: str = "plain") -> None:
        """`mode` for this share of the calls, drawn from `seed`; the others are answered as they should be."""
        given = {"mode": mode, "share": share, "seed": seed, "receipts": receipts}
        data = urllib.parse.urlencode(given).encode()
        with urllib.request.urlopen(f"{self.sms_url}/mode", data=data, timeout=5):
            pass


@contextmanager
def running(folder: Path) -> Iterator[Provider]:
    ledger = folder / "ledger.sqlite3"
    command = [sys.executable, "-m", "campaigns.simulator", "--smtp-port", "0", "--http-port", "0"]
    with subprocess.Popen([*command, "--ledger", str(ledger)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        yield Provider(f"smtp://127.0.0.1:{ports['smtp']}", f"http://127.0.0.1:{ports['http']}", ledger)
        process.terminate()
