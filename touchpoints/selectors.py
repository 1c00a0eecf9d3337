"""Questions about what passed between us and our customers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from customers.books import Book
from customers.models import Customer
from touchpoints.models import Touchpoint

PAGE = 30

#: The chips of the timeline: which journey stages stand behind each.
TOPICS: dict[str, tuple[str, ...]] = {
    "orders": ("order", "pay", "ship", "receive"),
    "messages": ("marketing",),
    "service": ("consult", "after_sale", "use"),
    "visits": ("discover", "browse", "community"),
}


@dataclass(frozen=True)
class Stretch:
    """Some events, newest first, and the mark from which older ones go on; None at the beginning of the story."""

    events: list[Touchpoint]
    older: str | None


def timeline(*, customer: Customer, topic: str = "", channel: str = "", before: str = "", size: int = PAGE) -> Stretch:
    """A customer's events, newest first, `size` at a time. A mark that cannot be read starts at the newest."""
    events = Touchpoint.objects.filter(customer=customer).select_related("order", "shop")
    if topic in TOPICS:
        events = events.filter(stage__in=TOPICS[topic])
    if channel:
        events = events.filter(channel=channel)
    rows = list(_beyond(events, before).order_by("-occurred_at", "-id")[: size + 1])
    shown = rows[:size]
    return Stretch(events=shown, older=_mark(shown[-1]) if len(rows) > size else None)


def channels_of(customer: Customer) -> list[str]:
    """The channels in which this customer and we ever met, by name."""
    met = Touchpoint.objects.filter(customer=customer).order_by("channel").values_list("channel", flat=True).distinct()
    return list(met[:20])


def log_of(book: Book) -> QuerySet[Touchpoint]:
    """Every event in the shops of a book, and those without a shop of customers who belong to its side of the demo."""
    here = Q(shop__in=book.shop_ids) | Q(shop__isnull=True, customer__is_demo=book.is_demo)
    return Touchpoint.objects.filter(here).select_related("customer", "order", "shop")


def buyers_of(order_ids: Sequence[int]) -> list[int]:
    """Ids of the customers behind these orders, each once."""
    with connection.cursor() as cursor:
        # As one array: an import tells of tens of thousands at once.
        cursor.execute(
            "SELECT DISTINCT customer_id FROM orders_order WHERE id = ANY(%s) AND customer_id IS NOT NULL",
            [list(order_ids)],
        )
        return [int(row[0]) for row in cursor.fetchall()]


def _beyond(events: QuerySet[Touchpoint], mark: str) -> QuerySet[Touchpoint]:
    read = _read_mark(mark)
    if read is None:
        return events
    at, pk = read
    return events.filter(occurred_at__lte=at).filter(Q(occurred_at__lt=at) | Q(pk__lt=pk))


def _mark(event: Touchpoint) -> str:
    return urlsafe_b64encode(f"{event.occurred_at.isoformat()}|{event.pk}".encode()).decode()


def _read_mark(mark: str) -> tuple[datetime, int] | None:
    try:
        at, pk = urlsafe_b64decode(mark).decode().split("|")
        return datetime.fromisoformat(at), int(pk)
    except ValueError:
        return None
