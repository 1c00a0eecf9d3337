"""What customers tell us by what they do with a copy: noted beside it, told to the touchpoints room, obeyed at once."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from campaigns.media import refuse_platform
from campaigns.models import Message, Response
from campaigns.tracking import message_of
from customers.addresses import FIELDS
from customers.models import Suppression
from customers.services import Bounce, WrittenTo, record_optout, suppress_bounced, suppress_written_to
from touchpoints.services import record_touchpoint


def touch(message: Message, kind: str, key: str, summary: str = "") -> None:
    """One touchpoint of the marketing stage; the same key again changes nothing."""
    record_touchpoint(
        customer_id=message.customer_id,
        stage="marketing",
        kind=kind,
        direction="in",
        channel=message.channel,
        occurred_at=timezone.now(),
        dedupe_key=touch_key(message.pk, key),
        shop_id=message.campaign.shop_id,
        campaign_code=message.campaign.code,
        summary=summary,
    )


def touch_key(message_id: int, key: str) -> str:
    return f"message:{message_id}:{key}"


@transaction.atomic
def record_unsubscribe(*, token: UUID, source: str) -> bool:
    """The customer wants nothing more in this message's channel. False for an unknown token; repeats are harmless."""
    message = message_of(token)
    if message is None:
        return False
    unsubscribe(message, source)
    return True


def unsubscribe(message: Message, source: str) -> None:
    """Inside a transaction."""
    # Also where the address is blocked already: a bounce may be lifted, what the customer said stays.
    if message.channel in FIELDS:
        record_optout(
            customer=message.customer, channel=message.channel, source=source, written_to=_written_to(message)
        )
    else:
        refuse_platform(digests=[message.address_digest], source=source)
    if _note_once(message, Response.Kind.UNSUBSCRIBE, source):
        touch(message, "unsubscribed", "unsubscribe")


def complain(message: Message, source: str) -> None:
    """Called us spam: as good as an opt-out, and counted against the campaign (campaigns/news/guards.py)."""
    _block(message, Suppression.Reason.COMPLAINED, source)
    if _note_once(message, Response.Kind.COMPLAINT, source):
        touch(message, "complaint", "complaint")


def bounced(message_ids: Sequence[int], source: str) -> int:
    """These addresses do not exist: nothing that a customer did. Returns how many were blocked now."""
    found = Message.objects.select_related("customer").filter(pk__in=message_ids, channel__in=FIELDS)
    bounces = [
        Bounce(message.customer, message.channel, _written_to(message)) for message in found if message.address_digest
    ]
    return suppress_bounced(bounces=bounces, source=source)


def _block(message: Message, reason: str, source: str) -> None:
    if message.channel in FIELDS and message.address_digest:
        suppress_written_to(
            customer=message.customer, channel=message.channel, written_to=_written_to(message), reason=reason,
            source=source,
        )  # fmt: skip


def _written_to(message: Message) -> WrittenTo:
    return WrittenTo(digest=message.address_digest, masked=message.masked_address)


def _note_once(message: Message, kind: str, source: str) -> bool:
    """One at a time, so that the same news told twice at once is still one answer."""
    Message.objects.select_for_update(no_key=True).filter(pk=message.pk).first()
    if message.responses.filter(kind=kind).exists():
        return False
    message.responses.create(kind=kind, occurred_at=timezone.now(), data={"source": source})
    return True
