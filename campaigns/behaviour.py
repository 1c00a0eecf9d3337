"""“Clicked in a campaign of the last 90 days”: messages as a condition of segments (segmentation.conditions)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from django.db.models import DurationField, Exists, ExpressionWrapper, OuterRef, Q, Value
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Message, Response
from customers.models import Channel
from orders.models import Order
from segmentation.checks import Clock, number_of
from segmentation.conditions.base import Text
from segmentation.conditions.counting import Rows
from segmentation.conditions.rows import Asked, Part, RowCondition

#: Campaigns that the editor offers, newest first; a rule may name any.
OFFERED = 100
OUTCOMES: Mapping[str, Text] = {
    "sent": _("Sent"),
    "clicked": _("Clicked"),
    "responded": _("Responded"),
    "held_out": _("Held out"),
    "failed": _("Failed"),
}


def _campaigns() -> Mapping[str, Text]:
    started = Campaign.objects.filter(started_at__isnull=False).order_by("-started_at", "-pk")
    return {str(pk): name for pk, name in started.values_list("pk", "name")[:OFFERED]}


def _outcome(code: str) -> Q:
    """Each as campaigns' reports count it (campaigns.results.reporting)."""
    answers = Response.objects.filter(message=OuterRef("pk"), suspected_bot=False).order_by()
    match code:
        case "sent":
            return Q(state__in=Message.SENT)
        case "clicked":
            return Q(Exists(answers.filter(kind=Response.Kind.CLICK)))
        case "responded":
            told = answers.filter(kind__in=[Response.Kind.CLICK, Response.Kind.REPLY])
            return Q(state__in=Message.SENT) & (Q(Exists(told)) | Q(Exists(_orders_in_window())))
        case "held_out":
            return Q(state=Message.State.HELD_OUT)
    return Q(state__in=[Message.State.FAILED, Message.State.UNDELIVERED])


def _orders_in_window() -> Rows:
    """Paid orders of the campaign's book within its window after the copy was handed over."""
    day = Value(timedelta(days=1), DurationField())
    until = ExpressionWrapper(OuterRef("sent_at") + day * OuterRef("campaign__window_days"), DurationField())
    return Order.objects.paid().filter(
        customer=OuterRef("customer"), shop__book=OuterRef("campaign__shop__book"),
        placed_at__gte=OuterRef("sent_at"), placed_at__lt=until,
    ).order_by()  # fmt: skip


class _CampaignPart(Part):
    def _single(self, value: object, path: str) -> str:
        """A program may give the number as a number."""
        given = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return number_of(given, path)


class _Messages(RowCondition):
    """One copy to one customer counts once; days are those since the campaign started."""

    key = "messages"
    label = _("Messages of campaigns")
    parts: ClassVar[Mapping[str, Part]] = {
        part.code: part
        for part in (
            _CampaignPart("campaign", _("Campaign"), "names", _campaigns),
            Part("outcome", _("Outcome"), "choices", lambda: OUTCOMES),
            Part("channel", _("Channel"), "choices", lambda: dict(Channel.choices)),
        )
    }

    def what(self, asked: Asked) -> str | Promise:
        return _("messages of campaigns")

    def rows(self, asked: Asked, clock: Clock) -> Rows:
        found = Q()
        if "campaign" in asked.filter:
            found &= Q(campaign__in=asked.filter["campaign"])
        if "channel" in asked.filter:
            found &= Q(channel__in=asked.filter["channel"])
        if asked.within_days is not None:
            found &= Q(campaign__started_at__gte=clock.start(clock.back(asked.within_days)))
        outcomes = Q()
        for code in asked.filter.get("outcome", ()):
            outcomes |= _outcome(code)
        return Message.objects.filter(found, outcomes).order_by()


MESSAGES = _Messages()
