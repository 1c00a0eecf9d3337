"""What became of what was handed over. Receipts come twice, late, early and in any order; all orders end alike.

Each piece of news has a rank, and a message never falls below what is known: accepted and sent, then not delivered for
now, then delivered, then refused for good. A complaint, a click or an opt-out proves that the copy arrived.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from campaigns.delivery.sql import changed, rows
from campaigns.delivery.touch import CERTAIN, record_sent
from campaigns.models import Message

S = Message.State
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
#: States of which a receipt can still tell something; `claimed` waits until its worker is done.
_OPEN = frozenset({S.SENDING, S.RETRY_WAIT, S.UNKNOWN, S.UNRESOLVED})

#: Kind of news → its rank, and what the message is then.
_NEWS: dict[str, tuple[int, str, str]] = {
    "accepted": (1, S.ACCEPTED, ""),
    "sent": (1, S.ACCEPTED, ""),
    "undelivered": (2, S.UNDELIVERED, "undelivered"),
    "delivered": (3, S.DELIVERED, ""),
    "complaint": (3, S.DELIVERED, ""),
    "unsubscribed": (3, S.DELIVERED, ""),
    "rejected": (4, S.UNDELIVERED, "rejected"),
}
#: What comes of an item: outcomes as they stand in ProviderEvent.
APPLIED, KNOWN, NOT_SENT, WAITING, NO_MESSAGE = "applied", "known", "not_sent", "waiting", "no_message"


@dataclass(frozen=True, slots=True)
class Item:
    """One receipt: `id` names it to the caller, `provider` is the code of who says it."""

    id: int
    kind: str
    reference: str
    provider: str
    detail: str = ""


class Known(NamedTuple):
    """What we know of a message."""

    state: str
    reason: str
    was_handed_over: bool


def rank_of(known: Known) -> int:
    """0 while in doubt."""
    if known.state == S.UNDELIVERED:
        return 4 if known.reason == "rejected" else 2
    return {S.ACCEPTED: 1, S.DELIVERED: 3}.get(S(known.state), 0)


def judge(known: Known, kind: str) -> tuple[str, Known]:
    """What comes of this news, and what is known then. Pure."""
    if not known.was_handed_over or kind not in _NEWS:
        return NOT_SENT, known
    if known.state == S.CLAIMED:
        return WAITING, known
    if known.state not in _OPEN and known.state not in CERTAIN:
        return NOT_SENT, known
    rank, state, reason = _NEWS[kind]
    if rank <= rank_of(known):
        return KNOWN, known
    return APPLIED, Known(state, reason, True)


def match(items: Sequence[Item]) -> dict[int, int]:
    """Item → message, by our token, else by the provider's number. Nobody is heard about another one's messages."""
    tokens = {item.reference.lower() for item in items if _UUID.fullmatch(item.reference)}
    found: dict[tuple[str, str], int] = {}
    numbers = sorted({item.reference for item in items if item.reference})
    for provider, number, pk in rows(_BY_NUMBER, [numbers]) if numbers else ():
        found[provider, number] = pk
    for provider, token, pk in rows(_BY_TOKEN, [sorted(tokens)]) if tokens else ():
        found[provider, str(token)] = pk
    named = {item.id: found.get((item.provider, _name(item.reference))) for item in items}
    return {item_id: pk for item_id, pk in named.items() if pk is not None}


_BY_TOKEN = "SELECT provider, token, id FROM campaigns_message WHERE token = ANY(%s::uuid[])"  # noqa: S105  no password
_BY_NUMBER = """
    SELECT provider, provider_message_id, id FROM campaigns_message
    WHERE provider_message_id = ANY(%s) AND provider_message_id <> '' ORDER BY id
"""


def _name(reference: str) -> str:
    return str(uuid.UUID(reference)) if _UUID.fullmatch(reference) else reference


def apply(items: Sequence[Item], matched: Mapping[int, int]) -> dict[int, str]:
    """Inside a transaction: item → outcome. A message that somebody else is writing at this moment is left for later.

    What settles a doubt is told to the touchpoints room: its campaign may have ended long ago.
    """
    before = _lock(matched.values())
    after, details, outcomes = dict(before), dict[int, str](), dict[int, str]()
    for item in items:
        pk = matched.get(item.id)
        if pk is None or pk not in after:
            outcomes[item.id] = NO_MESSAGE if pk is None else WAITING
            continue
        outcomes[item.id], after[pk] = judge(after[pk], item.kind)
        if outcomes[item.id] == APPLIED:
            details[pk] = item.detail if after[pk].reason else ""
    _write({pk: known for pk, known in after.items() if known != before[pk]}, details)
    doubts = [pk for pk in details if before[pk].state not in CERTAIN]
    record_sent(message_ids=doubts)
    return outcomes


def prove_delivery(message_id: int) -> None:
    """Somebody has opened what was in it. What is being written at this moment is left to its receipt."""
    item = Item(message_id, "delivered", "", "")
    apply([item], {message_id: message_id})


def _lock(ids: Iterable[int]) -> dict[int, Known]:
    """Nobody is waited for, so no two wait in a ring."""
    wanted = sorted(set(ids))
    found = rows(
        "SELECT id, state, reason, sent_at IS NOT NULL FROM campaigns_message WHERE id = ANY(%s) ORDER BY id"
        " FOR NO KEY UPDATE SKIP LOCKED",
        [wanted],
    )
    return {pk: Known(state, reason, handed) for pk, state, reason, handed in found}


def _write(changes: Mapping[int, Known], details: Mapping[int, str]) -> None:
    if not changes:
        return
    changed(
        "UPDATE campaigns_message AS m SET state = n.state, reason = n.reason, detail = n.detail, lease_until = NULL,"
        " updated_at = now() FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS n"
        " (id, state, reason, detail) WHERE m.id = n.id",
        [
            list(changes), [str(known.state) for known in changes.values()],
            [known.reason for known in changes.values()], [details.get(pk, "")[:300] for pk in changes],
        ],
    )  # fmt: skip
