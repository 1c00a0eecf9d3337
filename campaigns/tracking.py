"""The doors that customers come through: links, the unsubscribe page, answers and receipts from the SMS provider.

Every address holds a random token of one message and nothing else; where a link leads is looked up, never read from
the request. Reading (GET) changes no permission: mail scanners open every address they see.
"""

import hashlib
import hmac
import re
import unicodedata
import uuid
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from campaigns.delivery.touch import record_sent
from campaigns.models import Link, Message, Response
from customers.models import Channel, Customer
from customers.normalforms import normal_phone
from customers.services import WrittenTo, record_optout, suppress
from touchpoints.services import record_touchpoint

#: The token in test messages: its doors say that this was a test.
NOBODY = uuid.UUID(int=0)
#: Sooner after the hand-over than this it was a scanner.
SCANNER_SECONDS = 10
_SCANNERS = re.compile(r"bot|crawl|spider|scan|preview|proofpoint|mimecast|barracuda|curl|wget|python-requests", re.I)
#: Clicks kept per message: an address that is called for ever does not fill the table.
MAX_CLICKS = 50
#: An answer belongs to the newest message of this many days.
REPLY_DAYS = 30
_OPT_OUT = {"TD", "T", "R", "N", "0000", "退订", "STOP", "UNSUBSCRIBE", "QUIT", "CANCEL", "END", "STOPALL"}
_RANKS = {"accepted": 0, "sent": 1, "undelivered": 2, "delivered": 3, "failed": 4}


@lru_cache(maxsize=8)
def _before_token(name: str, *rest: int) -> tuple[str, str]:
    start, end = reverse(name, args=[NOBODY, *rest]).split(str(NOBODY))
    return start, end


def click_url(token: uuid.UUID, position: int) -> str:
    start, end = _before_token("doors:click", position)
    return f"{settings.SITE_URL}{start}{token}{end}"


def unsubscribe_url(token: uuid.UUID) -> str:
    start, end = _before_token("doors:unsubscribe")
    return f"{settings.SITE_URL}{start}{token}{end}"


def hook_secret() -> str:
    """The part of the provider's address that only the provider and we know."""
    return hmac.new(settings.SECRET_KEY.encode(), b"sms-hook", hashlib.sha256).hexdigest()[:32]


def hook_url() -> str:
    """Where the SMS provider sends receipts and replies."""
    return f"{settings.SITE_URL}{reverse('doors:sms_reply', args=[hook_secret()])}"


def message_of(token: uuid.UUID) -> Message | None:
    return Message.objects.select_related("campaign__shop", "customer").filter(token=token).first()


@transaction.atomic
def record_click(*, token: uuid.UUID, position: int, agent: str, head: bool = False) -> str | None:
    """Note a click and return where the link leads; None for an unknown message or link."""
    link = Link.objects.filter(campaign__messages__token=token, position=position).first()
    message = message_of(token)
    if link is None or message is None:
        return None
    known = message.responses.filter(kind=Response.Kind.CLICK)
    if known.count() >= MAX_CLICKS:
        return link.url
    now = timezone.now()
    bot = head or bool(_SCANNERS.search(agent)) or _is_too_soon(message)
    first = not known.filter(link=link, suspected_bot=False).exists()
    message.responses.create(
        kind=Response.Kind.CLICK, occurred_at=now, link=link, suspected_bot=bot, data={"agent": agent[:200]}
    )
    if not bot:
        _raise_state(message.pk, Message.State.DELIVERED, [Message.State.ACCEPTED, Message.State.UNKNOWN])
        if first:
            _touch(message, "message_clicked", f"click:{position}", link.url[:300])
    return link.url


def _is_too_soon(message: Message) -> bool:
    return message.sent_at is None or timezone.now() - message.sent_at < timedelta(seconds=SCANNER_SECONDS)


def _touch(message: Message, kind: str, key: str, summary: str) -> None:
    record_touchpoint(
        customer_id=message.customer_id,
        stage="marketing",
        kind=kind,
        direction="in",
        channel=message.channel,
        occurred_at=timezone.now(),
        dedupe_key=f"message:{message.pk}:{key}",
        shop_id=message.campaign.shop_id,
        campaign_code=message.campaign.code,
        summary=summary,
    )


@transaction.atomic
def record_unsubscribe(*, token: uuid.UUID, source: str) -> bool:
    """The customer wants nothing more in this message's channel. False for an unknown token; repeats are harmless."""
    message = message_of(token)
    if message is None:
        return False
    _opt_out(message, source)
    return True


