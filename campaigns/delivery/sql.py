"""The ways in which delivery talks SQL."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError, Error, InterfaceError, OperationalError, connection

Params = Sequence[Any] | Mapping[str, Any]


def rows(statement: str, params: Params = ()) -> list[tuple[Any, ...]]:
    """What the statement returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def changed(statement: str, params: Params = ()) -> int:
    """How many rows the statement wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        return int(cursor.rowcount)


def written_out(statement: str, params: Sequence[Any]) -> str:
    """The statement with its parameters in their places, as part of a longer one that has parameters of its own."""
    with connection.cursor() as cursor:
        text: bytes = cursor.mogrify(statement, params)
    return text.decode().replace("%", "%%")


_NAMED = re.compile(r"%\((\w+)\)s(::\w+(?:\[\])?)?")
#: Connection to the server → names of the statements that it has planned.
_planned: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class Prepared:
    """A statement that is asked for every copy. Each connection plans it once: planning costs more than the answer.

    Parameters are written `%(name)s`, with a cast where PostgreSQL could not tell the type.
    """

    def __init__(self, name: str, statement: str) -> None:
        types = dict(reversed(_NAMED.findall(statement)))
        numbered = {parameter: f"${number}" for number, parameter in enumerate(types, 1)}
        self.name = name
        self._plan = f"PREPARE {name} AS {statement % numbered}"
        self._call = f"EXECUTE {name} ({', '.join(f'%({parameter})s{cast}' for parameter, cast in types.items())})"

    def rows(self, params: Mapping[str, Any], *, after: str = "") -> list[tuple[Any, ...]]:
        """What it returns. `after`: statements that are carried out before it on the same way, each ending in “;”."""
        self._make_ready()
        return rows(after + self._call, params)

    def changed(self, params: Mapping[str, Any]) -> int:
        """How many rows it wrote."""
        self._make_ready()
        return changed(self._call, params)

    def _make_ready(self) -> None:
        connection.ensure_connection()
        known = _planned.setdefault(connection.connection, set())
        if self.name not in known:
            changed(self._plan)
            known.add(self.name)


def is_lost(error: Error) -> bool:
    """Whether it was the connection, and not the statement. Where the server goes in the middle of an answer, the
    driver says plain DatabaseError."""
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
