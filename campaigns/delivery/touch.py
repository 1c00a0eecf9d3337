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


def record_sent(*, message_ids: Sequence[int] | None = None, campaign_id: int | None = None) -> int:
    """Touchpoints of these messages, or of all of a campaign's that have none yet. Returns how many were new."""
    if message_ids is not None:
        return _record(Message.objects.filter(pk__in=message_ids)) if message_ids else 0
    told = 0
    while campaign_id is not None and (new := _record(_untold(campaign_id)[:BATCH])):
        told += new
    return told


def _untold(campaign_id: int) -> QuerySet[Message]:
    key = Concat(Value("message:"), Cast(OuterRef("pk"), CharField()), Value(":sent"))
    known = Touchpoint.objects.filter(dedupe_key=key)
    messages = Message.objects.filter(campaign_id=campaign_id, state__in=CERTAIN, sent_at__isnull=False)
    return messages.filter(~Exists(known)).order_by("pk")


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
