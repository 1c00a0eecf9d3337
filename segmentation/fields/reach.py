"""Whether somebody may be written to in a channel: consent, blocked addresses, and both together."""

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy

from customers.models import Channel, Consent, Customer, CustomerFacts
from customers.reach import is_suppressed
from segmentation.checks import Clock
from segmentation.fields.kinds import Compile, Field, Show, Text, column_field

GIVEN, REFUSED, UNASKED = "given", "refused", "unasked"
CONSENTS: dict[str, Text] = {
    GIVEN: gettext_lazy("Given"),
    REFUSED: gettext_lazy("Refused or taken back"),
    UNASKED: gettext_lazy("Nothing said"),
}


def _consent(channel: str) -> Compile:
    """By the newest word on the channel."""

    def compiled(op: str, value: object, clock: Clock) -> Q:
        said = Consent.objects.filter(channel=channel).order_by()
        later = said.filter(customer=OuterRef("customer")).filter(
            Q(occurred_at__gt=OuterRef("occurred_at")) | Q(occurred_at=OuterRef("occurred_at"), pk__gt=OuterRef("pk"))
        )
        newest = said.filter(~Exists(later), customer=OuterRef("pk"))
        asked = {
            GIVEN: Q(Exists(newest.filter(granted=True))), REFUSED: Q(Exists(newest.filter(granted=False))),
            UNASKED: ~Q(Exists(said.filter(customer=OuterRef("pk")))),
        }  # fmt: skip
        found = Q()
        for code in value if isinstance(value, list) else []:
            found |= asked[code]
        return ~found if op == "not_in" else found

    return compiled


def _consent_of(channel: str) -> Show:
    def show(facts: CustomerFacts, clock: Clock) -> object:
        newest = Consent.objects.filter(customer=facts.pk, channel=channel).order_by("-occurred_at", "-pk").first()
        return CONSENTS[UNASKED if newest is None else GIVEN if newest.granted else REFUSED]

    return show


def _blocked(channel: str) -> Compile:
    def compiled(op: str, value: object, clock: Clock) -> Q:
        found = Q(is_suppressed(channel, prefix="customer__"))
        return found if value else ~found

    return compiled


def _blocked_of(channel: str) -> Show:
    return lambda facts, clock: Customer.objects.filter(is_suppressed(channel), pk=facts.pk).exists()


def _channel_fields(channel: str, name: Text) -> tuple[Field, ...]:
    return (
        Field(
            f"{channel}_consent", gettext_lazy("E-mail consent") if channel == Channel.EMAIL else
            gettext_lazy("SMS consent"), "choice", _consent(channel), _consent_of(channel), CONSENTS,
            gettext_lazy("The newest word of the customer on this channel."),
        ),
        Field(
            f"{channel}_blocked", gettext_lazy("E-mail address opted out or blocked") if channel == Channel.EMAIL else
            gettext_lazy("Phone number opted out or blocked"), "flag", _blocked(channel), _blocked_of(channel),
        ),
    )  # fmt: skip


REACH = (
    column_field("email_ok", gettext_lazy("May get e-mail"), "flag", gettext_lazy("Address, consent and no opt-out.")),
    column_field("sms_ok", gettext_lazy("May get SMS"), "flag", gettext_lazy("Number, consent and no opt-out.")),
    *_channel_fields(Channel.EMAIL.value, Channel.EMAIL.label),
    *_channel_fields(Channel.SMS.value, Channel.SMS.label),
)
