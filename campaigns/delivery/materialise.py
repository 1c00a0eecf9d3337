"""Freezing the audience: before the first send there is one row for every member, treated, held out or skipped.

By ranges of customer numbers, two at a time by two connections, each in one transaction. The resume point says behind
which number somebody may be missing; who has a row already is passed over, so nobody is written twice.
"""

from concurrent.futures import ThreadPoolExecutor

from django.db import OperationalError, connection, transaction
from django.db.models import Case, CharField, QuerySet, Value, When
from django.utils import timezone

from campaigns import policy
from campaigns.delivery import faults, locks
from campaigns.delivery.sql import changed, written_out
from campaigns.media import MASKED, route_of
from campaigns.models import Campaign
from campaigns.rules import rules_of
from crm_suite.lib.locks import held_if_free, is_deadlock
from customers.models import CustomerFacts
from segmentation.models import Segment
from segmentation.selectors import members, roomy, segment_members


def audience(campaign: Campaign) -> QuerySet[CustomerFacts]:
    """Members of the segment in the campaign's book: by the rule as it was frozen, or those a snapshot holds."""
    book = campaign.shop.book
    if campaign.segment is not None and campaign.segment.kind == Segment.Kind.SNAPSHOT:
        return segment_members(campaign.segment).filter(book=book)
    return members(rule=campaign.segment_rule, book=book)


def materialise(*, campaign_id: int) -> bool:
    """Go on from the resume point to the end of the audience, then start the sending. True once it is running.

    Returns quietly where another worker is at it, or where somebody paused or cancelled meanwhile.
    """
    with held_if_free(locks.PREPARE_SPACE, campaign_id) as mine:
        if not mine:
            return False
        while True:
            campaign = Campaign.objects.select_related("shop", "segment").get(pk=campaign_id)
            if campaign.state != Campaign.State.PREPARING:
                return False
            first = _end_of_chunk(campaign, campaign.prepared_to)
            if first is None:
                return _start(campaign)
            _write(campaign, first, _end_of_chunk(campaign, first))
            faults.point("materialise.after_chunk")


def _end_of_chunk(campaign: Campaign, after: int) -> int | None:
    """Last customer number of the chunk behind `after`; None where nobody is left."""
    rest = audience(campaign).filter(customer_id__gt=after).order_by("customer_id")
    numbers = rest.values_list("customer_id", flat=True)
    full = list(numbers[policy.CHUNK - 1 : policy.CHUNK])
    return full[0] if full else numbers.last()


def _write(campaign: Campaign, first: int, second: int | None) -> None:
    """One chunk, and another beside it. Where people of both share addresses crosswise, one has to give way: its turn
    comes again."""
    try:
        _write_two(campaign, first, second)
    except OperationalError as error:
        if not is_deadlock(error):
            raise


def _write_two(campaign: Campaign, first: int, second: int | None) -> None:
    with ThreadPoolExecutor(1) as beside:
        # What is written in an open transaction no other connection sees.
        is_seen = not connection.in_atomic_block
        other = beside.submit(_write_beside, campaign, first, second) if second and is_seen else None
        if not _write_chunk(campaign, campaign.prepared_to, first):
            return
        faults.point("materialise.before_resume")
        _resume_behind(campaign, first)
        if other is not None and other.result():
            _resume_behind(campaign, second)


def _resume_behind(campaign: Campaign, upto: int | None) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(prepared_to=upto)


def _write_beside(campaign: Campaign, after: int, upto: int) -> bool:
    try:
        return _write_chunk(campaign, after, upto)
    finally:
        connection.close()


@transaction.atomic
def _write_chunk(campaign: Campaign, after: int, upto: int) -> bool:
    """False where the campaign is not to be prepared any more."""
    locks.share_campaign(campaign.pk)
    if not Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.PREPARING).exists():
        return False
    sql, params = _people(campaign, after, upto).query.sql_with_params()
    statement = _INSERT.format(people=written_out(sql, params), masked=MASKED[campaign.channel], row=_ROW)
    with roomy():
        changed(statement, _values(campaign, after, upto))
    return True


def _people(campaign: Campaign, after: int, upto: int) -> QuerySet[CustomerFacts, tuple[object, ...]]:
    """The chunk's members with their address, and why they must not be written to.

    Whom the facts call reachable is taken at their word: the gate asks again. Whom they do not is asked for the reason.
    """
    route = route_of(campaign)
    refusal = route.refusal("customer__")
    if route.fact:
        refusal = Case(When(**{route.fact: True}, then=Value(None)), default=refusal, output_field=CharField(null=True))
    people = audience(campaign).filter(customer_id__gt=after, customer_id__lte=upto).order_by()
    return people.annotate(
        address=route.address("customer__"), digest=route.digest("customer__"), refusal=refusal
    ).values_list("customer_id", "stage", "group", "address", "digest", "refusal")


