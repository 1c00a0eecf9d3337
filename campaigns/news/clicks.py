"""Clicks, of people and of machines: both are kept, apart. Scanners open every address they see."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from campaigns.models import Link, Message, Response
from campaigns.news.answers import touch, touch_key
from campaigns.news.receipts import prove_delivery
from campaigns.news.robots import is_scanner
from touchpoints.services import forget_touchpoints

#: Sooner after the hand-over than this it was a scanner,
SCANNER_SECONDS = 10
#: and so it was where every link of a message was opened within this time.
BURST = timedelta(seconds=2)
#: Clicks kept per message, of people and of machines each: an address called for ever does not fill the table.
MAX_CLICKS = 50


def is_robot(*, agent: str, unread: bool) -> bool:
    """By what the caller says about itself; every reader's browser has a name. `unread`: asked by HEAD, or ahead."""
    return unread or not agent.strip() or is_scanner(agent)


def record_click(*, message: Message, position: int, agent: str, unread: bool = False) -> str | None:
    """Note a click and return where the link leads; None for a link that the message does not have."""
    link = Link.objects.filter(campaign=message.campaign_id, position=position).first()
    if link is None or not link.url.lower().startswith(("http://", "https://")):
        return None
    with transaction.atomic():
        # One after the other, so that each of a burst sees those before it.
        Message.objects.select_for_update(no_key=True).get(pk=message.pk)
        _note(message, link, agent, is_robot(agent=agent, unread=unread) or _is_too_soon(message))
    return link.url


def _note(message: Message, link: Link, agent: str, is_bot: bool) -> None:
    clicks = message.responses.filter(kind=Response.Kind.CLICK)
    if clicks.filter(suspected_bot=is_bot).count() >= MAX_CLICKS:
        return
    now = timezone.now()
    first = not clicks.filter(link=link, suspected_bot=False).exists()
    clicks.create(
        message=message, kind=Response.Kind.CLICK, occurred_at=now, link=link, suspected_bot=is_bot,
        data={"agent": agent.replace("\x00", "")[:200]},
    )  # fmt: skip
    if _is_burst(message, now):
        _take_back(message, now)
    elif not is_bot:
        prove_delivery(message.pk)
        if first:
            touch(message, "message_clicked", f"click:{link.position}", link.url[:300])


def _is_too_soon(message: Message) -> bool:
    return message.sent_at is None or timezone.now() - message.sent_at < timedelta(seconds=SCANNER_SECONDS)


def _is_burst(message: Message, now: datetime) -> bool:
    """Whether every link of a message with several was opened in the last moment."""
    opened = message.responses.filter(kind=Response.Kind.CLICK, occurred_at__gt=now - BURST)
    links = Link.objects.filter(campaign=message.campaign_id).count()
    return links > 1 and opened.order_by().values("link").distinct().count() >= links


def _take_back(message: Message, now: datetime) -> None:
    """The earlier clicks of the burst looked like a reader's. What they told the touchpoints room did not happen."""
    clicks = message.responses.filter(kind=Response.Kind.CLICK)
    clicks.filter(occurred_at__gt=now - BURST).update(suspected_bot=True)
    read = set(clicks.filter(suspected_bot=False).values_list("link__position", flat=True))
    positions = Link.objects.filter(campaign=message.campaign_id).values_list("position", flat=True)
    forget_touchpoints(dedupe_keys=[touch_key(message.pk, f"click:{one}") for one in positions if one not in read])
