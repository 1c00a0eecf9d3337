"""When a campaign stops by itself: too many complaints, or too many addresses that do not exist.

Judged over what it handed over within 24 hours, or since a person let it go on, whichever is shorter: whoever resumes
it has seen the reason, and only what came after that counts again. Numbers come from rows; how many were delivered is
counted no further than it takes to know the answer.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.delivery.sql import rows
from campaigns.models import Campaign, SendLimits
from campaigns.rules import limits
from campaigns.running.steering import pause_campaign
from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import WrongState

WITHIN = timedelta(hours=24)
#: Campaigns that started longer ago have nothing left to stop.
_STARTED = timedelta(days=31)
_NO_LIMIT = 1_000_000_000
What = Literal["complaints", "bounces"]


@dataclass(frozen=True, slots=True)
class Worry:
    """`n` of `of` messages of one campaign; `limit` is the share (0–1) that they have reached."""

    campaign_id: int
    what: What
    n: int
    of: int
    limit: Decimal

    @property
    def share(self) -> float:
        return self.n / self.of

    @property
    def words(self) -> str:
        numbers = {"n": self.n, "of": self.of, "share": f"{self.share:.2%}", "limit": f"{self.limit:.2%}"}
        if self.what == "complaints":
            words = _(
                "%(n)s complaints about %(of)s delivered messages in 24 hours: %(share)s; the limit is %(limit)s."
            )
        else:
            words = _("%(n)s of %(of)s addresses do not exist, in 24 hours: %(share)s; the limit is %(limit)s.")
        return words % numbers


def judge() -> int:
    """Pause every campaign that has passed a limit, with the reason in words. Returns how many."""
    running = list(Campaign.objects.filter(state=Campaign.State.RUNNING).values_list("pk", flat=True))
    if not running:
        return 0
    rule = limits()
    found = {w.campaign_id: w for w in _worries(running, rule, rule.complaints_stop, rule.bounces_stop)}
    return sum(_pause(worry) for worry in found.values())


def _pause(worry: Worry) -> bool:
    campaign = Campaign.objects.filter(pk=worry.campaign_id).first()
    if campaign is None:
        return False
    with suppress(WrongState):  # a person was first
        pause_campaign(campaign=campaign, by=None, reason=_("Stopped by itself: %(why)s") % {"why": worry.words})
        return True
    return False


def worries() -> list[Worry]:
    """Campaigns of the last month above the share of complaints at which one should look, or of bounces to stop at."""
    since = timezone.now() - _STARTED
    lately = list(Campaign.objects.filter(started_at__gte=since).values_list("pk", flat=True))
    rule = limits()
    return _worries(lately, rule, rule.complaints_warn, rule.bounces_stop) if lately else []


def _worries(ids: Sequence[int], rule: SendLimits, complaints: Decimal, bounces: Decimal) -> list[Worry]:
    since = _since(ids)
    starts = [since[pk] for pk in ids]
    found: list[Worry] = []
    questions: tuple[tuple[What, str, Decimal, list[str]], ...] = (
        ("complaints", _COMPLAINTS, complaints, ["accepted", "delivered"]),
        ("bounces", _BOUNCES, bounces, ["accepted", "delivered", "undelivered"]),
    )
    for what, question, limit, states in questions:
        for pk, n, nowhere in rows(question, [list(ids), starts]):
            if n < limit * rule.guard_from:  # however many were delivered, it is below the limit or too few
                continue
            most = int(n / limit) + 1 if limit else _NO_LIMIT
            of = _handed_over(pk, states, since[pk], most) + nowhere
            if rule.guard_from <= of < most:
                found.append(Worry(pk, what, n, of, limit))
    return found


def _since(ids: Sequence[int]) -> dict[int, datetime]:
    start = timezone.now() - WITHIN
    since = dict.fromkeys(ids, start)
    resumed = AuditEvent.objects.filter(
        target__in=[f"campaign:{pk}" for pk in ids], action="campaign.resume", at__gt=start
    )
    for target, at in resumed.values_list("target", "at"):
        pk = int(target.partition(":")[2])
        since[pk] = max(since[pk], at)
    return since


# Campaign, how many, and how many of these were never handed over and so are not among those counted below.
_COMPLAINTS = """
    WITH told AS MATERIALIZED (
        SELECT message_id FROM campaigns_response
        WHERE kind = 'complaint' AND occurred_at > now() - interval '24 hours'
    )
    SELECT c.id, count(*), 0 FROM told
    JOIN campaigns_message AS m ON m.id = told.message_id
    JOIN unnest(%s::bigint[], %s::timestamptz[]) AS c (id, since) ON c.id = m.campaign_id AND m.sent_at > c.since
    GROUP BY c.id
"""
_BOUNCES = """
    SELECT c.id, count(*), count(*) FILTER (WHERE m.state = 'failed')
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS c (id, since)
    JOIN campaigns_message AS m ON m.campaign_id = c.id AND m.state IN ('undelivered', 'failed')
        AND (m.state = 'undelivered' AND m.reason = 'rejected' AND m.sent_at > c.since
             OR m.state = 'failed' AND m.reason = 'no_such_address' AND m.updated_at > c.since)
    GROUP BY c.id
"""


def _handed_over(campaign_id: int, states: Sequence[str], since: datetime, most: int) -> int:
    """`most` where there are more."""
    ((count,),) = rows(
        "SELECT count(*) FROM (SELECT 1 FROM campaigns_message WHERE campaign_id = %s AND state = ANY(%s)"
        " AND sent_at > %s LIMIT %s) AS counted",
        [campaign_id, list(states), since, most],
    )
    return int(count)
