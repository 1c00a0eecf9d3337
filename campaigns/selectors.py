"""Questions about campaigns: which there are, who got what.

What a launch would do is campaigns/launch/preflight, how far one has come campaigns/running/monitor, whom it went to
campaigns/running/ledger, what it did campaigns/results/reporting.
"""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from campaigns.models import Campaign, Message, PlanEntry
from campaigns.results.reporting import CampaignReport, reports
from customers.books import Book
from segmentation.models import Segment


def campaigns_of(book: Book) -> QuerySet[Campaign]:
    """The campaigns of a book's shops, for the list."""
    return Campaign.objects.filter(shop__in=book.shop_ids).select_related("shop", "segment", "plan_entry")


def entries_of(book: Book) -> QuerySet[PlanEntry]:
    return PlanEntry.objects.filter(shop__in=book.shop_ids).select_related("shop", "segment", "template", "owner")


def last_reports(book: Book, *, limit: int = 5) -> list[CampaignReport]:
    """The campaigns that were started last, with their figures."""
    started = campaigns_of(book).filter(started_at__isnull=False).order_by("-started_at", "-id")
    return reports(list(started[:limit]))


@dataclass(frozen=True)
class Received:
    """One message on a customer's page: the copy, and what its receiver did."""

    message: Message
    clicked: bool
    replied: bool
    unsubscribed: bool


def messages_of(customer_id: int, *, limit: int = 20) -> list[Received]:
    """What this customer got, and what was kept from them as a holdout, the newest first."""
    kinds = {
        kind: Count("responses", filter=Q(responses__kind=kind, responses__suspected_bot=False))
        for kind in ("click", "reply", "unsubscribe")
    }
    found = Message.objects.filter(customer=customer_id).select_related("campaign", "campaign__shop").annotate(**kinds)
    return [
        Received(message, *(bool(getattr(message, kind)) for kind in kinds))
        for message in found.order_by("-id")[:limit]
    ]


def usable_segments(book: Book) -> QuerySet[Segment]:
    """Segments that a campaign of this book may be sent to."""
    return Segment.objects.filter(archived_at__isnull=True, book__in=["", book.code])
