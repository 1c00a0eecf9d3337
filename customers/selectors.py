"""Questions about people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q, QuerySet

from crm_suite.lib.digests import address_digest
from customers import reach
from customers.addresses import FIELDS, normal_address
from customers.books import Book, book_of
from customers.models import (
    Channel,
    Consent,
    Customer,
    CustomerFacts,
    Identity,
    Platform,
    Shop,
    Suppression,
    WeakKey,
)  # fmt: skip
from customers.normalforms import normal_email, normal_phone


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


def last_purchases(book: Book, *, label: str, values: Sequence[str]) -> tuple[date, date] | None:
    """The first and the last day on which the buyers of these stages or value groups bought last; None without any.

    `label` is "stage" or "group": an index of each leads to both days at once.
    """
    ends = []
    for value in values:
        labelled = CustomerFacts.objects.filter(**{"book": book.code, label: value, "last_paid_on__isnull": False})
        ends += [labelled.order_by(f"{sign}last_paid_on").values_list("last_paid_on")[:1] for sign in ("", "-")]
    days = [day for (day,) in ends[0].union(*ends[1:], all=True) if day]
    return (min(days), max(days)) if days else None


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


#: Keys of one customer that their page shows.
KEYS_SHOWN = 30


@dataclass(frozen=True)
class Keys:
    """What a customer is recognised by. Strong keys join orders by themselves; weak ones only propose a duplicate."""

    strong: list[Identity]
    weak: list[WeakKey]

    def __bool__(self) -> bool:
        return bool(self.strong or self.weak)


def keys_of(customer: Customer) -> Keys:
    """The first thirty keys of either strength."""
    return Keys(list(customer.identities.all()[:KEYS_SHOWN]), list(customer.weak_keys.order_by("pk")[:KEYS_SHOWN]))


def only_through(customer: Customer) -> list[str]:
    """The platforms through which alone a customer without phone and e-mail can be reached; empty where one is known.

    Those where they bought, else those of the shops that know them as a buyer.
    """
    if customer.phone or customer.email:
        return []
    facts = CustomerFacts.objects.filter(pk=customer.pk).first()
    bought = facts.platforms if facts else []
    return [str(Platform(code).label) for code in bought or _platforms_knowing(customer) if code in Platform]


def _platforms_knowing(customer: Customer) -> list[str]:
    scopes = list(customer.identities.filter(kind=Identity.Kind.PLATFORM).values_list("scope", flat=True)[:KEYS_SHOWN])
    known = Shop.objects.filter(Q(code__in=scopes) | Q(buyer_scope__in=scopes, buyer_scope__gt=""))
    return sorted(set(known.values_list("platform", flat=True)))


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
