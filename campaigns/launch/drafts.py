"""Verbs of drafts: make one, change it, copy it, take it off the schedule again. Nothing here reaches a customer."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns.delivery import locks
from campaigns.models import Campaign, Link, PlanEntry, Template
from campaigns.rules import price_of
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Community, Shop
from segmentation.models import Segment

S = Campaign.State


class SendSettings(TypedDict, total=False):
    """How it is sent. What is not given keeps its value, or the model's default in a new draft."""

    topic: str
    lane: str
    when_capped: str
    when_quiet: str
    send_hours: int
    budget: Decimal | None
    daily_ceiling: int | None
    scheduled_at: datetime | None
    communities: Sequence[Community]


class DraftSettings(SendSettings, total=False):
    """Everything about a draft that a person may decide."""

    name: str
    shop: Shop
    segment: Segment | None
    channel: str
    template: Template | None
    holdout_percent: int
    window_days: int
    unplanned_reason: str


#: What a copy takes over.
COPIED = (
    "shop", "channel", "segment", "template", "topic", "lane", "when_capped", "when_quiet", "send_hours", "budget",
    "daily_ceiling", "holdout_percent", "window_days",
)  # fmt: skip


@transaction.atomic
def create_campaign(
    *,
    name: str,
    shop: Shop,
    channel: str,
    segment: Segment | None,
    template: Template | None,
    holdout_percent: int = 10,
    window_days: int = 7,
    plan_entry: PlanEntry | None = None,
    unplanned_reason: str = "",
    rest_of: Campaign | None = None,
    by: User | None,
    **more: Unpack[SendSettings],
) -> Campaign:
    """A draft. Without a plan entry it needs a reason. Raises BadInput, and WrongState for an entry that has one."""
    communities = more.pop("communities", None)
    campaign = Campaign(
        code=_new_code(name),
        name=name,
        shop=shop,
        channel=channel,
        segment=segment,
        template=template,
        holdout_percent=holdout_percent,
        window_days=window_days,
        plan_entry=plan_entry,
        unplanned_reason=unplanned_reason.strip(),
        rest_of=rest_of,
        is_demo=shop.is_demo,
        created_by=by,
        **more,
    )
    _check(campaign)
    if plan_entry is not None:
        _refuse_taken(plan_entry)
    campaign.unit_price = price_of(channel=channel, currency=shop.currency) or Decimal(0)
    campaign.save()
    if communities is not None:
        campaign.communities.set(communities)
    audit(action="campaign.create", actor=by, target=f"campaign:{campaign.pk}", changes={"name": name})
    return campaign


@transaction.atomic
def change_draft(*, campaign: Campaign, by: User | None, **given: Unpack[DraftSettings]) -> Campaign:
    """Store other decisions in a draft. A text for another channel than the one chosen now is taken out.

    Raises WrongState for what is no draft any more, and BadInput.
    """
    campaign = locked_draft(campaign.pk)
    _refuse_widening(campaign, given)
    communities = given.pop("communities", None)
    before = {name: getattr(campaign, name) for name in given}
    for name, value in given.items():
        setattr(campaign, name, value.strip() if isinstance(value, str) else value)
    _drop_unfit(campaign, given)
    _check(campaign)
    campaign.unit_price = price_of(channel=campaign.channel, currency=campaign.shop.currency) or Decimal(0)
    campaign.save()
    if communities is not None:
        campaign.communities.set(communities)
    changes = {name: [_told(old), _told(getattr(campaign, name))] for name, old in before.items()}
    changed = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if changed:
        audit(action="campaign.change", actor=by, target=f"campaign:{campaign.pk}", changes=changed)
    return campaign


def _drop_unfit(campaign: Campaign, given: DraftSettings) -> None:
    """What was chosen before and does not go with what is chosen now is taken out; what was given now is judged."""
    template, segment = campaign.template, campaign.segment
    if template is not None and template.channel != campaign.channel and "template" not in given:
        campaign.template = None
    if segment is not None and segment.book not in ("", campaign.shop.book) and "segment" not in given:
        campaign.segment = None


def _refuse_widening(campaign: Campaign, given: DraftSettings) -> None:
    """Whom a rest is for was decided when it was made: others have got it already, or may have."""
    if campaign.rest_of_id is None:
        return
    fixed = {"shop": campaign.shop, "segment": campaign.segment, "holdout_percent": campaign.holdout_percent}
    if any(name in given and given[name] != value for name, value in fixed.items()):  # type: ignore[literal-required]
        raise BadInput(_("Audience and holdout are those of the campaign that this is the rest of."), code="rest_fixed")


def locked_draft(pk: int) -> Campaign:
    """The draft, for this transaction alone. Raises WrongState."""
    related = ("shop", "segment", "template", "plan_entry")
    campaign = Campaign.objects.select_for_update(of=("self",)).select_related(*related).get(pk=pk)
    if campaign.state != S.DRAFT:
        raise WrongState(_("This campaign has been launched already."), code="already_launched")
    return campaign