def _values(campaign: Campaign, after: int, upto: int) -> dict[str, object]:
    """`cap` is None where nobody is skipped for it: the gate judges notices without, and holds back who may wait."""
    rules = rules_of(campaign.channel)
    is_free = campaign.lane == Campaign.Lane.TRANSACTIONAL or campaign.when_capped == Campaign.Wait.HOLD
    return {
        "campaign": campaign.pk, "channel": campaign.channel, "salt": str(campaign.salt),
        "holdout": campaign.holdout_percent * 100,
        "cap": None if is_free else rules.cap, "window": rules.window, "after": after, "upto": upto,
    }  # fmt: skip


@transaction.atomic
def _start(campaign: Campaign) -> bool:
    locks.share_campaign(campaign.pk)
    now = timezone.now()
    moved = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.PREPARING).update(
        state=Campaign.State.RUNNING, started_at=now, audience_size=campaign.messages.count(), updated_at=now
    )
    return bool(moved)


_ROW = """
    token, campaign_id, customer_id, arm, channel, state, reason, detail, stage_when_chosen, group_when_chosen,
    address_digest, masked_address, due_at, claims, attempts, generation, parts, provider, provider_message_id,
    updated_at
"""

# 1. who is it and may they be written to; 2. who has had enough; 3. the draw, over those who could get it, so that both
# arms are alike: md5 of salt and number, the same draw whenever it is repeated; 4. one copy per address: the unique
# index lets in who comes first, so nobody has to look for twins; 5. the others are skipped, with the reason.
_INSERT = """
    WITH people (customer_id, stage, grp, address, digest, refusal) AS MATERIALIZED ({people}),
    recent AS MATERIALIZED (
        SELECT m.customer_id, count(*) AS copies FROM campaigns_message AS m
        JOIN campaigns_campaign AS c ON c.id = m.campaign_id AND c.lane <> 'transactional'
        WHERE %(cap)s::int IS NOT NULL AND m.channel = %(channel)s AND m.sent_at > now() - %(window)s
          AND m.customer_id > %(after)s AND m.customer_id <= %(upto)s
        GROUP BY m.customer_id
    ), had AS MATERIALIZED (
        SELECT customer_id FROM campaigns_message
        WHERE campaign_id = %(campaign)s AND customer_id > %(after)s AND customer_id <= %(upto)s
    ), judged AS MATERIALIZED (
        SELECT p.*, coalesce(p.refusal, CASE WHEN r.copies >= %(cap)s::int THEN 'frequency_cap' END) AS no,
               ('x' || left(md5(%(salt)s || ':' || p.customer_id), 8))::bit(32)::bigint %% 10000
                   < %(holdout)s AS is_drawn
        FROM people AS p LEFT JOIN recent AS r USING (customer_id)
        WHERE NOT EXISTS (SELECT 1 FROM had WHERE had.customer_id = p.customer_id)
        ORDER BY p.customer_id
    ), let_in AS (
        INSERT INTO campaigns_message ({row})
        SELECT gen_random_uuid(), %(campaign)s, customer_id, CASE WHEN is_drawn THEN 'holdout' ELSE 'treated' END,
               %(channel)s, CASE WHEN is_drawn THEN 'held_out' ELSE 'queued' END, '', '', stage, grp,
               digest, {masked}, now(), 0, 0, 0, 1, '', '', now()
        FROM judged WHERE no IS NULL ORDER BY customer_id
        ON CONFLICT (campaign_id, address_digest) WHERE NOT (address_digest = '') AND NOT (state = 'skipped') DO NOTHING
        RETURNING customer_id
    )
    INSERT INTO campaigns_message ({row})
    SELECT gen_random_uuid(), %(campaign)s, customer_id, 'treated', %(channel)s, 'skipped',
           coalesce(no, 'duplicate_address'), '', stage, grp,
           CASE WHEN no IN ('no_address', 'erased') THEN '' ELSE digest END,
           CASE WHEN no IN ('no_address', 'erased') THEN '' ELSE {masked} END,
           now(), 0, 0, 0, 1, '', '', now()
    FROM judged WHERE NOT EXISTS (SELECT 1 FROM let_in WHERE let_in.customer_id = judged.customer_id)
    ORDER BY customer_id
"""
