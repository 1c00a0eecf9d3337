"""What a recipient wants to hear of. Through the link in a message, without an account: so nothing here gives consent.

A link may be forwarded or opened by a scanner. It only takes permission back: for one topic, one channel, or for
everything. The one thing that it gives back is a topic refused through the very same link within the last half hour,
for whoever pressed the wrong button; the proof is the refusal itself. Whoever wants back into a channel says so where
consent is recorded with its proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from campaigns.models import Message, TopicRefusal
from campaigns.news.answers import touch, unsubscribe
from crm_suite.access.services import audit
from crm_suite.lib.digests import address_digest
from crm_suite.lib.errors import BadInput, WrongState
from customers.addresses import FIELDS, normal_address
from customers.models import Channel, Customer, Suppression
from customers.selectors import refusal
from customers.services import record_optout

#: What was sent within this time is offered to be refused.
REMEMBERED = timedelta(days=400)
TAKE_BACK = timedelta(minutes=30)


@dataclass(frozen=True)
class Topic:
    """`code` is the campaign's topic, "" for the shop's news. `can_take_back`: refused by this link a moment ago."""

    code: str
    is_refused: bool
    can_take_back: bool


@dataclass(frozen=True)
class ChannelChoice:
    """One channel in which somebody of ours wrote to this person. `is_closed`: nothing comes there any more."""

    channel: str
    label: str | Promise
    topics: list[Topic]
    is_closed: bool


@dataclass(frozen=True)
class Choices:
    shops: list[str]
    channels: list[ChannelChoice]

    @property
    def is_closed(self) -> bool:
        return all(one.is_closed for one in self.channels)


def choices_of(message: Message) -> Choices:
    """What was sent to the person behind this message, by channel and topic, and what they have refused."""
    person = _person(message)
    sent = Message.objects.filter(customer__in={message.customer_id, person.pk}, channel__in=FIELDS)
    sent = sent.filter(sent_at__gte=timezone.now() - REMEMBERED) | sent.filter(pk=message.pk)
    found = set(sent.order_by().values_list("channel", "campaign__topic", "campaign__shop__name").distinct())
    channels = [channel for channel in Channel if any(row[0] == channel for row in found)]
    return Choices(
        shops=sorted({row[2] for row in found}),
        channels=[
            _choice(message, person, channel, {row[1] for row in found if row[0] == channel}) for channel in channels
        ],
    )


def _choice(message: Message, person: Customer, channel: Channel, topics: set[str]) -> ChannelChoice:
    digests = _digests(message, person, channel)
    refused = TopicRefusal.objects.filter(channel=channel, address_digest__in=digests)
    known = {row.topic: row for row in refused}
    return ChannelChoice(
        channel=channel.value,
        label=channel.label,
        topics=[
            Topic(topic, topic in known, topic in known and _is_fresh(known[topic], message))
            for topic in sorted(topics | set(known))
        ],
        is_closed=_is_closed(person, channel, digests),
    )


def _is_closed(person: Customer, channel: Channel, digests: Mapping[str, str]) -> bool:
    blocked = Suppression.objects.filter(channel=channel, address_digest__in=digests).exists()
    return blocked or refusal(customer_id=person.pk, channel=channel) is not None


def _is_fresh(row: TopicRefusal, message: Message) -> bool:
    return row.source == _source(message) and row.created_at > timezone.now() - TAKE_BACK


def _source(message: Message) -> str:
    return f"preferences:{message.pk}"


def _person(message: Message) -> Customer:
    """Whoever the recipient has become."""
    return Customer.objects.filter(merged=message.customer_id).first() or message.customer


def _digests(message: Message, person: Customer, channel: str) -> dict[str, str]:
    """Digests of the addresses that are meant: the one written to, and the one that the person has now."""
    found = {message.address_digest: "written to"} if message.channel == channel and message.address_digest else {}
    normal = normal_address(channel=channel, text=getattr(person, FIELDS[channel]))
    return found | ({address_digest(normal): "now"} if normal else {})


@transaction.atomic
def refuse_topic(*, message: Message, channel: str, topic: str) -> None:
    """Nothing more about this topic in this channel; other topics go on. Repeating changes nothing."""
    _offered(message, channel, topic)
    for digest in _digests(message, _person(message), channel):
        TopicRefusal.objects.get_or_create(
            channel=channel, address_digest=digest, topic=topic, defaults={"source": _source(message)}
        )
    audit(action="topic.refuse", target=f"message:{message.pk}", changes={"channel": channel, "topic": topic})
    touch(message, "topic_refused", f"topic:{channel}:{topic}", topic)


@transaction.atomic
def take_back_topic(*, message: Message, channel: str, topic: str) -> None:
    """Undo a refusal of a moment ago. Raises WrongState for any other: that needs the person's explicit word."""
    _offered(message, channel, topic)
    since = timezone.now() - TAKE_BACK
    own = TopicRefusal.objects.filter(
        channel=channel, topic=topic, source=_source(message), created_at__gt=since,
        address_digest__in=_digests(message, _person(message), channel),
    )  # fmt: skip
    if not own.delete()[0]:
        raise WrongState(_("It is too late to take this back here."), code="too_late")
    audit(action="topic.take_back", target=f"message:{message.pk}", changes={"channel": channel, "topic": topic})


@transaction.atomic
def refuse_channel(*, message: Message, channel: str) -> None:
    """Nothing more in this channel at all."""
    _offered(message, channel, None)
    if channel == message.channel:
        unsubscribe(message, "preferences")
    else:
        record_optout(customer=message.customer, channel=channel, source="preferences")


@transaction.atomic
def refuse_everything(*, message: Message) -> None:
    """Nothing more in any channel, also in those that were never used so far."""
    for channel in Channel:
        if channel != message.channel:
            record_optout(customer=message.customer, channel=channel, source="preferences")
    unsubscribe(message, "preferences")


def _offered(message: Message, channel: str, topic: str | None) -> None:
    """Only what the page offers. Raises BadInput."""
    for one in choices_of(message).channels:
        if one.channel == channel and (topic is None or topic in {known.code for known in one.topics}):
            return
    raise BadInput(_("There is no such choice."), code="no_choice")
