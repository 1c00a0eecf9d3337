"""Where each person stands at the gate: the truth of the customers room beside what the message was frozen with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2s
from typing import NamedTuple

from campaigns import policy
from campaigns.channels import stays_here
from campaigns.delivery.claim import Claimed
from campaigns.delivery.sql import Prepared, written_out
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
    params = {
        "channel": route.medium, "topic": terms.topic, "window": terms.rules.window,
        "room": (terms.rules.cap or _NO_CAP) - 1, "same_text": policy.SAME_TEXT_WITHIN, "campaign": campaign_id,
        "ids": [claimed.id for claimed in batch], "token": batch[0].claim_token,
    }  # fmt: skip
    return [Standing(*row) for row in _standing_sql(route).rows(params)]


# Notices count for no cap. An index walk from the newest copy backwards: the n-th one is the last that matters.
_CAPPED_SINCE = """
    (SELECT other.sent_at FROM campaigns_message AS other
     JOIN campaigns_campaign AS theirs ON theirs.id = other.campaign_id AND theirs.lane <> 'transactional'
     WHERE other.customer_id = s.customer_id AND other.channel = %(channel)s
       AND other.sent_at > now() - %(window)s::interval AND other.id <> s.id
     ORDER BY other.sent_at DESC OFFSET %(room)s LIMIT 1)
"""
# Carriers count what goes to a number; mailboxes take what they are sent.
_BY_CARRIER = """
    (SELECT count(*) FROM campaigns_message AS other WHERE other.customer_id = s.customer_id
       AND other.channel = 'sms' AND other.id <> s.id AND other.sent_at > now() - interval '24 hours'),
    EXISTS (SELECT 1 FROM campaigns_message AS other
            JOIN campaigns_campaign AS theirs ON theirs.id = other.campaign_id
            WHERE other.customer_id = s.customer_id AND other.channel = 'sms' AND other.id <> s.id
              AND other.sent_at > now() - %(same_text)s::interval
              AND theirs.body = (SELECT body FROM campaigns_campaign WHERE id = %(campaign)s))
"""


@lru_cache(maxsize=64)
def _standing_sql(route: Route) -> Prepared:
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
    inner = written_out(*messages.values_list(*columns).query.sql_with_params())
    name = f"gate_standing_{route.medium}_{blake2s(route.scope.encode(), digest_size=8).hexdigest()}"
    return Prepared(
        name,
        # The inner texts are Django's own and those above.
        f"""
        SELECT s.id, s.customer_id, s.address, s.frozen, s.digest, s.refusal, s.is_invented, s.country,
               s.sent_at IS NOT NULL,
               EXISTS (SELECT 1 FROM campaigns_topicrefusal AS t
                       WHERE t.channel = %(channel)s AND t.address_digest = s.digest AND t.topic = %(topic)s),
               {_CAPPED_SINCE}, {_BY_CARRIER if route.medium == Channel.SMS else "0, FALSE"}
        FROM ({inner}) AS s (id, customer_id, address, frozen, digest, refusal, is_invented, country, sent_at,
                             claim_token, state)
        WHERE s.id = ANY(%(ids)s) AND s.claim_token = %(token)s AND s.state = 'claimed'
        """,  # noqa: S608
    )