def _opt_out(message: Message, source: str) -> None:
    # Also where the address is blocked already: a bounce may be lifted, what the customer said stays.
    written_to = WrittenTo(digest=message.address_digest, masked=message.masked_address)
    record_optout(customer=message.customer, channel=message.channel, source=source, written_to=written_to)
    known = message.responses.filter(kind=Response.Kind.UNSUBSCRIBE).exists()
    if not known:
        message.responses.create(kind=Response.Kind.UNSUBSCRIBE, occurred_at=timezone.now(), data={"source": source})
        _touch(message, "unsubscribed", "unsubscribe", "")


def is_opt_out(text: str) -> bool:
    """Whether an answer asks for no more messages: TD, Ｔ, r, 退订, "STOP." … in any width, case and spacing."""
    plain = unicodedata.normalize("NFKC", text).upper()
    plain = re.sub(r"^【[^】]*】|^\[[^\]]*\]", "", plain.strip())
    words = re.sub(r"[\s.,!。，！、'\"“”]+", "", plain)
    return words in _OPT_OUT or words.removeprefix("回复") in _OPT_OUT


@transaction.atomic
def record_reply(*, phone: str, text: str, event_id: str) -> bool:
    """An SMS from a customer. Opt-outs act at once, also from numbers that no customer has. True where it was one."""
    number = normal_phone(phone)
    if number is None:
        return False
    message = _newest_to(number)
    if message is not None and not message.responses.filter(data__event_id=event_id).exists():
        message.responses.create(
            kind=Response.Kind.REPLY, occurred_at=timezone.now(), data={"event_id": event_id, "text": text[:500]}
        )
        _touch(message, "message_replied", f"reply:{event_id}"[:80], text[:300])
    if not is_opt_out(text):
        return False
    if message is not None:
        _opt_out(message, "sms reply")
    for customer in Customer.objects.filter(phone=number, merged_into__isnull=True):
        record_optout(customer=customer, channel=Channel.SMS, source="sms reply")
    suppress(channel=Channel.SMS, address=number, reason="unsubscribed", source="sms reply")
    return True


def _newest_to(number: str) -> Message | None:
    since = timezone.now() - timedelta(days=REPLY_DAYS)
    sent = Message.objects.filter(channel=Channel.SMS, customer__phone=number, sent_at__gte=since)
    return sent.select_related("campaign__shop", "customer").order_by("-sent_at").first()


@transaction.atomic
def record_receipt(*, reference: str, status: str) -> bool:
    """What became of an SMS. Receipts come twice, late and in any order: one of a lower rank changes nothing."""
    try:
        message = Message.objects.select_for_update().filter(token=uuid.UUID(reference)).first()
    except ValueError:
        return False
    if message is None or status not in _RANKS:
        return False
    if _RANKS[status] > _rank(message):
        _apply_receipt(message, status)
    return True


def _rank(message: Message) -> int:
    """How much is known already: a hard refusal outweighs "delivered", which outweighs a soft one."""
    if message.state == Message.State.UNDELIVERED:
        return _RANKS["failed" if message.reason == "rejected" else "undelivered"]
    return _RANKS["delivered"] if message.state == Message.State.DELIVERED else 0


def _apply_receipt(message: Message, status: str) -> None:
    open_states = [Message.State.SENDING, Message.State.RETRY_WAIT, Message.State.UNKNOWN]
    if status == "sent":  # on its way: that only settles a doubt
        _raise_state(message.pk, Message.State.ACCEPTED, open_states)
    elif status == "delivered":
        before = [*open_states, Message.State.ACCEPTED, Message.State.UNDELIVERED]
        _raise_state(message.pk, Message.State.DELIVERED, before)
    else:
        before = [*open_states, Message.State.ACCEPTED, Message.State.DELIVERED, Message.State.UNDELIVERED]
        _raise_state(message.pk, Message.State.UNDELIVERED, before, "rejected" if status == "failed" else "undelivered")


def _raise_state(pk: int, state: str, before: list[Message.State], reason: str = "") -> None:
    """Only for what was handed over; the row is left alone where another word came first."""
    handed_over = Message.objects.filter(pk=pk, state__in=before, sent_at__isnull=False)
    if handed_over.update(state=state, reason=reason, updated_at=timezone.now()):
        record_sent(message_ids=[pk])  # a doubt may be settled long after its campaign has ended