@transaction.atomic
def clone_campaign(*, campaign: Campaign, by: User | None) -> Campaign:
    """A new draft that is decided like `campaign`, outside the plan, without a time. Nobody is in it yet."""
    decided: dict[str, Any] = {name: getattr(campaign, name) for name in COPIED}
    if campaign.rest_of_id is not None:
        decided["segment"] = None  # those people have got it by now
    copy = create_campaign(
        name=_("%(name)s (copy)") % {"name": campaign.name[:100]},
        unplanned_reason=(_("Copy of “%(name)s”") % {"name": campaign.name})[:200],
        communities=list(campaign.communities.all()),
        by=by,
        **decided,
    )
    audit(action="campaign.clone", actor=by, target=f"campaign:{copy.pk}", changes={"from": campaign.pk})
    return copy


@transaction.atomic
def unschedule_campaign(*, campaign: Campaign, by: User | None, reason: str = "") -> Campaign:
    """Make a draft again of what waits for its time or for approval, so that it can be changed.

    It keeps the wished time. An approval is void: what is changed has to be approved anew. Raises WrongState once the
    audience is being chosen.
    """
    locks.own_campaign(campaign.pk)
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    is_waiting = campaign.state in (S.SCHEDULED, S.APPROVAL)
    is_halted = campaign.state == S.PAUSED and campaign.prepared_to == 0 and campaign.audience_size is None
    if not (is_waiting or is_halted) or campaign.messages.exists():
        words = {"state": campaign.get_state_display()}
        raise WrongState(_("The campaign is “%(state)s”; this is not possible now.") % words, code="wrong_state")
    thaw(campaign)
    campaign.approval_reason = reason[:300]
    campaign.save()
    audit(action="campaign.unschedule", actor=by, target=f"campaign:{campaign.pk}", changes={"reason": reason})
    return campaign


def thaw(campaign: Campaign) -> None:
    """Undo the freezing of a campaign that has no messages yet; the caller saves it."""
    Link.objects.filter(campaign=campaign).delete()
    campaign.state = S.DRAFT
    campaign.format = Template.Format.TEXT
    campaign.subject = campaign.body = campaign.segment_name = campaign.pause_reason = campaign.trouble = ""
    campaign.segment_rule, campaign.template_version, campaign.send_until = {}, None, None
    campaign.launched_by = campaign.approval_asked_by = campaign.approved_by = campaign.approved_at = None


@transaction.atomic
def campaign_from_entry(*, entry: PlanEntry, by: User | None) -> Campaign:
    """The campaign that carries out a plan entry: the one it has, unless that was cancelled, else a new draft.

    Raises BadInput, and WrongState for an entry that was skipped.
    """
    entry = PlanEntry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    known = Campaign.objects.filter(plan_entry=entry).first()
    if known is not None and known.state != S.CANCELLED:
        return known
    if known is not None:
        Campaign.objects.filter(pk=known.pk).update(plan_entry=None, unplanned_reason=_("Cancelled and made anew."))
    if entry.state == PlanEntry.State.SKIPPED:
        raise WrongState(_("This entry was skipped."), code="entry_skipped")
    return create_campaign(
        name=entry.title,
        shop=entry.shop,
        channel=entry.channel,
        segment=entry.segment,
        template=entry.template,
        plan_entry=entry,
        by=by,
    )


def _check(campaign: Campaign) -> None:
    """The rules that every draft keeps. Raises BadInput."""
    template, segment, entry = campaign.template, campaign.segment, campaign.plan_entry
    if template is not None and template.channel != campaign.channel:
        raise BadInput(_("The template is for another channel."), code="wrong_channel")
    if segment is not None and segment.book not in ("", campaign.shop.book):
        raise BadInput(_("The segment is of other shops than the campaign."), code="wrong_book")
    if entry is not None and entry.shop_id != campaign.shop_id:
        raise BadInput(_("The plan entry is of another shop."), code="wrong_shop")
    if entry is None and not campaign.unplanned_reason:
        raise BadInput(_("Say why this campaign is not in the plan."), code="unplanned_reason")
    if not 0 <= campaign.holdout_percent <= 50:
        raise BadInput(_("The holdout is 0 to 50 percent."), code="holdout")
    if not 1 <= campaign.window_days <= 90:
        raise BadInput(_("The attribution window is 1 to 90 days."), code="window")
    _check_bounds(campaign)


def _check_bounds(campaign: Campaign) -> None:
    """What the fields themselves allow: lanes, hours, budget, ceiling."""
    decided = {"lane", "when_capped", "when_quiet", "send_hours", "budget", "daily_ceiling"}
    try:
        campaign.clean_fields(exclude={field.name for field in campaign._meta.get_fields()} - decided)
    except ValidationError as error:
        name, words = next(iter(error.message_dict.items()))
        label = campaign._meta.get_field(name).verbose_name  # type: ignore[union-attr]
        raise BadInput(f"{label}: {' '.join(words)}", code=name) from error


def _refuse_taken(entry: PlanEntry) -> None:
    """Of two who carry out an entry at once, the second waits here and is told."""
    PlanEntry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    if Campaign.objects.filter(plan_entry=entry).exists():
        raise WrongState(_("This plan entry has a campaign already."), code="entry_taken")


def _new_code(name: str) -> str:
    """A short name for links between rooms: unguessable tail, readable head."""
    return f"{slugify(name)[:24] or 'campaign'}-{secrets.token_hex(4)}"


def _told(value: object) -> object:
    """A value as the audit keeps it."""
    return value if value is None or isinstance(value, int) else str(value)
