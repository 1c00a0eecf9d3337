"""Asking one customer after the other: for the first members of many, and for an estimate of how many there are.

Where most fit, ten members are soonest found by walking through customers in the order of the list; where few fit, by
finding all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg2.errors import QueryCanceled

from segmentation.selectors import roomy

#: From so many on, and from this share of everybody, members may come by soon enough to wait for a page of them.
MANY, SHARE = 10_000, 0.05
#: Seconds after which they have not: the list's order has something to do with who fits.
WALKING = 0.1
Answer = TypeVar("Answer")


def first_of(found: int, everybody: int, ask: Callable[[bool], Answer]) -> Answer:
    """What `ask` reads of the first of so many members; it is told whether to ask for them one by one."""
    if found > max(MANY, SHARE * everybody):
        with suppress(TooSlow), within(WALKING), one_by_one():
            return ask(True)
    with roomy():
        return ask(False)


@contextmanager
def one_by_one() -> Iterator[None]:
    """The planner walks through an index and looks for each customer's rows, whatever it expects of them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {_turned('off')}, set_config('jit', 'off', true)")
        yield
        cursor.execute(f"SELECT {_turned('on')}")


def _turned(to: str) -> str:
    ways = ("hashjoin", "mergejoin", "sort", "seqscan", "bitmapscan")
    return ", ".join(f"set_config('enable_{way}', '{to}', true)" for way in ways)


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
