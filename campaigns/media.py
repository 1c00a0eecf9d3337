"""How each medium finds people: where their address stands, how it is compared and shown, and why it must not be used.

E-mail and SMS ask the customers room. A platform message goes to the name by which the shop's platform knows a buyer;
permission is the platform's own matter there. We keep to two things all the same: who asked not to get them, and who
has taken back what they allowed us and allows us nothing else, gets none.
"""

from dataclasses import dataclass

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Concat, Lower, NullIf
from django.db.models.lookups import Exact

from campaigns.models import Campaign, Medium, TopicRefusal
from crm_suite.lib.digests import AddressDigest
from customers.addresses import FIELDS
from customers.models import Channel, Consent, Identity, Shop
from customers.reach import ERASED, NO_ADDRESS, SUPPRESSED, address_digest_of, has_consented, refusal_case

#: A refusal of this topic is one of everything that goes through the platform.
EVERYTHING = ""

#: SQL over a column `address` in normal form: what everybody may see of it, as customers.addresses.mask_address.
MASKED: dict[str, str] = {
    Channel.EMAIL: "left(address, 1) || '***@' || split_part(address, '@', 2)",
    Channel.SMS: "left(regexp_replace(address, '^[+]86', ''), 3) || '****' || right(address, 4)",
    Medium.PLATFORM: "left(address, 1) || '***' || right(address, 1)",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A medium, and for platform messages where a buyer's name counts: `scope` of customers.Identity.

    Every expression is for querysets of Customer, or of a model that has one under `prefix` (`customer__`).
    """

    medium: str
    scope: str = ""

    @property
    def fact(self) -> str | None:
        """The field of CustomerFacts that says who may be written to; None where no fact does."""
        return f"{self.medium}_ok" if self.medium in FIELDS else None

    def address(self, prefix: str = "") -> Combinable:
        """What the message goes to, exactly as it is used there; "" for nobody."""
        if self.medium in FIELDS:
            return F(f"{prefix}{FIELDS[self.medium]}")
        given = Coalesce(NullIf("original", Value("")), "value")
        return Coalesce(Subquery(self._names(OuterRef(f"{prefix}pk")).values(as_used=given)[:1]), Value(""))

    def compared(self, prefix: str = "") -> Combinable:
        """The address as two of them are compared: equal ones get one copy."""
        if self.medium in FIELDS:
            return Lower(f"{prefix}{FIELDS[self.medium]}")
        return self._name(OuterRef(f"{prefix}pk"))

    def digest(self, prefix: str = "") -> AddressDigest:
        """What the ledger and refusals keep of it."""
        if self.medium in FIELDS:
            return address_digest_of(self.medium, prefix=prefix)
        return AddressDigest(self._name(OuterRef(f"{prefix}pk")))

    def refusal(self, prefix: str = "") -> Case:
        """Why the person must not be written to, as text (customers.reach); NULL where they may be."""
        if self.medium in FIELDS:
            return refusal_case(self.medium, prefix=prefix)
        return Case(
            When(**{f"{prefix}merged_into__isnull": False}, then=Value(ERASED)),
            When(~Exists(self._names(OuterRef(f"{prefix}pk"))), then=Value(NO_ADDRESS)),
            When(self.topic_refused(EVERYTHING, prefix), then=Value(SUPPRESSED)),
            When(_wants_nothing(prefix), then=Value(SUPPRESSED)),
            default=Value(None),
            output_field=CharField(null=True),
        )

    def topic_refused(self, topic: str, prefix: str = "") -> Exists:
        """Whether the address wants nothing about this topic."""
        if self.medium in FIELDS:
            digest = AddressDigest(Lower(OuterRef(f"{prefix}{FIELDS[self.medium]}")))
        else:
            digest = AddressDigest(self._name(OuterRef(OuterRef(f"{prefix}pk"))))
        return Exists(TopicRefusal.objects.filter(channel=self.medium, topic=topic, address_digest=digest))

    def _names(self, customer: OuterRef) -> QuerySet[Identity]:
        """The names of a buyer in this shop, the newest first: somebody who was merged has several."""
        known = Identity.objects.filter(customer=customer, kind=Identity.Kind.PLATFORM, scope=self.scope)
        # In a medium without names (a post), and of somebody erased, there are none.
        mine = known if self.medium == Medium.PLATFORM else known.none()
        return mine.exclude(Q(value="") | Q(value__startswith="erased:")).order_by("-id")

    def _name(self, customer: OuterRef) -> Concat:
        """The same nick in two shops is two people."""
        name = Coalesce(Subquery(self._names(customer).values("value")[:1]), Value(""))
        return Concat(Value(f"{self.medium}:{self.scope}:"), name, output_field=CharField())


def _wants_nothing(prefix: str) -> Q:
    """The newest word in some channel is a no, and in none a yes."""
    said_no = Exists(Consent.objects.filter(customer=OuterRef(f"{prefix}pk"), granted=False))
    allowed = [Q(Exact(has_consented(channel, prefix=prefix), Value(True))) for channel in FIELDS]
    return Q(said_no) & ~allowed[0] & ~allowed[1]


def route_to(medium: str, shop: Shop | None) -> Route:
    """How a message of this shop in this medium finds people; without a shop nobody is known to a platform."""
    if medium in FIELDS or shop is None:
        return Route(medium)
    return Route(medium, shop.buyer_scope or shop.code)


def route_of(campaign: Campaign) -> Route:
    return route_to(campaign.channel, campaign.shop)


def refuse_platform(*, digests: list[str], source: str) -> None:
    """Nothing more through the platform to these people (digests as in the ledger). Repeating changes nothing."""
    TopicRefusal.objects.bulk_create(
        (
            TopicRefusal(channel=Medium.PLATFORM, address_digest=digest, topic=EVERYTHING, source=source[:100])
            for digest in sorted({digest for digest in digests if digest})
        ),
        ignore_conflicts=True,
    )
