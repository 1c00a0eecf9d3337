"""What the tasks do: look at the clock, prepare, deliver. Each may be called at any time, twice, or by two workers."""

import logging
from contextlib import suppress
from time import monotonic

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import instance, policy, posts
from campaigns.channels.opening import in_use, working
from campaigns.delivery import doubt, journal, materialise, sweep
from campaigns.delivery.call import settle_late
from campaigns.delivery.crew import Crew
from campaigns.delivery.spending import Purse
from campaigns.delivery.wake import wake
from campaigns.models import Campaign, Medium, Message
from campaigns.news import guards, inbox
from campaigns.platform import files
from campaigns.running.steering import pause_campaign
from crm_suite.lib.errors import DomainError, WrongState

logger = logging.getLogger(__name__)

WAITING = (Message.State.QUEUED, Message.State.RETRY_WAIT)
Wakened = tuple[str, int]


def tick() -> list[Wakened]:
    """Every ten seconds: hear what came back, start what is due, wake workers where there is work, clear up, finish.

    Returns for whom no worker could be told, because the broker is away: ("prepare" or "deliver", campaign).
    """
    inbox.apply_events()
    guards.judge()
    sweep.sweep()
    doubt.ask_providers()
    doubt.give_up_old()
    files.close_overdue()
    work = _work() if instance.check() else []
    sweep.finish()
    return [(task, campaign_id) for task, campaign_id in work if not wake(task, campaign_id)]


def _work() -> list[Wakened]:
    due = Campaign.objects.filter(state=Campaign.State.SCHEDULED, scheduled_at__lte=Now())
    preparing = Campaign.objects.filter(state=Campaign.State.PREPARING)
    to_prepare = [*due.values_list("pk", flat=True), *preparing.values_list("pk", flat=True)]
    running = sorted(
        Campaign.objects.filter(state=Campaign.State.RUNNING).values_list("pk", "lane"),
        key=lambda row: policy.LANE_ORDER.index(row[1]),
    )
    for campaign_id, _lane in running:
        sweep.expire(campaign_id=campaign_id)
    to_deliver = [campaign_id for campaign_id, _lane in running if has_work(campaign_id)]
    return [("prepare", pk) for pk in to_prepare] + [("deliver", pk) for pk in to_deliver]


def has_work(campaign_id: int) -> bool:
    return Message.objects.filter(campaign_id=campaign_id, state__in=WAITING, due_at__lte=Now()).exists()


def prepare(*, campaign_id: int) -> None:
    """Begin a scheduled campaign whose time has come, freeze its audience, and send."""
    if not instance.check():  # a wake-up may have waited in the broker for a database that is another one now
        return
    due = Campaign.objects.filter(pk=campaign_id, state=Campaign.State.SCHEDULED, scheduled_at__lte=Now())
    due.update(state=Campaign.State.PREPARING, updated_at=timezone.now())
    if not Campaign.objects.filter(pk=campaign_id, state=Campaign.State.PREPARING).exists():
        return
    if Campaign.objects.filter(pk=campaign_id, channel=Medium.COMMUNITY).exists():
        posts.begin(campaign_id=campaign_id)
        return
    try:
        running = materialise.materialise(campaign_id=campaign_id)
    except DomainError as error:  # the segment's rule cannot be used: a person has to look at it
        pause_campaign(campaign=Campaign.objects.get(pk=campaign_id), by=None, reason=error.message)
        return
    if running:
        wake("deliver", campaign_id)


def deliver(*, campaign_id: int, lanes: int = policy.LANES, seconds: float = policy.DELIVER_SECONDS) -> int:
    """Send what is due for up to `seconds`. Returns how many messages were handed over by this call."""
    journal.replay(settle_late)
    running = Campaign.objects.select_related("shop", "segment").filter(pk=campaign_id, state=Campaign.State.RUNNING)
    campaign = running.exclude(channel=Medium.COMMUNITY).first()
    if campaign is None:
        return 0
    sweep.expire(campaign_id=campaign_id)
    handed, trouble = _send(campaign, lanes, seconds)
    Campaign.objects.filter(pk=campaign.pk).exclude(trouble=trouble).update(trouble=trouble[:300])
    sweep.finish()
    if handed and not trouble and has_work(campaign_id):
        wake("deliver", campaign_id)
    return handed


def _send(campaign: Campaign, lanes: int, seconds: float) -> tuple[int, str]:
    """How many messages went, and what keeps the rest from going, in words.

    Where a provider is taken out of use on the way, the next of the channel takes over what is not in doubt.
    """
    if not instance.check():
        return 0, instance.status().words
    handed, until = 0, monotonic() + seconds
    while True:
        provider = working(campaign.channel)
        if provider is None:
            return handed, _nobody(campaign.channel)
        if not has_work(campaign.pk):
            return handed, ""
        crew = Crew(campaign, provider, until=until)
        handed += crew.run(lanes)
        if crew.empty is not None:
            _pause(campaign, _used_up(campaign, crew.empty))
        if crew.refused:
            _pause(campaign, _("The provider refuses one copy after the other: %(words)s") % {"words": crew.refused})
        if not crew.blocked or monotonic() > until:
            return handed, crew.trouble


def _nobody(channel: str) -> str:
    """Why no provider of the channel works."""
    blocked = next((row for row in in_use(channel) if row.blocked_at is not None), None)
    if blocked is None:
        return _("No provider is set up for this channel.")
    words = {"name": blocked.name, "reason": blocked.blocked_reason}
    return _("%(name)s is blocked: %(reason)s") % words


def _used_up(campaign: Campaign, purse: Purse) -> str:
    words = {"limit": f"{purse.limit} {campaign.shop.currency}"}
    if purse.since:
        return _("The budget of the month is used up: %(limit)s.") % words
    return _("The budget is used up: %(limit)s.") % words


def _pause(campaign: Campaign, reason: str) -> None:
    with suppress(WrongState):  # another worker, or a person, was first
        pause_campaign(campaign=campaign, by=None, reason=reason[:200])
