"""Telling the touchpoints room what went out. Once per message, however often it is told."""

from collections.abc import Sequence

from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from campaigns.models import Message
from touchpoints.models import Touchpoint
from touchpoints.services import TouchpointInput, record_many

BATCH = 1000
#: Handed over for certain. What is in doubt is told when the doubt is settled.
CERTAIN = (Message.State.ACCEPTED, Message.State.DELIVERED, Message.State.UNDELIVERED)


def record_sent(*, message_ids: Sequence[int]) -> int:
    """Touchpoints of those of these messages that were handed over for certain. Returns how many were new."""
    return _record(_certain().filter(pk__in=message_ids)) if message_ids else 0


def record_all_sent(*, campaign_id: int) -> int:
    """The same for all of a campaign's that have none yet.

    Number by number, and not until nothing is new: somebody else may be telling the same, and die of it.
    """
    told, after = 0, 0
    while ids := list(_untold(_certain().filter(campaign_id=campaign_id, pk__gt=after))[:BATCH]):
        told, after = told + record_sent(message_ids=ids), ids[-1]
    return told


def _certain() -> QuerySet[Message]:
    return Message.objects.filter(state__in=CERTAIN, sent_at__isnull=False)


def _untold(messages: QuerySet[Message]) -> QuerySet[Message, int]:
    key = Concat(Value("message:"), Cast(OuterRef("pk"), CharField()), Value(":sent"))
    known = Touchpoint.objects.filter(dedupe_key=key)
    return messages.filter(~Exists(known)).order_by("pk").values_list("pk", flat=True)


def _record(messages: QuerySet[Message]) -> int:
    rows = messages.values_list(
        "pk", "customer_id", "channel", "sent_at", "campaign__code", "campaign__shop_id", "campaign__name"
    )
    events = [
        TouchpointInput(
            customer_id=customer_id,
            stage=Touchpoint.Stage.MARKETING,
            kind="message_sent",
            direction=Touchpoint.Direction.OUTWARD,
            channel=channel,
            occurred_at=sent_at,
            dedupe_key=f"message:{pk}:sent",
            shop_id=shop_id,
            campaign_code=code,
            summary=name,
        )
        for pk, customer_id, channel, sent_at, code, shop_id, name in rows
        if sent_at is not None
    ]
    return len(record_many(events)) if events else 0
