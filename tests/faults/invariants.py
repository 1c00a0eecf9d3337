"""What must hold after every fault, as SQL over our tables and the provider's own ledger.

I1 nothing lost · I2 nothing twice · I3 nobody who must not be written to · I4 every number is a recount · I5 doubt is
few, listed and old only for so long. Each query returns what breaks it; none may return anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import connection
from psycopg2.extras import execute_values

from campaigns import policy
from campaigns.models import Campaign, Message
from campaigns.rules import rules_of
from campaigns.running.monitor import progress
from tests.campaigns.provider import Provider

#: What the ledger holds that was never meant for a campaign.
LEDGER = """
    CREATE TEMP TABLE IF NOT EXISTS t_ledger (number bigint, channel text, reference text, key text, recipient text);
    TRUNCATE t_ledger;
"""
_OF_CAMPAIGNS = "FROM t_ledger l JOIN campaigns_message m ON m.token::text = l.reference"
_HANDED_OVER = "m.sent_at IS NOT NULL AND c.lane <> 'transactional'"

QUERIES: dict[str, str] = {
    "I1 a frozen audience that does not match its rows": """
        SELECT c.id FROM campaigns_campaign c LEFT JOIN campaigns_message m ON m.campaign_id = c.id
        WHERE c.audience_size IS NOT NULL GROUP BY c.id HAVING count(m.id) <> c.audience_size""",
    "I1 a customer with two rows": """
        SELECT campaign_id, customer_id FROM campaigns_message GROUP BY 1, 2 HAVING count(*) > 1""",
    "I1 a message that is stuck in dead hands": """
        SELECT id FROM campaigns_message WHERE state IN ('claimed', 'sending')
        AND (lease_until IS NULL OR lease_until < now() - interval '2 minutes')""",
    "I1 a finished campaign with something open": """
        SELECT c.id, m.state FROM campaigns_campaign c JOIN campaigns_message m ON m.campaign_id = c.id
        WHERE c.state IN ('finished', 'cancelled') AND m.state IN ('queued', 'claimed', 'retry_wait')""",
    "I1 an end without a reason": """
        SELECT id FROM campaigns_message
        WHERE state IN ('skipped', 'failed', 'unknown', 'unresolved') AND reason = ''""",
    "I2 two copies to one recipient": f"""
        SELECT m.campaign_id, l.recipient {_OF_CAMPAIGNS} GROUP BY 1, 2 HAVING count(*) > 1""",
    "I2 two copies of one message": f"SELECT m.id {_OF_CAMPAIGNS} GROUP BY 1 HAVING count(*) > 1",
    "I2 taken by the provider, and we say that it never went": f"""
        SELECT m.id, m.state, m.reason {_OF_CAMPAIGNS}
        WHERE m.state IN ('queued', 'skipped', 'cancelled', 'expired', 'held_out', 'failed')
           OR m.state IN ('claimed', 'retry_wait') AND m.sent_at IS NULL""",
    "I2 taken by the provider, of no message of ours": """
        SELECT l.reference FROM t_ledger l LEFT JOIN campaigns_message m ON m.token::text = l.reference
        WHERE m.id IS NULL AND l.reference NOT LIKE 'test-%%'""",
    "I2 accepted, and the provider knows nothing": """
        SELECT m.id, m.state FROM campaigns_message m LEFT JOIN t_ledger l ON m.token::text = l.reference
        WHERE m.state IN ('accepted', 'delivered') AND l.reference IS NULL""",
    "I3 past the gate although suppressed before": """
        SELECT a.message_id FROM campaigns_attempt a JOIN campaigns_message m ON m.id = a.message_id
        JOIN customers_suppression s ON s.channel = m.channel AND s.address_digest = m.address_digest
        WHERE s.created_at < a.gate_at""",
    "I3 past the gate without consent": """
        SELECT a.message_id FROM campaigns_attempt a JOIN campaigns_message m ON m.id = a.message_id
        LEFT JOIN LATERAL (
            SELECT granted FROM customers_consent c
            WHERE c.customer_id = m.customer_id AND c.channel = m.channel AND c.recorded_at < a.gate_at
            ORDER BY c.occurred_at DESC, c.id DESC LIMIT 1
        ) said ON true
        WHERE said.granted IS NOT TRUE""",
    "I3 more than the cap": f"""
        WITH mine AS (
            SELECT m.customer_id, m.channel, m.sent_at FROM campaigns_message m
            JOIN campaigns_campaign c ON c.id = m.campaign_id WHERE {_HANDED_OVER}
        )
        SELECT a.customer_id, a.sent_at, count(*) FROM mine a
        JOIN unnest(%(channels)s::text[], %(caps)s::int[], %(windows)s::interval[]) AS r (channel, cap, span)
          ON r.channel = a.channel
        JOIN mine b ON b.customer_id = a.customer_id AND b.channel = a.channel
          AND b.sent_at <= a.sent_at AND b.sent_at > a.sent_at - r.span
        GROUP BY 1, 2, r.cap HAVING count(*) > r.cap""",
    "I3 marketing at night": f"""
        SELECT m.id, m.sent_at FROM campaigns_message m JOIN campaigns_campaign c ON c.id = m.campaign_id
        JOIN customers_shop s ON s.id = c.shop_id JOIN customers_customer p ON p.id = m.customer_id
        JOIN unnest(%(quiet)s::text[], %(starts)s::time[], %(ends)s::time[]) AS r (channel, start, stop)
          ON r.channel = m.channel
        CROSS JOIN LATERAL (SELECT (m.sent_at AT TIME ZONE s.timezone)::time AS clock) t
        WHERE {_HANDED_OVER} AND p.country = '' AND CASE WHEN r.start > r.stop
            THEN t.clock >= r.start OR t.clock < r.stop ELSE t.clock >= r.start AND t.clock < r.stop END""",
    "I3 a customer of another store": """
        SELECT m.id FROM campaigns_message m JOIN campaigns_campaign c ON c.id = m.campaign_id
        JOIN customers_shop s ON s.id = c.shop_id JOIN customers_customerfacts f ON f.customer_id = m.customer_id
        WHERE m.sent_at IS NOT NULL AND f.book <> s.book""",
    "I3 a held-out customer who got something": """
        SELECT m.id FROM campaigns_message m WHERE m.arm = 'holdout' AND (m.sent_at IS NOT NULL OR m.attempts > 0)""",
    "I4 tries that were not counted": """
        SELECT m.id, m.attempts, count(a.id) FROM campaigns_message m
        LEFT JOIN campaigns_attempt a ON a.message_id = m.id GROUP BY m.id HAVING m.attempts <> count(a.id)""",
    "I4 a finished campaign whose touchpoints are not its messages": """
        SELECT c.id, x.sent, y.told FROM campaigns_campaign c
        CROSS JOIN LATERAL (
            SELECT count(*) AS sent FROM campaigns_message m
            WHERE m.campaign_id = c.id AND m.state IN ('accepted', 'delivered', 'undelivered')) x
        CROSS JOIN LATERAL (
            SELECT count(*) AS told FROM touchpoints_touchpoint t
            WHERE t.campaign_code = c.code AND t.kind = 'message_sent') y
        WHERE c.state = 'finished' AND x.sent <> y.told""",
    "I5 in doubt for longer than a doubt may last": """
        SELECT id FROM campaigns_message WHERE state = 'unknown' AND sent_at < now() - %(doubt)s - interval '1 hour'""",
    "I5 in doubt about what was never handed over": """
        SELECT m.id FROM campaigns_message m WHERE m.state IN ('unknown', 'unresolved')
        AND (m.sent_at IS NULL OR NOT EXISTS (SELECT 1 FROM campaigns_attempt a WHERE a.message_id = m.id))""",
}


@dataclass(frozen=True)
class Broken:
    """One query that found something, and the first of it."""

    rule: str
    rows: Sequence[tuple[object, ...]]

    def __str__(self) -> str:
        return f"{self.rule}: {len(self.rows)}, such as {self.rows[:3]}"


def broken(provider: Provider, *, since: int = 0) -> list[Broken]:
    """What does not hold. `since`: the ledger's number before this test began (`provider.newest()`)."""
    with connection.cursor() as cursor:
        cursor.execute(LEDGER)
        known = [tuple(row[name] for name in _COLUMNS) for row in provider.rows(since)]
        execute_values(cursor.cursor, "INSERT INTO t_ledger VALUES %s", known, page_size=5000) if known else None
        found = []
        for rule, query in QUERIES.items():
            cursor.execute(query, _params())
            if rows := cursor.fetchall():
                found.append(Broken(rule, rows))
    return found + _shown_otherwise()


