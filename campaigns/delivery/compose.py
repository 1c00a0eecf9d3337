"""From claimed rows to envelopes: one query for the batch, then text."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Value
from django.db.models.expressions import Combinable

from campaigns import tracking
from campaigns.channels.base import Envelope
from campaigns.delivery import faults
from campaigns.delivery.claim import Claimed
from campaigns.media import route_of
from campaigns.models import Campaign
from campaigns.texts.rendering import Content, Rendered, RenderProblem, parse
from crm_suite.lib.days import today_in
from customers.models import Customer, Shop


@dataclass(frozen=True, slots=True)
class Letter:
    """One claimed message with its envelope, or with the problem that keeps it from being written."""

    claimed: Claimed
    envelope: Envelope | None
    parts: int = 1
    problem: str = ""


def content_of(campaign: Campaign) -> Content:
    """The frozen text, parsed. Raises RenderProblem."""
    return parse(channel=campaign.channel, subject=campaign.subject, body=campaign.body, format=campaign.format)


def fields_of(customer_ids: Sequence[int], *, shop: Shop) -> dict[int, dict[str, object]]:
    """Merge fields by customer. Days are counted to today on the shop's clock; a field may be empty."""
    return {pk: fields for pk, (_none, fields) in _people(customer_ids, shop=shop, address=Value("")).items()}


def _people(
    customer_ids: Sequence[int], *, shop: Shop, address: Combinable
) -> dict[int, tuple[str, dict[str, object]]]:
    """Address and merge fields by customer, in one question."""
    today = today_in(shop.timezone)
    rows = (
        Customer.objects.filter(pk__in=customer_ids)
        .annotate(address=address)
        .values_list("pk", "address", "name", "city", "facts__orders", "facts__last_paid_on")
    )
    return {
        pk: (
            address,
            {
                "name": name,
                "city": city,
                "shop": shop.name,
                "orders": orders or 0,
                "last_purchase_days": (today - last).days if last else None,
            },
        )
        for pk, address, name, city, orders, last in rows
    }


def compose(*, campaign: Campaign, batch: Sequence[Claimed]) -> list[Letter]:
    """A letter per claimed message, in their order."""
    ids = [claimed.customer_id for claimed in batch]
    people = _people(ids, shop=campaign.shop, address=route_of(campaign).address())
    content = content_of(campaign)
    return [_letter(campaign, content, claimed, *people.get(claimed.customer_id, ("", {}))) for claimed in batch]


def _letter(campaign: Campaign, content: Content, claimed: Claimed, address: str, fields: dict[str, object]) -> Letter:
    faults.point("compose")
    try:
        copy = written(content=content, shop=campaign.shop, token=claimed.token, fields=fields, message_id=claimed.id)
    except RenderProblem as problem:
        return Letter(claimed, None, problem=problem.message)
    key = f"{claimed.token}.{claimed.generation}"
    feedback_id = f"{campaign.pk}:{campaign.lane}:{campaign.shop.code}" if copy.html else ""
    envelope = address_copy(copy, shop=campaign.shop, to=address, token=claimed.token, key=key, feedback_id=feedback_id)
    return Letter(claimed, envelope, copy.parts)


def written(*, content: Content, shop: Shop, token: UUID, fields: dict[str, object], message_id: int = 0) -> Rendered:
    """One customer's copy with tracked links, inert ones for message 0. Raises RenderProblem."""
    links = [
        tracking.link_url(channel=content.channel, token=token, message_id=message_id, position=number)
        for number, _url in enumerate(content.links, 1)
    ]
    values = {**fields, "unsubscribe_url": tracking.unsubscribe_url(token)}
    return content.fill(fields=values, links=links, signature=shop.sms_signature or shop.name)


def address_copy(copy: Rendered, *, shop: Shop, to: str, token: UUID, key: str, feedback_id: str = "") -> Envelope:
    """`feedback_id` names campaign, kind and shop to mail providers that count complaints by it."""
    return Envelope(
        reference=str(token),
        key=key,
        to=to,
        text=copy.text,
        subject=copy.subject,
        html=copy.html,
        sender=shop.email_from or settings.DEFAULT_FROM_EMAIL,
        sender_name=shop.name,
        unsubscribe_url=tracking.unsubscribe_url(token) if copy.html else "",
        feedback_id=feedback_id,
        text_pieces=copy.text_pieces,
        html_pieces=copy.html_pieces,
    )
