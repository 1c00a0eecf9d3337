"""Asking one customer after the other: for the first members of many, and for an estimate of how many there are.

Where most fit, ten members are soonest found by walking through customers in the order of the list; where few fit, by
finding all of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg2.errors import QueryCanceled

from segmentation.selectors import roomy

#: From so many on, and from this share of everybody, it is quicker to ask one after the other until a page is full.
MANY, SHARE = 10_000, 0.01


@contextmanager
def first_of(found: int, everybody: int) -> Iterator[bool]:
    """Reading the first members of so many. Tells whether they should be asked for one by one."""
    each = found > max(MANY, SHARE * everybody)
    with one_by_one() if each else roomy():
        yield each


@contextmanager
def one_by_one() -> Iterator[None]:
    """The planner walks through an index and looks for each customer's rows, whatever it expects of them."""
    ways = ("hashjoin", "mergejoin", "sort", "seqscan", "bitmapscan")
    switches = ", ".join(f"set_config('enable_{way}', 'off', true)" for way in ways)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {switches}, set_config('jit', 'off', true)")  # our own words
        yield
        for way in ways:
            cursor.execute(f"SET LOCAL enable_{way} TO DEFAULT")


class TooSlow(Exception):
    """The time was over before the answer was there."""


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """What the database is asked inside has so many seconds in all. Raises TooSlow; None is without end."""
    until = monotonic() + (seconds or 0)

    def ask(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        left = int((until - monotonic()) * 1000)
        if left < 1:
            raise TooSlow
        context["cursor"].cursor.execute(f"SET LOCAL statement_timeout = {left}")
        return execute(sql, params, many, context)

    if seconds is None:
        yield
        return
    try:
        with transaction.atomic():
            with connection.execute_wrapper(ask):
                yield
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooSlow from error
        raise
