"""What arrived: an append-only SQLite file, on the disk before the sender hears "accepted"."""

import sqlite3
import threading
import time
from pathlib import Path

_TABLES = """
    CREATE TABLE IF NOT EXISTS accepted (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, channel TEXT NOT NULL, reference TEXT NOT NULL,
        key TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
        callback TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX IF NOT EXISTS accepted_key ON accepted (channel, key);
    CREATE INDEX IF NOT EXISTS accepted_reference ON accepted (channel, reference);
    CREATE TRIGGER IF NOT EXISTS accepted_stays BEFORE UPDATE ON accepted
        BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER IF NOT EXISTS accepted_remains BEFORE DELETE ON accepted
        BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
"""
_INSERT = """
    INSERT INTO accepted (at, channel, reference, key, sender, recipient, subject, body, callback)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Ledger:
    """One connection, shared by the threads of the simulator under a lock."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        self._db.executescript(_TABLES)

    def accept(
        self,
        *,
        channel: str,
        recipient: str,
        body: str,
        reference: str = "",
        key: str = "",
        sender: str = "",
        subject: str = "",
        callback: str = "",
    ) -> int:
        """Write one message down; returns its number."""
        values = (time.time(), channel, reference, key, sender, recipient, subject, body, callback)
        with self._lock:
            cursor = self._db.execute(_INSERT, values)
            return int(cursor.lastrowid or 0)

    def by_key(self, channel: str, key: str) -> int | None:
        """Number of the message that came with this key, if one did."""
        with self._lock:
            row = self._db.execute("SELECT id FROM accepted WHERE channel = ? AND key = ?", (channel, key)).fetchone()
        return int(row["id"]) if row else None

    def by_reference(self, channel: str, reference: str) -> int | None:
        """Number of the first message of this name, if one came."""
        question = "SELECT min(id) AS id FROM accepted WHERE channel = ? AND reference = ?"
        with self._lock:
            row = self._db.execute(question, (channel, reference)).fetchone()
        return int(row["id"]) if row["id"] is not None else None

    def get(self, number: int) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute("SELECT * FROM accepted WHERE id = ?", (number,)).fetchone()
        return row

    def newest(self, limit: int = 100) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute("SELECT * FROM accepted ORDER BY id DESC LIMIT ?", (limit,)).fetchall()

    def count(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM accepted").fetchone()[0])
