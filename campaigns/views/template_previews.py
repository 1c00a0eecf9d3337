"""Texts as customers would get them, while they are written: filled in, counted, priced, shown in a sandbox."""

from dataclasses import dataclass
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from campaigns.models import Campaign, Medium, Template, TemplateVersion
from campaigns.rules import price_of
from campaigns.selectors import usable_segments
from campaigns.texts.gaps import gaps_of
from campaigns.texts.previews import (
    Preview,
    copy_for,
    next_member,
    people_found,
    person_of,
    preview,
    reachable_members,
)
from campaigns.texts.rendering import check_template
from campaigns.views.doorway import of_a_book
from campaigns.views.templates import shop_of
from crm_suite.access.rules import requires
from crm_suite.lib.masking import mask_name
from customers.books import Book
from customers.filters import sees_clear_addresses
from customers.models import CustomerFacts
from segmentation.models import Segment

#: The mail is shown without any rights: no scripts, no forms, no cookies, an origin of its own. Only images come in.
SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
#: As mail readers do it that turn light mails dark by themselves.
_TURNED = "filter:invert(1) hue-rotate(180deg)"
_INVERTED = f"<style>html{{background:#fff;{_TURNED}}}img{{{_TURNED}}}</style>"


@dataclass(frozen=True)
class Draft:
    """A text that is being written, as the form holds it at the moment."""

    channel: str
    format: str
    subject: str
    body: str

    @classmethod
    def of(cls, request: HttpRequest) -> "Draft":
        given = request.POST
        channel, format = given.get("channel", ""), given.get("format", "")
        return cls(
            channel if channel in Medium.values else Medium.EMAIL,
            format if format in Template.Format.values else Template.Format.TEXT,
            given.get("subject", ""),
            given.get("body", ""),
        )

    def problems(self) -> list[str]:
        if not self.body.strip():
            return []
        return check_template(self.body, channel=self.channel, subject=self.subject, format=self.format)

    def copy(self, book: Book, facts: CustomerFacts | None, *, clear: bool) -> Preview:
        return preview(
            channel=self.channel, subject=self.subject, body=self.body, format=self.format, shop=shop_of(book),
            facts=facts, clear=clear,
        )  # fmt: skip


@requires("campaigns.view_template")
@require_POST
@of_a_book
def template_preview(request: HttpRequest, book: Book) -> HttpResponse:
    """What the text would look like for the chosen person, and what is wrong with it. Stores nothing."""
    draft, segment = Draft.of(request), _segment(request, book)
    copy = draft.copy(book, _chosen(request, book, draft, segment), clear=_sees_names(request))
    context = {
        "copy": copy,
        "problems": draft.problems(),
        "channel": draft.channel,
        "links": copy.links,
        "images": copy.images,
        "is_blank": not draft.body.strip(),
        "is_live": True,
        "shop": shop_of(book),
        "currency": book.currency,
    }
    if draft.channel == Medium.SMS:
        context |= _cost(book, segment, copy)
    return render(request, "campaigns/_preview.html", context)


@requires("campaigns.view_template")
@of_a_book
def template_shown(request: HttpRequest, book: Book) -> HttpResponse:
    """The e-mail alone, as a page without rights: of a draft (POST), a campaign or a saved version (GET)."""
    copy = _draft_copy(request, book) if request.method == "POST" else _stored_copy(request, book)
    if copy.problem or not copy.html:
        words = copy.problem or copy.text or _("There is nothing to show yet.")
        page = f"<!doctype html><title>{escape(_('Preview'))}</title><p>{escape(words)}</p>"
    else:
        page = copy.html
    if "dark" in request.POST or "dark" in request.GET:
        page += _INVERTED
    headers = {"Content-Security-Policy": SANDBOX, "X-Frame-Options": "SAMEORIGIN", "Cache-Control": "no-store"}
    return HttpResponse(page, headers=headers)


def _draft_copy(request: HttpRequest, book: Book) -> Preview:
    facts = person_of(book, request.POST.get("as", ""))
    return Draft.of(request).copy(book, facts, clear=_sees_names(request))


