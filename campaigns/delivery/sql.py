"""The two ways in which delivery talks SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def is_lost(error: Error) -> bool:
    """Whether it was the connection, and not the statement. Where the server goes in the middle of an answer, the
    driver says plain DatabaseError."""
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
