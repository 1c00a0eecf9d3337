"""Freezing the audience: before the first send there is one row for every member, treated, held out or skipped.

By ranges of customer numbers, each in its own transaction with the resume point beside it; a second run over the same
range changes nothing.
"""

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from campaigns import policy
from campaigns.delivery import faults, locks
from campaigns.delivery.sql import changed
from campaigns.models import Campaign
from crm_suite.lib.locks import held_if_free
from customers.addresses import FIELDS
from customers.models import Channel, CustomerFacts
from customers.reach import address_digest_of, refusal_case
from segmentation.models import Segment
from segmentation.selectors import members, segment_members


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
            upto = _end_of_chunk(campaign)
            if upto is None:
                return _start(campaign)
            _write_chunk(campaign, upto)
            faults.point("materialise.after_chunk")


def _end_of_chunk(campaign: Campaign) -> int | None:
    """Last customer number of the next chunk; None where nobody is left."""
    rest = audience(campaign).filter(customer_id__gt=campaign.prepared_to).order_by("customer_id")
    numbers = rest.values_list("customer_id", flat=True)
    full = list(numbers[policy.CHUNK - 1 : policy.CHUNK])
    return full[0] if full else numbers.last()


@transaction.atomic
def _write_chunk(campaign: Campaign, upto: int) -> None:
    locks.share_campaign(campaign.pk)
    if not Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.PREPARING).exists():
        return
    channel, field = campaign.channel, FIELDS[campaign.channel]
    people = (
        audience(campaign)
        .filter(customer_id__gt=campaign.prepared_to, customer_id__lte=upto)
        .order_by()
        .annotate(
            address=F(f"customer__{field}"),
            digest=address_digest_of(channel, prefix="customer__"),
            refusal=refusal_case(channel, prefix="customer__"),
        )
    )
    columns = ("customer_id", "stage", "group", "address", "digest", "refusal")
    sql, params = people.values_list(*columns).query.sql_with_params()
    names = [f"p{number}" for number in range(len(params))]
    values: dict[str, object] = {
        "campaign": campaign.pk, "channel": channel, "salt": str(campaign.salt),
        "holdout": campaign.holdout_percent * 100,
        "cap": policy.CAPS[channel], "window": policy.CAP_WINDOW, "after": campaign.prepared_to, "upto": upto,
    }  # fmt: skip
    people_sql = sql % tuple(f"%({name})s" for name in names)
    statement = _INSERT.format(people=people_sql, masked=_MASKED[channel])
    changed(statement, values | dict(zip(names, params, strict=True)))
    Campaign.objects.filter(pk=campaign.pk).update(prepared_to=upto)


@transaction.atomic
def _start(campaign: Campaign) -> bool:
    locks.share_campaign(campaign.pk)
    now = timezone.now()
    moved = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.PREPARING).update(
        state=Campaign.State.RUNNING, started_at=now, audience_size=campaign.messages.count(), updated_at=now
    )
    return bool(moved)


# The same masks as customers.addresses.mask_address, over normal addresses.
_MASKED: dict[str, str] = {
    Channel.EMAIL: "left(address, 1) || '***@' || split_part(address, '@', 2)",
    Channel.SMS: "left(regexp_replace(address, '^[+]86', ''), 3) || '****' || right(address, 4)",
}

# 1. who is it and may they be written to; 2. who has had enough; 3. one copy per address; 4. the draw, over those who
# could have got it, so that both arms are alike. md5 of salt and number: the same draw whenever it is repeated.
_INSERT = """
    WITH people (customer_id, stage, grp, address, digest, refusal) AS MATERIALIZED ({people}),
    recent AS MATERIALIZED (
        SELECT customer_id, count(*) AS copies FROM campaigns_message
        WHERE channel = %(channel)s AND sent_at > now() - %(window)s
          AND customer_id > %(after)s AND customer_id <= %(upto)s
        GROUP BY customer_id
    ), judged AS (
        SELECT p.*, CASE
            WHEN p.refusal IS NOT NULL THEN p.refusal
            WHEN r.copies >= %(cap)s THEN 'frequency_cap'
        END AS no
        FROM people AS p LEFT JOIN recent AS r USING (customer_id)
    ), counted AS (
        SELECT j.*, row_number() OVER (PARTITION BY j.digest, j.no IS NULL ORDER BY j.customer_id) AS copy
        FROM judged AS j
    ), chosen AS (
        SELECT c.*, CASE
            WHEN c.no IS NOT NULL THEN c.no
            WHEN c.copy > 1 OR EXISTS (
                SELECT 1 FROM campaigns_message AS e
                WHERE e.campaign_id = %(campaign)s AND e.address_digest = c.digest
                  AND NOT (e.address_digest = '') AND NOT (e.state = 'skipped')
            ) THEN 'duplicate_address'
        END AS reason,
        ('x' || left(md5(%(salt)s || ':' || c.customer_id), 8))::bit(32)::bigint %% 10000 < %(holdout)s AS is_drawn
        FROM counted AS c
    )
    INSERT INTO campaigns_message (
        token, campaign_id, customer_id, arm, channel, state, reason, detail, stage_when_chosen, group_when_chosen,
        address_digest, masked_address, due_at, claims, attempts, generation, parts, provider, provider_message_id,
        updated_at
    )
    SELECT gen_random_uuid(), %(campaign)s, customer_id,
           CASE WHEN reason IS NULL AND is_drawn THEN 'holdout' ELSE 'treated' END, %(channel)s,
           CASE WHEN reason IS NOT NULL THEN 'skipped' WHEN is_drawn THEN 'held_out' ELSE 'queued' END,
           coalesce(reason, ''), '', stage, grp,
           CASE WHEN reason IN ('no_address', 'erased') THEN '' ELSE digest END,
           CASE WHEN reason IN ('no_address', 'erased') THEN '' ELSE {masked} END,
           now(), 0, 0, 0, 1, '', '', now()
    FROM chosen ORDER BY customer_id
    ON CONFLICT DO NOTHING
"""
