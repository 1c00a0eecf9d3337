"""Applying what providers told us. The rows are the queue.

What names no message of ours waits up to 72 hours: a receipt may be here before the provider's number is written down.
Each piece stands for itself; one that cannot be applied stops no other.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.db import OperationalError, transaction

from campaigns import tracking
from campaigns.delivery.sql import changed, rows
from campaigns.models import Message, ProviderEvent
from campaigns.news import answers, receipts
from campaigns.news.replies import record_reply
from customers.locks import hold_customers

logger = logging.getLogger(__name__)

BATCH = 1000
#: What fails so often is put aside.
MAX_TRIES = 10
#: What people want, as against what became of a copy.
TO_OBEY = ("reply", "unsubscribed", "complaint")
_HEARD = (receipts.APPLIED, receipts.KNOWN)


class News(NamedTuple):
    """A stored event that has not been applied."""

    id: int
    kind: str
    reference: str
    address: str
    data: Mapping[str, object]
    event_id: str
    provider: str
    is_old: bool

    @property
    def detail(self) -> str:
        parts = [str(self.data.get("code") or ""), str(self.data.get("words") or "")]
        return " ".join(dict.fromkeys(filter(None, parts)))[:300]

    @property
    def is_bounce(self) -> bool:
        """The address does not exist."""
        return self.kind == "rejected" and self.data.get("gone") is True

    @property
    def item(self) -> receipts.Item:
        return receipts.Item(self.id, self.kind, self.reference, self.provider, self.detail)


def apply_events(*, limit: int = 10 * BATCH) -> int:
    """Apply what waits, each piece at most once by this call. Returns how many are settled now."""
    looked_at, settled, after = 0, 0, 0
    while looked_at < limit:
        batch = _due(after, min(BATCH, limit - looked_at))
        if not batch:
            break
        after, looked_at = batch[-1].id, looked_at + len(batch)
        settled += _together([news for news in batch if news.kind not in TO_OBEY])
        settled += sum(_alone(news) for news in batch if news.kind in TO_OBEY)
    return settled


_COLUMNS = """
    SELECT e.id, e.kind, e.reference, e.address, e.data, e.event_id, p.code,
           e.received_at <= now() - interval '72 hours'
    FROM campaigns_providerevent AS e JOIN campaigns_provider AS p ON p.id = e.provider_id
    WHERE e.applied_at IS NULL AND {which}
"""
# Tried again after 10, 20, 40 … seconds, the last time when its 72 hours are over.
_DUE = """
    e.id > %s AND (e.tries = 0 OR e.received_at
        + least(make_interval(secs => 5 * 2 ^ least(e.tries, 20)::int), interval '72 hours') <= now())
    ORDER BY e.id LIMIT %s
"""


def _due(after: int, size: int) -> list[News]:
    return _waiting(_DUE, [after, size])


def _waiting(which: str, params: Sequence[object]) -> list[News]:
    """Django's cursor gives JSON as text."""
    found = rows(_COLUMNS.format(which=which), params)
    return [
        News(pk, kind, reference, address, _parsed(data), event_id, code, is_old)
        for pk, kind, reference, address, data, event_id, code, is_old in found
    ]


def _parsed(data: object) -> Mapping[str, object]:
    known = json.loads(data) if isinstance(data, str) else data
    return known if isinstance(known, dict) else {}


def _together(batch: Sequence[News]) -> int:
    """Receipts, some statements for all of them; one by one where that fails."""
    if not batch:
        return 0
    try:
        with transaction.atomic():
            mine = _own(batch)
            return _finish(mine, _receipts(mine))
    except Exception:
        logger.exception("a batch of news could not be applied: now each by itself")
        return sum(_alone(news) for news in batch)


def _alone(news: News) -> bool:
    """One piece with what it means for a person, in a transaction of its own."""
    try:
        with transaction.atomic():
            return bool(_finish(mine, _outcomes(mine[0]))) if (mine := _own([news])) else False
    except OperationalError:  # somebody was first, or the database is away: it stays due
        logger.warning("news %s has to wait", news.id, exc_info=True)
    except Exception as error:
        logger.exception("news %s could not be applied", news.id)
        _stumbled(news, type(error).__name__)
    return False


def _own(batch: Sequence[News]) -> list[News]:
    """Those that nobody else is applying, or has applied, until the end of the transaction."""
    got = rows(
        "SELECT id FROM campaigns_providerevent WHERE id = ANY(%s) AND applied_at IS NULL ORDER BY id"
        " FOR UPDATE SKIP LOCKED",
        [[news.id for news in batch]],
    )
    ids = {pk for (pk,) in got}
    return [news for news in batch if news.id in ids]


