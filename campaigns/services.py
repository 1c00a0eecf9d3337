"""Verbs of campaigns: make, launch, pause, resume, cancel, try out. Sending itself is campaigns/delivery."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns import tracking
from campaigns.channels import Receipt, is_configured, open_channel, stays_here
from campaigns.channels.base import ChannelDown, Outcome
from campaigns.delivery import locks
from campaigns.delivery.compose import address_copy, written
from campaigns.delivery.wake import wake
from campaigns.models import Campaign, Link, Message, PlanEntry, Template
from campaigns.rendering import SAMPLE_FIELDS, check_template, links_in, parse
from campaigns.rules import price_of
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.digests import address_digest
from crm_suite.lib.errors import BadInput, WrongState
from customers.addresses import mask_address, normal_address
from customers.models import Shop, Suppression
from segmentation.models import Segment

S = Campaign.State
#: States in which a campaign can still be stopped.
LIVE = (S.SCHEDULED, S.PREPARING, S.RUNNING)


@transaction.atomic
def save_template(*, template: Template, by: User | None) -> Template:
    """Add the template, or store its changes. What was launched keeps the text that it was launched with."""
    action = "template.add" if template.pk is None else "template.change"
    template.save()
    audit(action=action, actor=by, target=f"template:{template.pk}", changes={"name": template.name})
    return template


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
    by: User | None,
) -> Campaign:
    """A draft. Without a plan entry it needs a reason. Raises BadInput, and WrongState for an entry that has one."""
    if template is not None and template.channel != channel:
        raise BadInput(_("The template is for another channel."), code="wrong_channel")
    if segment is not None and segment.book not in ("", shop.book):
        raise BadInput(_("The segment is of other shops than the campaign."), code="wrong_book")
    if plan_entry is not None and plan_entry.shop_id != shop.pk:
        raise BadInput(_("The plan entry is of another shop."), code="wrong_shop")
    if plan_entry is None and not unplanned_reason.strip():
        raise BadInput(_("Say why this campaign is not in the plan."), code="unplanned_reason")
    if not 0 <= holdout_percent <= 50:
        raise BadInput(_("The holdout is 0 to 50 percent."), code="holdout")
    if not 1 <= window_days <= 90:
        raise BadInput(_("The attribution window is 1 to 90 days."), code="window")
    if plan_entry is not None:
        _refuse_taken(plan_entry)
    campaign = Campaign.objects.create(
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
        unit_price=price_of(channel=channel, currency=shop.currency) or 0,
        is_demo=shop.is_demo,
        created_by=by,
    )
    audit(action="campaign.create", actor=by, target=f"campaign:{campaign.pk}", changes={"name": name})
    return campaign


def _refuse_taken(entry: PlanEntry) -> None:
    """Of two who carry out an entry at once, the second waits here and is told."""
    PlanEntry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    if Campaign.objects.filter(plan_entry=entry).exists():
        raise WrongState(_("This plan entry has a campaign already."), code="entry_taken")


def _new_code(name: str) -> str:
    """A short name for links between rooms: unguessable tail, readable head."""
    return f"{slugify(name)[:24] or 'campaign'}-{secrets.token_hex(4)}"


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


@transaction.atomic
def launch_campaign(*, campaign: Campaign, by: User | None, at: datetime | None = None) -> Campaign:
    """Freeze text, links and rule, and schedule for `at` (aware; None = now). Of two at once one raises WrongState.

    Nothing is sent later than its `send_hours` after `at`. Raises BadInput where the campaign cannot be sent as it is.
    """
    campaign = Campaign.objects.select_for_update().select_related("shop").get(pk=campaign.pk)
    if campaign.state != S.DRAFT:
        raise WrongState(_("This campaign has been launched already."), code="already_launched")
    template, segment = _ready(campaign)
    now = timezone.now()
    start = max(at, now) if at else now
    campaign.subject, campaign.body = template.subject.strip(), template.body
    campaign.segment_name, campaign.segment_rule = segment.name, segment.rule
    campaign.scheduled_at, campaign.send_until = start, start + timedelta(hours=campaign.send_hours)
    campaign.state, campaign.launched_by = S.SCHEDULED, by
    campaign.save()
    Link.objects.bulk_create(
        Link(campaign=campaign, position=number, url=url) for number, url in enumerate(links_in(campaign.body), 1)
    )
    audit(action="campaign.launch", actor=by, target=f"campaign:{campaign.pk}", changes={"at": start.isoformat()})
    if start <= now:
        transaction.on_commit(lambda: wake("prepare", campaign.pk))
    return campaign


def _ready(campaign: Campaign) -> tuple[Template, Segment]:
    template, segment = campaign.template, campaign.segment
    if template is None or segment is None:
        raise BadInput(_("The campaign needs a segment and a template."), code="incomplete")
    if template.channel != campaign.channel:
        raise BadInput(_("The template is for another channel."), code="wrong_channel")
    if problems := check_template(template.body, channel=campaign.channel, subject=template.subject):
        raise BadInput(" ".join(problems), code="template")
    if not is_configured(campaign.channel):
        raise ChannelDown(_("No provider is set up for this channel."), code="not_configured")
    if campaign.shop.is_demo and not stays_here(campaign.channel):
        # Somebody real may have the address of an invented customer.
        raise BadInput(
            _("The demo shop's customers are invented: they are only written to in the simulator."), code="demo"
        )
    return template, segment


@transaction.atomic
def pause_campaign(*, campaign: Campaign, by: User | None, reason: str = "") -> Campaign:
    """Stop handing over. When this is committed no further message can enter `sending`; those in the air land."""
    locks.own_campaign(campaign.pk)
    _move(campaign, LIVE, S.PAUSED, pause_reason=reason[:200])
    audit(action="campaign.pause", actor=by, target=f"campaign:{campaign.pk}", changes={"reason": reason})
    return campaign


@transaction.atomic
def resume_campaign(*, campaign: Campaign, by: User | None) -> Campaign:
    """Go on where it stopped: waiting for its time, preparing, or sending. Nothing is begun anew."""
    locks.own_campaign(campaign.pk)
    campaign.refresh_from_db()
    _move(campaign, (S.PAUSED,), _interrupted(campaign), pause_reason="")
    audit(action="campaign.resume", actor=by, target=f"campaign:{campaign.pk}")
    task = "deliver" if campaign.state == S.RUNNING else "prepare"
    transaction.on_commit(lambda: wake(task, campaign.pk))
    return campaign


def _interrupted(campaign: Campaign) -> str:
    if campaign.audience_size is not None:
        return S.RUNNING
    begun = campaign.prepared_to > 0 or (campaign.scheduled_at is not None and campaign.scheduled_at <= timezone.now())
    return S.PREPARING if begun else S.SCHEDULED


@transaction.atomic
def cancel_campaign(*, campaign: Campaign, by: User | None) -> Campaign:
    """End it. What waits is cancelled; what was handed over stays as it is, and what is in doubt stays in doubt."""
    locks.own_campaign(campaign.pk)
    _move(campaign, (S.DRAFT, *LIVE, S.PAUSED), S.CANCELLED, finished_at=timezone.now(), pause_reason="", trouble="")
    waiting = Message.objects.filter(campaign=campaign, state__in=["queued", "claimed", "retry_wait"])
    now = timezone.now()
    waiting.filter(sent_at__isnull=True).update(state=Message.State.CANCELLED, lease_until=None, updated_at=now)
    waiting.update(state=Message.State.UNKNOWN, reason="cancelled", lease_until=None, updated_at=now)
    audit(action="campaign.cancel", actor=by, target=f"campaign:{campaign.pk}")
    return campaign


def _move(campaign: Campaign, before: tuple[Campaign.State, ...], state: str, **fields: object) -> None:
    """Compare and set; `campaign` is up to date afterwards. Raises WrongState."""
    chosen = Campaign.objects.filter(pk=campaign.pk, state__in=before)
    if not chosen.update(state=state, updated_at=timezone.now(), **fields):
        campaign.refresh_from_db()
        words = {"state": campaign.get_state_display()}
        raise WrongState(_("The campaign is “%(state)s”; this is not possible now.") % words, code="wrong_state")
    campaign.refresh_from_db()


def send_test(
    *,
    address: str,
    by: User | None,
    campaign: Campaign | None = None,
    template: Template | None = None,
    shop: Shop | None = None,
) -> Receipt:
    """One copy with invented fields to one address. Its links are inert, and it counts in no figure.

    Raises BadInput (template, address, suppressed) and ChannelDown (nothing set up, no answer, refused).
    """
    source = template or (campaign.template if campaign else None)
    if source is None:
        raise BadInput(_("There is no template to test."), code="incomplete")
    to = _test_address(source.channel, address)
    shop = shop or (campaign.shop if campaign else None) or Shop.objects.order_by("is_demo", "pk").first()
    if shop is None:
        raise BadInput(_("Add a shop first."), code="no_shop")
    content = parse(channel=source.channel, subject=f"[{_('Test')}] {source.subject}", body=source.body)
    copy = written(content=content, shop=shop, token=tracking.NOBODY, fields=SAMPLE_FIELDS | {"shop": shop.name})
    key = f"test.{secrets.token_hex(8)}"
    adapter = open_channel(source.channel)
    try:
        (receipt,) = adapter.send([address_copy(copy, shop=shop, to=to, token=tracking.NOBODY, key=key)])
    finally:
        adapter.close()
    masked = mask_address(channel=source.channel, address=to)
    audit(action="campaign.test", actor=by, target=masked, changes={"outcome": str(receipt.outcome)})
    if receipt.outcome is not Outcome.ACCEPTED:
        raise ChannelDown(_("The provider did not take it: %(words)s") % {"words": receipt.detail or receipt.reason})
    return receipt


def _test_address(channel: str, address: str) -> str:
    normal = normal_address(channel=channel, text=address)
    if normal is None:
        raise BadInput(_("This is not a usable address."), code="bad_address")
    if Suppression.objects.filter(channel=channel, address_digest=address_digest(normal)).exists():
        raise BadInput(_("This address must not be written to in this channel."), code="suppressed")
    return normal
