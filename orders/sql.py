"""What the figures of this room share: which orders count, how questions are asked, and how answers are kept."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar, cast
from uuid import uuid4

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Max, Q

from orders.models import ImportFile

Found = TypeVar("Found")

# A paid order (Order.COUNTS) in the words of SQL.
COUNTS = "o.paid_on IS NOT NULL AND (o.refunded_amount < o.paid_amount OR o.paid_amount = 0)"

KEPT = 600  # seconds
_STAMP = "orders:figures"


def rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def kept(
    name: str, *parts: object, compute: Callable[[], Found], is_final: Callable[[Found], bool] = lambda found: True
) -> Found:
    """What `compute` finds: kept for ten minutes, or until an import ends or `forget_figures` is called.

    Over a million orders such figures take seconds, and change by nothing that anybody could see in ten minutes.
    What is not `is_final` is not kept.
    """
    key = sha256(f"{name}:{_state()}:{':'.join(map(str, parts))}".encode()).hexdigest()
    found: Found | None = cache.get(key)
    if found is None:
        found = compute()
        if is_final(found):
            cache.set(key, found, timeout=KEPT)
    return found


def forget_figures() -> None:
    """Costs or links have changed: figures that were kept are no longer true."""
    cache.set(_STAMP, uuid4().hex, timeout=None)


def _state() -> str:
    """Another word after every import that ended or was taken back."""
    done = Q(state=ImportFile.State.DONE)
    newest = ImportFile.objects.aggregate(newest=Max("pk", filter=done), done=Count("pk", filter=done))
    return f"{newest['newest']}-{newest['done']}-{cast(str, cache.get(_STAMP, ''))}"
