"""What a text looks like when it is filled in: for somebody invented, or for real customers with masked names."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.delivery.compose import fields_of
from campaigns.models import Campaign
from campaigns.rendering import SAMPLE_FIELDS, RenderProblem, render
from crm_suite.lib.masking import mask_name
from customers.books import Book
from customers.models import CustomerFacts, Shop
from segmentation.models import Segment
from segmentation.selectors import segment_members


@dataclass(frozen=True)
class Preview:
    """One filled-in copy, or the problem that keeps it from being filled in. `who` is masked."""

    who: str
    subject: str = ""
    text: str = ""
    html: str = ""
    parts: int = 1
    problem: str = ""

    @property
    def length(self) -> int:
        """Characters as an SMS counts them."""
        return len(self.text.encode("utf-16-le")) // 2


def preview(*, channel: str, subject: str, body: str, shop: Shop | None, facts: CustomerFacts | None = None) -> Preview:
    """The text as this customer would get it, their name masked; as an invented customer where `facts` is None."""
    fields, who = _fields(shop, facts)
    signature = (shop.sms_signature or shop.name) if shop else "Demo"
    try:
        copy = render(template_body=body, subject=subject, channel=channel, customer_fields=fields, signature=signature)
    except RenderProblem as problem:
        return Preview(who, problem=problem.message)
    return Preview(who, copy.subject, copy.text, copy.html, copy.parts)


def samples(campaign: Campaign, *, count: int = 3) -> list[Preview]:
    """The campaign's text for the first reachable members of its segment."""
    template = campaign.template
    subject, body = campaign.subject, campaign.body
    if not body and template:
        subject, body = template.subject, template.body
    if not body or campaign.segment is None:
        return []
    people = members_to_show(segment=campaign.segment, book=campaign.shop.book, channel=campaign.channel, count=count)
    return [
        preview(channel=campaign.channel, subject=subject, body=body, shop=campaign.shop, facts=facts)
        for facts in people
    ]


def members_to_show(*, segment: Segment, book: str, channel: str, count: int) -> Sequence[CustomerFacts]:
    """A few members who can be reached in this channel."""
    reachable = segment_members(segment).filter(book=book, **{f"{channel}_ok": True})
    return list(reachable.select_related("customer").order_by("-customer")[:count])


def people_to_show(book: Book, *, count: int = 5) -> Sequence[CustomerFacts]:
    """A few buyers of the book, for a preview without a segment."""
    buyers = CustomerFacts.objects.filter(book=book.code, last_paid_on__isnull=False)
    return list(buyers.select_related("customer").order_by("-last_paid_on", "-customer")[:count])


def _fields(shop: Shop | None, facts: CustomerFacts | None) -> tuple[dict[str, object], str]:
    """The merge fields as delivery fills them, but the name masked; and who it is."""
    if facts is None or shop is None:
        named = {"shop": shop.name} if shop else {}
        return SAMPLE_FIELDS | named, str(SAMPLE_FIELDS["name"])
    name = mask_name(facts.customer.name)
    fields = fields_of([facts.customer_id], shop=shop)[facts.customer_id]
    return fields | {"name": name, "unsubscribe_url": SAMPLE_FIELDS["unsubscribe_url"]}, name or f"#{facts.customer_id}"
