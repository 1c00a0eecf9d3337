"""May this person be written to in this channel? One expression answers the send gate, audiences and lists."""

from django.db.models import BooleanField, Case, CharField, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Lower
from django.db.models.lookups import Exact, IsNull

from crm_suite.lib.digests import AddressDigest
from customers.addresses import FIELDS
from customers.models import Channel, Consent, Suppression
from customers.normalforms import SMS_ABLE

ERASED, NO_ADDRESS, SUPPRESSED, NO_CONSENT = "erased", "no_address", "suppressed", "no_consent"


def address_digest_of(channel: str, *, prefix: str = "") -> AddressDigest:
    """The digest of the customer's own address, to be compared with `Suppression.address_digest`."""
    return AddressDigest(Lower(f"{prefix}{FIELDS[channel]}"))


def has_address(channel: str, *, prefix: str = "") -> Q:
    """An e-mail address, or a number that takes an SMS."""
    field = f"{prefix}{FIELDS[channel]}"
    return Q(**{f"{field}__regex": SMS_ABLE}) if channel == Channel.SMS else ~Q(**{field: ""})


def newest_word(channel: str, *, prefix: str = "") -> Subquery:
    """Whether the newest word on this channel is a yes; NULL where nothing was said."""
    said = Consent.objects.filter(customer=OuterRef(f"{prefix}pk"), channel=channel)
    return Subquery(said.order_by("-occurred_at", "-id").values("granted")[:1])


def has_consented(channel: str, *, prefix: str = "") -> Coalesce:
    """Whether the newest word on this channel is a yes. Nothing said is no consent."""
    return Coalesce(newest_word(channel, prefix=prefix), Value(False), output_field=BooleanField())


def is_suppressed(channel: str, *, prefix: str = "") -> Exists:
    """Whether the address is on the list of those that must not be written to."""
    digest = AddressDigest(Lower(OuterRef(f"{prefix}{FIELDS[channel]}")))
    return Exists(Suppression.objects.filter(channel=channel, address_digest=digest))


def _obstacles(channel: str, prefix: str) -> list[When]:
    """What stands in the way whatever the customer said."""
    return [
        When(**{f"{prefix}merged_into__isnull": False}, then=Value(ERASED)),
        When(~has_address(channel, prefix=prefix), then=Value(NO_ADDRESS)),
        When(is_suppressed(channel, prefix=prefix), then=Value(SUPPRESSED)),
    ]


def _first_of(cases: list[When]) -> Case:
    return Case(*cases, default=Value(None), output_field=CharField(null=True))


def refusal_case(channel: str, *, prefix: str = "") -> Case:
    """Why the person must not be written to, as text; NULL where they may be.

    For querysets of Customer, or of a model that has one under `prefix` (`customer__`). Somebody who unsubscribed
    counts as suppressed although the consent is gone as well: it tells more.
    """
    silent = When(Exact(has_consented(channel, prefix=prefix), Value(False)), then=Value(NO_CONSENT))
    return _first_of([*_obstacles(channel, prefix), silent])


def is_open(channel: str) -> IsNull:
    """Whether only a word of the customer's own is needed."""
    return IsNull(_first_of(_obstacles(channel, "")), True)
