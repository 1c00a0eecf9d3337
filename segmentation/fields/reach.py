"""Whether somebody may be written to in a channel: consent, blocked addresses, and both together."""

from django.db.models import Q
from django.utils.translation import gettext_lazy

from customers.models import Channel, Customer, CustomerFacts
from customers.reach import is_suppressed
from segmentation.checks import Clock
from segmentation.fields.kinds import Compile, Field, Show, Text, column_field, compare

UNASKED = "unasked"
CONSENTS: dict[str, Text] = {**dict(CustomerFacts.Word.choices), UNASKED: gettext_lazy("Nothing said")}


def _consent(channel: str) -> Compile:
    """By the newest word on the channel, of which the facts know."""

    def compiled(op: str, value: object, clock: Clock) -> Q:
        words = ["" if code == UNASKED else code for code in value] if isinstance(value, list) else []
        return compare(f"{channel}_consent", op, words)

    return compiled


def _consent_of(channel: str) -> Show:
    return lambda facts, clock: CONSENTS[getattr(facts, f"{channel}_consent") or UNASKED]


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