_COLUMNS = ("id", "channel", "reference", "key", "recipient")


def _params() -> dict[str, Any]:
    rules = [rules_of(channel) for channel in ("email", "sms")]
    capped = [rule for rule in rules if rule.cap is not None]
    quiet = [rule for rule in rules if rule.quiet_from is not None]
    return {
        "channels": [rule.channel for rule in capped],
        "caps": [rule.cap for rule in capped],
        "windows": [rule.window for rule in capped],
        "quiet": [rule.channel for rule in quiet],
        "starts": [rule.quiet_from for rule in quiet],
        "ends": [rule.quiet_until for rule in quiet],
        "doubt": policy.UNKNOWN_FOR,
    }


def _shown_otherwise() -> list[Broken]:
    """I4: what the monitor shows of a campaign against a recount of its rows."""
    cache.clear()
    found = []
    for campaign in Campaign.objects.filter(audience_size__isnull=False):
        states = list(campaign.messages.values_list("state", flat=True))
        shown = progress(campaign)
        counted = (len(states), sum(state in Message.OPEN for state in states), states.count("held_out"))
        if (shown.audience, shown.waiting, shown.held_out) != counted:
            found.append(
                Broken("I4 the monitor shows something else", [(campaign.pk, counted, shown.audience, shown.waiting)])
            )
    return found


def hold(provider: Provider, *, since: int = 0, doubts: int | None = None) -> None:
    """Assert all of them. `doubts`: the most that may be in doubt now."""
    found = broken(provider, since=since)
    assert not found, "\n".join(map(str, found))
    if doubts is not None:
        in_doubt = Message.objects.filter(state__in=["unknown", "unresolved"]).count()
        assert in_doubt <= doubts, f"{in_doubt} in doubt, at most {doubts} were in the air"
