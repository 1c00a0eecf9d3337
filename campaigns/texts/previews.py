"""What a text looks like when it is filled in: for somebody invented, or for real customers with masked names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.http import urlencode

from campaigns import tracking
from campaigns.delivery.compose import fields_of
from campaigns.models import Campaign, Medium, Template
from campaigns.texts import mailhtml
from campaigns.texts.mailhtml import Image
from campaigns.texts.rendering import SAMPLE_FIELDS, Content, RenderProblem, parse
from campaigns.texts.smstext import SmsSize, size_of
from crm_suite.lib.masking import mask_name
from customers.books import Book
from customers.models import CustomerFacts, Shop
from customers.searching import find
from segmentation.models import Segment
from segmentation.selectors import segment_members

_PREHEADER = re.compile(r'<body[^>]*><div style="display:none;[^"]*">(.*?)</div>', re.S)
PREHEADER = 90  # characters that mail readers show behind a subject


@dataclass(frozen=True)
class Preview:
    """One filled-in copy, or the problem that keeps it from being filled in. `who` is masked.

    `preheader`: what mail readers show behind the subject. `url`: the page that shows the e-mail alone, if any.
    """

    who: str
    subject: str = ""
    text: str = ""
    html: str = ""
    parts: int = 1
    problem: str = ""
    links: tuple[str, ...] = ()
    customer_id: int | None = None
    url: str = ""

    @property
    def length(self) -> int:
        """Characters as an SMS counts them."""
        return self.size.length

    @property
    def size(self) -> SmsSize:
        return size_of(self.text)

    @property
    def preheader(self) -> str:
        written = _PREHEADER.search(self.html)
        shown = unescape(written.group(1)) if written else self.text.partition("\n\n--\n")[0]
        return " ".join(shown.split())[:PREHEADER]

    @property
    def images(self) -> list[Image]:
        return mailhtml.read(self.html).images


def preview(
    *,
    channel: str,
    subject: str,
    body: str,
    shop: Shop | None,
    facts: CustomerFacts | None = None,
    format: str = Template.Format.TEXT,
    clear: bool = False,
) -> Preview:
    """The text as this customer would get it, the name masked unless `clear`; without `facts` as somebody invented."""
    fields, who = _fields(shop, facts, clear=clear)
    signature = (shop.sms_signature or shop.name) if shop else "Demo"
    pk = facts.customer_id if facts else None
    try:
        content = parse(channel=channel, subject=subject, body=body, format=format)
        copy = content.fill(fields=fields, links=shown_links(content), signature=signature)
    except RenderProblem as problem:
        return Preview(who, problem=problem.message, customer_id=pk)
    return Preview(who, copy.subject, copy.text, copy.html, copy.parts, links=content.links, customer_id=pk)


def shown_links(content: Content) -> Sequence[str]:
    """In an e-mail where its links lead; in an SMS tracked ones as long as those that are sent: they are billed."""
    if content.channel == Medium.EMAIL:
        return content.links
    return [tracking.short_url(0, number) for number in range(1, len(content.links) + 1)]


def samples(campaign: Campaign, *, count: int = 3) -> list[Preview]:
    """The campaign's text for the first reachable members of its segment."""
    return [copy_for(campaign, facts) for facts in _members(campaign, count)] if campaign.segment else []


def copy_for(campaign: Campaign, facts: CustomerFacts, *, clear: bool = False) -> Preview:
    """The campaign's text, or that of its template while it is a draft, as this customer would get it."""
    source = campaign if campaign.body or campaign.template is None else campaign.template
    shown = preview(
        channel=campaign.channel,
        subject=source.subject,
        body=source.body,
        format=source.format,
        shop=campaign.shop,
        facts=facts,
        clear=clear,
    )
    where = urlencode({"campaign": campaign.pk, "as": facts.customer_id})
    return Preview(**{**shown.__dict__, "url": f"{reverse('campaigns:template_shown')}?{where}"})


def _members(campaign: Campaign, count: int) -> Sequence[CustomerFacts]:
    if campaign.segment is None or not (campaign.body or campaign.template):
        return []
    return members_to_show(segment=campaign.segment, book=campaign.shop.book, channel=campaign.channel, count=count)


def reachable_members(*, segment: Segment, book: str, channel: str) -> QuerySet[CustomerFacts]:
    """Members who can be reached in this channel, by the facts of the last refresh, the newest customer first."""
    members = segment_members(segment).filter(book=book)
    if channel in (Medium.EMAIL, Medium.SMS):
        members = members.filter(**{f"{channel}_ok": True})
    return members.select_related("customer").order_by("-customer_id")


def members_to_show(*, segment: Segment, book: str, channel: str, count: int) -> Sequence[CustomerFacts]:
    """A few members who can be reached in this channel."""
    return list(reachable_members(segment=segment, book=book, channel=channel)[:count])


def next_member(members: QuerySet[CustomerFacts], *, after: int | None) -> CustomerFacts | None:
    """The member behind this one, the first behind the last; None where there is no member."""
    behind = members.filter(customer__lt=after).first() if after else None
    return behind or members.first()


def people_to_show(book: Book, *, count: int = 5) -> Sequence[CustomerFacts]:
    """A few buyers of the book, for a preview without a segment."""
    buyers = CustomerFacts.objects.filter(book=book.code, last_paid_on__isnull=False)
    return list(buyers.select_related("customer").order_by("-last_paid_on", "-customer_id")[:count])


def people_found(book: Book, text: str, *, by_parts: bool, count: int = 8) -> Sequence[CustomerFacts]:
    """Customers of the book whom this text finds, as the search box does."""
    ids = [hit.customer.pk for hit in find(text, by_parts=by_parts, limit=4 * count)]
    found = CustomerFacts.objects.filter(book=book.code).select_related("customer").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found][:count]


def person_of(book: Book, pk: str) -> CustomerFacts | None:
    """The customer of this number, if they are of the book."""
    if not pk.isdecimal() or len(pk) > 18:
        return None
    return CustomerFacts.objects.filter(book=book.code, pk=int(pk)).select_related("customer").first()


def fields_for(facts: CustomerFacts, *, shop: Shop) -> dict[str, object]:
    """The merge fields as delivery fills them."""
    return fields_of([facts.customer_id], shop=shop)[facts.customer_id]


def _fields(shop: Shop | None, facts: CustomerFacts | None, *, clear: bool) -> tuple[dict[str, object], str]:
    """The merge fields, the name masked unless `clear`; and who it is."""
    if facts is None or shop is None:
        named = {"shop": shop.name} if shop else {}
        return SAMPLE_FIELDS | named, str(SAMPLE_FIELDS["name"])
    name = facts.customer.name if clear else mask_name(facts.customer.name)
    fields = fields_for(facts, shop=shop) | {"name": name, "unsubscribe_url": SAMPLE_FIELDS["unsubscribe_url"]}
    return fields, name or f"#{facts.customer_id}"
