"""Where each person stands at the gate: the truth of the customers room beside what the message was frozen with."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from campaigns import policy
from campaigns.channels import stays_here
from campaigns.delivery.claim import Claimed
from campaigns.delivery.sql import rows
from campaigns.delivery.terms import Terms
from campaigns.media import Route
from campaigns.models import Message
from campaigns.zones import zone_of
from customers.models import Channel

#: Where there is no cap: nobody has had so many.
_NO_CAP = 1_000_000


class Standing(NamedTuple):
    """`capped_since`: when the copy was sent that has to leave the window of the cap before there is room again.

    `today` counts every message of the channel of the last 24 hours; `same_text`: one with this text a moment ago.
    """

    id: int
    customer_id: int
    address: str
    frozen_digest: str
    digest: str
    refusal: str | None
    is_invented: bool
    country: str
    in_doubt: bool
    topic_refused: bool
    capped_since: datetime | None
    today: int
    same_text: bool


@dataclass(frozen=True, slots=True)
class No:
    """Why a copy may not go now. `until`: when it may be tried again; None: never."""

    reason: str
    until: datetime | None = None


def judge(standing: Standing, terms: Terms, address: str | None) -> No | None:
    """None: may go. Permission first, then what the carrier would refuse, then the hour, then what was enough."""
    refusal = _refusal(standing, terms.rules.channel, address)
    if refusal:
        return No(refusal)
    if standing.topic_refused:
        return No("topic_refused")
    if standing.same_text:
        return No("same_text")
    if standing.today >= policy.NUMBER_PER_DAY:
        return No("number_per_day")
    return None if terms.is_free else _quiet(standing, terms) or _capped(standing, terms)


def _refusal(standing: Standing, channel: str, address: str | None) -> str | None:
    if standing.refusal:
        return standing.refusal
    if standing.is_invented and not stays_here(channel):
        return "demo"  # somebody real may have the address of an invented customer
    if standing.digest != standing.frozen_digest or address != standing.address:
        return "address_changed"
    return None


def _quiet(standing: Standing, terms: Terms) -> No | None:
    """On the clock of the customer's country where it has one clock, else on the shop's."""
    end = terms.rules.quiet_end(now=terms.now, zone=zone_of(standing.country) or terms.zone)
    if end is None:
        return None
    return No("quiet_hours", end if terms.holds_quiet and terms.in_window(end) else None)


def _capped(standing: Standing, terms: Terms) -> No | None:
    if standing.capped_since is None:
        return None
    free = standing.capped_since + terms.rules.window
    return No("frequency_cap", free if terms.holds_capped and terms.in_window(free) else None)


def standings(*, campaign_id: int, route: Route, terms: Terms, batch: Sequence[Claimed]) -> list[Standing]:
    """Of those that are still ours: a row whose lease ran out carries somebody else's token."""
    channel = route.medium
    sql, params = _standing_sql(route)
    mine = [claimed.id for claimed in batch]
    own: list[Any] = [channel, terms.topic, channel, terms.rules.window, (terms.rules.cap or _NO_CAP) - 1]
    own += [policy.SAME_TEXT_WITHIN, campaign_id] if channel == Channel.SMS else []
    return [Standing(*row) for row in rows(sql, [*own, *params, mine, _token(batch)])]


def _token(batch: Sequence[Claimed]) -> uuid.UUID:
    return batch[0].claim_token


# Notices count for no cap. An index walk from the newest copy backwards: the n-th one is the last that matters.
_CAPPED_SINCE = """
    (SELECT other.sent_at FROM campaigns_message AS other
     JOIN campaigns_campaign AS theirs ON theirs.id = other.campaign_id AND theirs.lane <> 'transactional'
     WHERE other.customer_id = s.customer_id AND other.channel = %s AND other.sent_at > now() - %s AND other.id <> s.id
     ORDER BY other.sent_at DESC OFFSET %s LIMIT 1)
"""
# Carriers count what goes to a number; mailboxes take what they are sent.
_BY_CARRIER = """
    (SELECT count(*) FROM campaigns_message AS other WHERE other.customer_id = s.customer_id
       AND other.channel = 'sms' AND other.id <> s.id AND other.sent_at > now() - interval '24 hours'),
    EXISTS (SELECT 1 FROM campaigns_message AS other
            JOIN campaigns_campaign AS theirs ON theirs.id = other.campaign_id
            WHERE other.customer_id = s.customer_id AND other.channel = 'sms' AND other.id <> s.id
              AND other.sent_at > now() - %s
              AND theirs.body = (SELECT body FROM campaigns_campaign WHERE id = %s))
"""


@lru_cache(maxsize=64)
def _standing_sql(route: Route) -> tuple[str, tuple[Any, ...]]:
    """Compiled once, it is asked a lot."""
    messages = Message.objects.order_by().annotate(
        address=route.address("customer__"),
        digest=route.digest("customer__"),
        refusal=route.refusal("customer__"),
    )
    columns = (
        "id", "customer_id", "address", "address_digest", "digest", "refusal", "customer__is_demo",
        "customer__country", "sent_at", "claim_token", "state",
    )  # fmt: skip
    sql, params = messages.values_list(*columns).query.sql_with_params()
    return (
        # The inner texts are Django's own and those above.
        f"""
        SELECT s.id, s.customer_id, s.address, s.frozen, s.digest, s.refusal, s.is_invented, s.country,
               s.sent_at IS NOT NULL,
               EXISTS (SELECT 1 FROM campaigns_topicrefusal AS t
                       WHERE t.channel = %s AND t.address_digest = s.digest AND t.topic = %s),
               {_CAPPED_SINCE}, {_BY_CARRIER if route.medium == Channel.SMS else "0, FALSE"}
        FROM ({sql}) AS s (id, customer_id, address, frozen, digest, refusal, is_invented, country, sent_at,
                           claim_token, state)
        WHERE s.id = ANY(%s) AND s.claim_token = %s AND s.state = 'claimed'
        """,  # noqa: S608
        params,
    )