def _stored_copy(request: HttpRequest, book: Book) -> Preview:
    wanted, facts = request.GET, person_of(book, request.GET.get("as", ""))
    if wanted.get("campaign", "").isdecimal():
        mine = Campaign.objects.filter(shop__in=book.shop_ids).select_related("shop", "template")
        campaign = get_object_or_404(mine, pk=wanted["campaign"])
        if facts is None:
            raise Http404
        return copy_for(campaign, facts, clear=_sees_names(request))
    if not wanted.get("version", "").isdecimal():
        raise Http404
    version = get_object_or_404(TemplateVersion.objects.select_related("template"), pk=wanted["version"])
    draft = Draft(version.template.channel, version.format, version.subject, version.body)
    return draft.copy(book, facts, clear=_sees_names(request))


@requires("campaigns.view_template")
@require_GET
@of_a_book
def template_people(request: HttpRequest, book: Book) -> HttpResponse:
    """Customers to preview for, found by name, number or address; names masked."""
    text = request.GET.get("q", "").strip()
    found = people_found(book, text, by_parts=sees_clear_addresses(request)) if text else []
    people = [(facts.customer_id, _name(request, facts)) for facts in found]
    return render(request, "campaigns/_template_people.html", {"people": people, "text": text})


@requires("campaigns.view_template")
@require_POST
@of_a_book
def template_gaps(request: HttpRequest, book: Book) -> HttpResponse:
    """Who of the chosen segment lacks a field that the text needs. Stores nothing."""
    draft, segment = Draft.of(request), _segment(request, book)
    if segment is None or not draft.body.strip():
        return render(request, "campaigns/_template_gaps.html", {"segment": segment})
    people = reachable_members(segment=segment, book=book.code, channel=draft.channel)
    found = gaps_of(
        people=people, channel=draft.channel, subject=draft.subject, body=draft.body, format=draft.format,
        zone=book.timezone,
    )  # fmt: skip
    examples = {gap.field: [(who.customer_id, _name(request, who)) for who in gap.examples] for gap in found.gaps}
    rows = [(gap, examples[gap.field]) for gap in found.gaps]
    return render(request, "campaigns/_template_gaps.html", {"segment": segment, "found": found, "rows": rows})


def _sees_names(request: HttpRequest) -> bool:
    return request.user.has_perm("customers.export_customer_clear")


def _name(request: HttpRequest, facts: CustomerFacts) -> str:
    name = facts.customer.name
    return (name if _sees_names(request) else mask_name(name)) or f"#{facts.customer_id}"


def _segment(request: HttpRequest, book: Book) -> Segment | None:
    pk = request.POST.get("segment", "")
    return usable_segments(book).filter(pk=pk).first() if pk.isdecimal() and len(pk) < 18 else None


def _chosen(request: HttpRequest, book: Book, draft: Draft, segment: Segment | None) -> CustomerFacts | None:
    """Whom to fill it for: the person named, or with `step` the one behind them in the segment or among all buyers."""
    person = person_of(book, request.POST.get("as", ""))
    if "step" not in request.POST:
        return person
    if segment is not None:
        people = reachable_members(segment=segment, book=book.code, channel=draft.channel)
    else:
        buyers = CustomerFacts.objects.filter(book=book.code, last_paid_on__isnull=False)
        people = buyers.select_related("customer").order_by("-customer_id")
    return next_member(people, after=person.customer_id if person else None)


def _cost(book: Book, segment: Segment | None, copy: Preview) -> dict[str, object]:
    """What one copy costs and what the segment would, in the book's currency; None where no price is entered."""
    price = price_of(channel=Medium.SMS, currency=book.currency)
    one: Decimal | None = None if price is None else price * copy.parts
    if segment is None:
        return {"price": price, "one": one}
    people = reachable_members(segment=segment, book=book.code, channel=Medium.SMS).count()
    return {"price": price, "one": one, "people": people, "all": None if one is None else one * people}
