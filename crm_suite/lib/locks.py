"""Session advisory locks: held while a process lives, gone the moment it dies, whatever kills it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from psycopg2 import errorcodes


@contextmanager
def held_if_free(space: int, key: int) -> Iterator[bool]:
    """Yields True while this process alone holds (space, key); False at once where somebody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [space, key])
        row = cursor.fetchone()
    got = bool(row and row[0])
    try:
        yield got
    finally:
        if got:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [space, key])


def is_deadlock(error: OperationalError) -> bool:
    """Whether two waited for each other and this one had to give way: nothing was written, it can be tried again."""
    return getattr(error.__cause__, "pgcode", None) == errorcodes.DEADLOCK_DETECTED
