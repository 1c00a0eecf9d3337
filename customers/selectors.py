"""Questions about people."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet

from crm_suite.lib.digests import address_digest
from customers import reach
from customers.addresses import FIELDS, normal_address
from customers.books import Book, book_of
from customers.models import Channel, Consent, Customer, CustomerFacts, Identity, Shop, Suppression
from customers.normalforms import normal_email, normal_phone

#: People whom a search by number may find before their names are looked at.
MANY = 200


def refusal(*, customer_id: int, channel: str) -> str | None:
    """Why this person must not be written to at this moment, or None. The truth that the send gate asks.

    `erased` (unknown or merged), `no_address`, `suppressed`, `no_consent`.
    """
    people = Customer.objects.filter(pk=customer_id).annotate(refusal=reach.refusal_case(channel))
    found = list(people.values_list("refusal", flat=True))
    return found[0] if found else reach.ERASED


def people_of(book: Book) -> QuerySet[Customer]:
    """Everybody measured with this book, and those who have not bought anywhere yet. With their facts."""
    known = Customer.objects.present().filter(is_demo=book.is_demo, facts__book__in=[book.code, ""])
    return known.select_related("facts")


def search(people: QuerySet[Customer], text: str, *, by_parts: bool) -> QuerySet[Customer]:
    """Those whose phone, e-mail, platform name or number is `text`, or whose name contains it.

    The last four digits of a phone find it too: the mask shows them. With `by_parts` any part of a phone or e-mail
    does; without, whoever may only see masked addresses could find out the hidden part by trying.
    """
    text = text.strip()
    found = Q(pk__in=_ids_by_key(text)) | Q(name__icontains=text)
    digits = "".join(char for char in text if char.isdigit())
    if by_parts:
        found |= Q(email__icontains=text)
    if len(digits) >= 4 and len(digits) >= len(text) - 4 and (by_parts or len(digits) == 4):
        found |= Q(phone__contains=digits) if by_parts else Q(phone__endswith=digits)
    return people.filter(found)


def _ids_by_key(text: str) -> list[int]:
    """Customers one of whose keys is exactly this text, in any of its spellings."""
    phone, email = normal_phone(text), normal_email(text)
    keys = Q(value__in={text, text.lower()})
    if phone:
        keys |= Q(kind=Identity.Kind.PHONE, value=phone)
    if email:
        keys |= Q(kind=Identity.Kind.EMAIL, value=email)
    ids = set(Identity.objects.filter(keys).values_list("customer_id", flat=True)[:MANY])
    if phone:
        ids |= set(Customer.objects.filter(phone=phone).values_list("pk", flat=True)[:MANY])
    if email:
        ids |= set(Customer.objects.filter(email__iexact=email).values_list("pk", flat=True)[:MANY])
    if text.isdecimal() and len(text) < 10:
        ids.add(int(text))
    return sorted(ids)


#: Who can be written to, as the facts had it when they were last refreshed.
REACHABLE = {
    "email": Q(facts__email_ok=True),
    "sms": Q(facts__sms_ok=True),
    "any": Q(facts__email_ok=True) | Q(facts__sms_ok=True),
    "none": Q(facts__email_ok=False, facts__sms_ok=False),
}


def possible_digests(text: str) -> list[str]:
    """Digests of a whole address as phone and as e-mail, whichever it can be; empty where it is neither."""
    normal = (normal_phone(text), normal_email(text))
    return [address_digest(address) for address in normal if address]


@dataclass(frozen=True)
class Worth:
    """What one customer has been worth. Amounts in `currency`, net of refunds; days in the shop's zone.

    Nothing is counted to today: how long ago something was depends on the analysis in force, segmentation's.
    """

    facts: CustomerFacts
    currency: str
    average: Decimal | None


def worth(customer: Customer, book: Book | None) -> Worth:
    """Orders, net amount and average order value (net ÷ paid orders) of a customer. Facts that are missing are zero."""
    facts = CustomerFacts.objects.filter(pk=customer.pk).first() or CustomerFacts(customer=customer)
    own = book_of(facts.book) if facts.book else book
    return Worth(
        facts=facts,
        currency=own.currency if own else "",
        average=facts.net_amount / facts.orders if facts.orders else None,
    )


@dataclass(frozen=True)
class ChannelStanding:
    """Where one customer stands in one channel: may they be written to, why not, and what they said."""

    channel: Channel
    refusal: str | None
    newest: Consent | None
    suppression: Suppression | None

    @property
    def is_optout(self) -> bool:
        """Nothing more to opt out of: no permission, or the address is blocked already."""
        return self.suppression is not None and not (self.newest and self.newest.granted)


def standings(customer: Customer) -> list[ChannelStanding]:
    """One standing per channel."""
    return [_standing(customer, channel) for channel in Channel]


def _standing(customer: Customer, channel: Channel) -> ChannelStanding:
    address = normal_address(channel=channel, text=getattr(customer, FIELDS[channel]))
    digest = address_digest(address) if address else ""
    return ChannelStanding(
        channel=channel,
        refusal=refusal(customer_id=customer.pk, channel=channel),
        newest=customer.consents.filter(channel=channel).first(),
        suppression=Suppression.objects.filter(channel=channel, address_digest=digest).first(),
    )


def consent_history(customer: Customer) -> list[Consent]:
    """The newest fifty words of a customer on any channel, newest first."""
    return list(customer.consents.all()[:50])


def is_in_use(shop: Shop) -> bool:
    """Whether anything in any room belongs to this shop already: an order, a campaign, a buyer known by its code."""
    if Identity.objects.filter(kind=Identity.Kind.PLATFORM, scope=shop.code).exists():
        return True
    users = (relation for relation in Shop._meta.related_objects if relation.related_model is not Shop)
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: shop.pk}).exists()  # type: ignore[union-attr]
        for relation in users
    )