def _outcomes(news: News) -> dict[int, str]:
    if news.kind == "reply":
        said_no = record_reply(
            phone=news.address, text=str(news.data.get("text") or ""), event_id=news.event_id[:60],
            source=f"reply by {news.provider}"[:100],
        )  # fmt: skip
        return {news.id: "opted_out" if said_no else receipts.APPLIED}
    if news.kind not in TO_OBEY:
        return _receipts([news])
    matched = receipts.match([news.item])
    _hold(list(matched.values()))
    outcomes = receipts.apply([news.item], matched)
    if outcomes[news.id] in _HEARD:
        _obey(news, matched[news.id])
    return outcomes


def _receipts(batch: Sequence[News]) -> dict[int, str]:
    items = [news.item for news in batch]
    matched = receipts.match(items)
    gone = {news.id: news.provider for news in batch if news.is_bounce and news.id in matched}
    _hold([matched[pk] for pk in gone])
    outcomes = receipts.apply(items, matched)
    for provider in sorted(set(gone.values())):
        told = [matched[pk] for pk, code in gone.items() if code == provider and outcomes[pk] in _HEARD]
        answers.bounced(told, f"told by {provider}"[:100])
    return outcomes


def _hold(message_ids: Sequence[int]) -> None:
    """Customers before their messages, as at the gate: no two wait in a ring."""
    if message_ids:
        hold_customers(Message.objects.filter(pk__in=message_ids).values_list("customer_id", flat=True))


def _obey(news: News, message_id: int) -> None:
    message = tracking.message_numbered(message_id)
    if message is None:
        return
    source = f"told by {news.provider}"[:100]
    match news.kind:
        case "unsubscribed":
            answers.unsubscribe(message, source)
        case "complaint":
            answers.complain(message, source)


def _finish(batch: Iterable[News], outcomes: Mapping[int, str]) -> int:
    """Note what came of each. How many are settled: what waits, or has not found its message yet, is tried again."""
    settled = {news.id: _settled(news, outcomes[news.id]) for news in batch}
    waiting = [pk for pk, outcome in settled.items() if outcome == receipts.WAITING]
    done = {pk: outcome for pk, outcome in settled.items() if outcome != receipts.WAITING}
    if waiting:
        changed(
            "UPDATE campaigns_providerevent SET tries = tries + 1, outcome = 'waiting' WHERE id = ANY(%s)", [waiting]
        )
    if done:
        changed(_DONE, [list(done), list(done.values())])
    return len(done)


# The words of a reply stand beside the message that it answers; no address stays.
_DONE = """
    UPDATE campaigns_providerevent AS e
    SET applied_at = now(), tries = e.tries + 1, outcome = d.outcome, address = '', data = e.data - 'text'
    FROM unnest(%s::bigint[], %s::text[]) AS d (id, outcome) WHERE e.id = d.id
"""


def _settled(news: News, outcome: str) -> str:
    if news.kind == ProviderEvent.Kind.OTHER:
        return "nothing"
    if outcome == receipts.NO_MESSAGE and (news.reference.startswith("test-") or not news.reference):
        return "no_message"  # a test has no row, and what names nothing will find nothing
    if outcome in (receipts.NO_MESSAGE, receipts.WAITING):
        return receipts.NO_MESSAGE if news.is_old else receipts.WAITING
    return outcome


def _stumbled(news: News, why: str) -> None:
    changed(
        "UPDATE campaigns_providerevent SET tries = tries + 1, outcome = %s,"
        " applied_at = CASE WHEN tries + 1 >= %s THEN now() END,"
        " address = CASE WHEN tries + 1 >= %s THEN '' ELSE address END WHERE id = %s AND applied_at IS NULL",
        [f"error: {why}"[:60], MAX_TRIES, MAX_TRIES, news.id],
    )


def apply_now(ids: Sequence[int]) -> None:
    """Those with these ids, each by itself, without waiting for the tick."""
    for news in _waiting("e.id = ANY(%s)", [list(ids)]) if ids else ():
        _alone(news)


def count_waiting() -> dict[int, int]:
    """Provider → pieces that have not found their message yet."""
    waiting = rows(
        "SELECT provider_id, count(*) FROM campaigns_providerevent WHERE applied_at IS NULL AND tries > 0 GROUP BY 1"
    )
    return dict(waiting)
