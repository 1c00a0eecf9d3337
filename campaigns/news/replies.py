"""What people answer by SMS: kept beside the copy that they answer, and obeyed where it means "no more"."""

import re
import unicodedata
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from campaigns.models import Message, Response
from campaigns.news import receipts
from campaigns.news.answers import touch, unsubscribe
from customers.locks import hold_customers
from customers.models import Channel, Customer
from customers.normalforms import normal_phone
from customers.services import record_optout, suppress

#: An answer belongs to the newest message of this many days.
REPLY_DAYS = 30
_OPT_OUT = {
    "TD", "T", "R", "N", "0000", "退订", "TD退订", "T退订", "拒收", "取消订阅",
    "STOP", "STOPALL", "UNSUBSCRIBE", "UNSUB", "QUIT", "CANCEL", "END", "REVOKE", "OPTOUT",
}  # fmt: skip
_SIGNATURE = re.compile(r"【[^】]*】|\[[^\]]*\]")
_NO_WORDS = re.compile(r"[\s.,;:!?。，；：！？、'\"“”‘’()\-]+")


def is_opt_out(text: str) -> bool:
    """Whether an answer asks for no more messages: TD, Ｔ, r, 退订, "STOP." … in any width, case and spacing.

    Signatures before and behind it do not count, nor do signs that nobody sees.
    """
    plain = unicodedata.normalize("NFKC", text).upper()
    seen = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")
    words = _NO_WORDS.sub("", _SIGNATURE.sub("", seen))
    return words in _OPT_OUT or re.sub("^(请?回复?)", "", words) in _OPT_OUT


@transaction.atomic
def record_reply(*, phone: str, text: str, event_id: str, source: str = "sms reply") -> bool:
    """An SMS from a customer. Opt-outs act at once, also from numbers that no customer has. True where it was one."""
    number = normal_phone(phone)
    if number is None:
        return False
    message, said_no = _newest_to(number), is_opt_out(text)
    if said_no:
        _obey(number, message, source)
    if message is not None:
        _keep(message, text, event_id)
    return said_no


def _obey(number: str, message: Message | None, source: str) -> None:
    """Customers before their messages, as at the gate: no two wait in a ring."""
    people = list(Customer.objects.filter(phone=number, merged_into__isnull=True).order_by("pk"))
    hold_customers([person.pk for person in people] + ([message.customer_id] if message else []))
    if message is not None:
        unsubscribe(message, source)
    for person in people:
        record_optout(customer=person, channel=Channel.SMS, source=source)
    suppress(channel=Channel.SMS, address=number, reason="unsubscribed", source=source)


def _keep(message: Message, text: str, event_id: str) -> None:
    if message.responses.filter(data__event_id=event_id).exists():
        return
    message.responses.create(
        kind=Response.Kind.REPLY, occurred_at=timezone.now(), data={"event_id": event_id, "text": text[:500]}
    )
    touch(message, "message_replied", f"reply:{event_id}"[:80], text[:300])
    # Whoever answers may answer an earlier one: what is in doubt stays in doubt.
    if message.state == Message.State.ACCEPTED:
        receipts.prove_delivery(message.pk)


def _newest_to(number: str) -> Message | None:
    since = timezone.now() - timedelta(days=REPLY_DAYS)
    sent = Message.objects.filter(channel=Channel.SMS, customer__phone=number, sent_at__gte=since)
    return sent.select_related("campaign__shop", "customer").order_by("-sent_at").first()
