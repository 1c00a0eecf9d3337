"""The invented marketing as rows: segments, templates, the plan, past campaigns with every copy and every answer."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
from django.db.models import QuerySet

from campaigns import policy
from campaigns.models import Attempt, Campaign, Link, Message, PlanEntry, Response, Template
from campaigns.texts.content import version_of
from campaigns.texts.rendering import links_in
from crm_suite.demo.clock import Clock
from crm_suite.demo.copying import NULL, copy_columns, reserve_ids
from crm_suite.demo.people import Ints
from crm_suite.demo.sends import Send
from crm_suite.demo.stories import AHEAD, CAMPAIGNS, NOT_SENT, SEGMENTS, TEMPLATES, CampaignStory
from crm_suite.demo.world import World
from crm_suite.lib.digests import address_digest
from crm_suite.lib.masking import mask_email, mask_phone
from customers.models import Channel, Shop
from segmentation.models import Segment
from touchpoints.models import Touchpoint

PROVIDER = "demo"
MORNING, AFTERNOON = time(10), time(15)
# Whenever the demo is looked at, today's e-mail should still be to come.
TONIGHT = time(23)
#: Campaigns change shops, so that every shop has some.
SHOP_OF = {story.title: number % 3 for number, story in enumerate(CAMPAIGNS)}


@dataclass(frozen=True)
class Toolbox:
    """What plan entries and campaigns refer to, by the keys of the stories."""

    shops: list[Shop]
    segments: dict[str, Segment]
    templates: dict[str, Template]


def write_toolbox(shops: list[Shop]) -> Toolbox:
    """Segments and templates. A name that is taken gets “(demo)” behind it."""
    segments, templates = {}, {}
    for segment in SEGMENTS:
        segments[segment.key] = Segment.objects.create(
            name=_free(Segment.objects.filter(archived_at__isnull=True), segment.name),
            description=segment.description, rule=segment.rule, book=shops[0].book, is_demo=True,
        )  # fmt: skip
    for story in TEMPLATES:
        templates[story.key] = Template.objects.create(
            name=_free(Template.objects.all(), story.name), channel=story.channel, subject=story.subject,
            body=story.body, is_demo=True,
        )  # fmt: skip
    return Toolbox(shops, segments, templates)


def _free(rows: "QuerySet[Segment] | QuerySet[Template]", name: str) -> str:
    return f"{name} (demo)" if rows.filter(name=name).exists() else name


def write_plan(world: World, tools: Toolbox) -> None:
    """Entries that nothing was sent for, and what is planned for the coming four weeks."""
    today = world.clock.today
    for number, (days, title, channel, segment, template, skipped) in enumerate(NOT_SENT + AHEAD):
        PlanEntry.objects.create(
            day=today + timedelta(days=days), time=_hour(number, days), title=title,
            shop=tools.shops[number % 3], channel=channel, segment=tools.segments[segment],
            template=tools.templates[template], expected_response=Decimal(4 + number % 3), skip_reason=skipped,
            state=PlanEntry.State.SKIPPED if skipped else PlanEntry.State.PLANNED,
        )  # fmt: skip


def write_campaigns(world: World, tools: Toolbox, customer_ids: Ints) -> int:
    """Every past campaign with its messages, attempts, answers and touchpoints. Returns the number of messages."""
    return sum(_write_campaign(world, send, tools, customer_ids) for send in world.sends)


def _write_campaign(world: World, send: Send, tools: Toolbox, customer_ids: Ints) -> int:
    campaign = _campaign(world.clock, send, tools)
    links = [
        Link.objects.create(campaign=campaign, position=position, url=url)
        for position, url in enumerate(links_in(campaign.body), 1)
    ]
    messages = _write_messages(world, send, campaign, customer_ids[send.customer])
    _write_attempts(world, send, messages)
    _write_answers(world, send, messages, links[0] if links else None)
    _write_touchpoints(world, send, campaign, messages, customer_ids[send.customer])
    return len(messages)


def _campaign(clock: Clock, send: Send, tools: Toolbox) -> Campaign:
    story, start = send.story, clock.moment(send.start)
    segment, template = tools.segments[story.segment], tools.templates[story.template]
    campaign = Campaign.objects.create(
        code=f"demo-{start:%Y%m%d}", name=story.title, plan_entry=_entry(start, story, tools, len(send.customer)),
        unplanned_reason="" if story.planned_before is not None else "Stock had to be cleared at short notice",
        shop=tools.shops[SHOP_OF[story.title]], channel=story.channel, segment=segment, segment_name=segment.name,
        segment_rule=segment.rule, template=template, template_version=version_of(template),
        subject=template.subject, body=template.body, topic=template.topic,
        holdout_percent=story.holdout, window_days=story.window, state=Campaign.State.FINISHED,
        scheduled_at=start, started_at=start, finished_at=start + timedelta(minutes=21),
        send_until=start + timedelta(hours=24), audience_size=len(send.customer),
        unit_price=policy.UNIT_PRICES[story.channel, "CNY"], is_demo=True,
    )  # fmt: skip
    Campaign.objects.filter(pk=campaign.pk).update(created_at=start - timedelta(days=3), updated_at=start)
    return campaign


def _hour(number: int, days: int) -> time:
    if days == 0:
        return TONIGHT
    return MORNING if number % 2 else AFTERNOON


def _entry(start: datetime, story: CampaignStory, tools: Toolbox, size: int) -> PlanEntry | None:
    if story.planned_before is None:
        return None
    day: date = start.date() - timedelta(days=story.planned_before)
    return PlanEntry.objects.create(
        day=day, time=MORNING, title=story.title, shop=tools.shops[SHOP_OF[story.title]], channel=story.channel,
        segment=tools.segments[story.segment], template=tools.templates[story.template],
        expected_size=round(size, -2), expected_response=Decimal(5), state=PlanEntry.State.PLANNED,
    )  # fmt: skip


def _write_messages(world: World, send: Send, campaign: Campaign, customers: Ints) -> list[int]:
    ids, email = reserve_ids(Message, len(customers)), campaign.channel == Channel.EMAIL
    book = world.people.emails if email else world.people.phones
    addresses = [book[one] for one in send.customer.tolist()]
    mask, moments = mask_email if email else mask_phone, world.clock.texts(send.sent)
    start = campaign.started_at
    handed_over = (send.sent > 0).tolist()
    copy_columns(
        Message,
        {
            "id": ids, "campaign_id": [campaign.pk] * len(ids), "customer_id": customers.tolist(),
            "arm": np.where(send.held_out, "holdout", "treated").tolist(),
            "channel": [campaign.channel] * len(ids), "state": send.state, "reason": send.reason,
            "stage_when_chosen": send.stage, "group_when_chosen": send.group,
            "address_digest": [address_digest(one) if one else "" for one in addresses],
            "masked_address": [mask(one) if one else "" for one in addresses],
            "due_at": [start] * len(ids),
            "claims": [int(one) for one in handed_over], "attempts": [int(one) for one in handed_over],
            "provider": [PROVIDER if one else "" for one in handed_over],
            "provider_message_id": [f"demo-{pk}" if one else "" for pk, one in zip(ids, handed_over, strict=True)],
            "sent_at": [text if one else NULL for text, one in zip(moments, handed_over, strict=True)],
            "updated_at": [text if one else start for text, one in zip(moments, handed_over, strict=True)],
        },
    )  # fmt: skip
    return ids


def _write_attempts(world: World, send: Send, messages: list[int]) -> None:
    rows = np.flatnonzero(send.sent).tolist()
    when = world.clock.texts(send.sent[rows])
    copy_columns(
        Attempt,
        {
            "message_id": [messages[row] for row in rows], "attempt_no": [1] * len(rows), "gate_at": when,
            "outcome": ["accepted"] * len(rows), "finished_at": when,
        },
    )  # fmt: skip


def _write_answers(world: World, send: Send, messages: list[int], link: Link | None) -> None:
    answers = [answer for answer in send.answers if answer.moment < world.clock.now]
    clicked = Response.Kind.CLICK
    copy_columns(
        Response,
        {
            "message_id": [messages[answer.row] for answer in answers],
            "kind": [answer.kind for answer in answers],
            "occurred_at": world.clock.texts(np.array([answer.moment for answer in answers], dtype=np.int64)),
            "link_id": [link.pk if link and answer.kind == clicked else NULL for answer in answers],
            "suspected_bot": [answer.bot for answer in answers],
        },
    )


def _write_touchpoints(world: World, send: Send, campaign: Campaign, messages: list[int], customers: Ints) -> None:
    """Each copy that was sent, each click of a person, each opt-out, on the customer's timeline."""
    out, into = Touchpoint.Direction.OUTWARD, Touchpoint.Direction.INWARD
    rows = [(row, "message_sent", out, int(send.sent[row])) for row in np.flatnonzero(send.sent).tolist()]
    rows += [
        (answer.row, "link_clicked" if answer.kind == "click" else "unsubscribed", into, answer.moment)
        for answer in send.answers
        if not answer.bot and answer.moment < world.clock.now
    ]
    if not rows:
        return
    place, kind, direction, moment = zip(*rows, strict=True)
    copy_columns(
        Touchpoint,
        {
            "customer_id": customers[list(place)].tolist(),
            "stage": [Touchpoint.Stage.MARKETING] * len(rows),
            "kind": kind, "direction": direction, "channel": [campaign.channel] * len(rows),
            "occurred_at": world.clock.texts(np.array(moment)), "shop_id": [campaign.shop_id] * len(rows),
            "campaign_code": [campaign.code] * len(rows), "summary": [campaign.name] * len(rows),
            "dedupe_key": [f"message:{messages[one]}:{word}" for one, word in zip(place, kind, strict=True)],
        },
    )  # fmt: skip
