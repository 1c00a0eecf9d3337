"""What the tasks do: look at the clock, prepare, deliver. Each may be called at any time, twice, or by two workers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from time import monotonic

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import policy
from campaigns.channels import ChannelDown, open_channel
from campaigns.delivery import journal, materialise, sweep
from campaigns.delivery.call import Lane, settle_stubbornly
from campaigns.delivery.sql import changed
from campaigns.delivery.wake import wake
from campaigns.models import Campaign, Message
from campaigns.services import pause_campaign
from crm_suite.lib.errors import DomainError, WrongState

logger = logging.getLogger(__name__)

WAITING = (Message.State.QUEUED, Message.State.RETRY_WAIT)


def tick() -> None:
    """Every ten seconds: start what is due, wake workers where there is work, clear up, finish."""
    sweep.sweep()
    due = Campaign.objects.filter(state=Campaign.State.SCHEDULED, scheduled_at__lte=Now())
    preparing = Campaign.objects.filter(state=Campaign.State.PREPARING)
    for campaign_id in [*due.values_list("pk", flat=True), *preparing.values_list("pk", flat=True)]:
        wake("prepare", campaign_id)
    for campaign_id in Campaign.objects.filter(state=Campaign.State.RUNNING).values_list("pk", flat=True):
        sweep.expire(campaign_id=campaign_id)
        if has_work(campaign_id):
            wake("deliver", campaign_id)
    sweep.finish()


def has_work(campaign_id: int) -> bool:
    return Message.objects.filter(campaign_id=campaign_id, state__in=WAITING, due_at__lte=Now()).exists()


def prepare(*, campaign_id: int) -> None:
    """Begin a scheduled campaign whose time has come, freeze its audience, and send."""
    due = Campaign.objects.filter(pk=campaign_id, state=Campaign.State.SCHEDULED, scheduled_at__lte=Now())
    due.update(state=Campaign.State.PREPARING, updated_at=timezone.now())
    if not Campaign.objects.filter(pk=campaign_id, state=Campaign.State.PREPARING).exists():
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
    journal.replay(settle_stubbornly)
    running = Campaign.objects.select_related("shop", "segment").filter(pk=campaign_id, state=Campaign.State.RUNNING)
    campaign = running.first()
    if campaign is None:
        return 0
    sweep.expire(campaign_id=campaign_id)
    crew = _Crew(campaign, until=monotonic() + seconds)
    handed = crew.run(lanes) if has_work(campaign_id) else 0
    _note_trouble(campaign, crew)
    sweep.finish()
    if crew.trouble == "" and has_work(campaign_id):
        wake("deliver", campaign_id)
    return handed


class _Crew:
    """Lanes side by side, a thread each: with every one of them at most one call is in the air."""

    def __init__(self, campaign: Campaign, *, until: float) -> None:
        self.campaign, self.until = campaign, until
        self.handed = 0
        self.trouble = self.blocked = ""

    def run(self, lanes: int) -> int:
        if lanes == 1:
            self._lane()
            return self.handed
        threads = [Thread(target=self._threaded, daemon=True) for _lane in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.handed

    def _threaded(self) -> None:
        try:
            self._lane()
        except Exception:
            logger.exception("a lane of campaign %s broke", self.campaign.pk)
        finally:
            connection.close()

    def _lane(self) -> None:
        try:
            adapter = open_channel(self.campaign.channel)
        except ChannelDown as error:
            self.trouble = error.message
            self.blocked = error.message if error.code == "provider_auth" else ""
            return
        try:
            with journal.opened() as own, _quick_commits():
                lane = Lane(campaign=self.campaign, adapter=adapter, journal=own, until=self.until)
                self.handed += lane.run()
                self.blocked = lane.blocked or self.blocked
        finally:
            adapter.close()


@contextmanager
def _quick_commits() -> Iterator[None]:
    """Claims and results need not reach the disk before the next step; the gate asks for that by itself."""
    changed("SET synchronous_commit = off")
    try:
        yield
    finally:
        changed("SET synchronous_commit = on")


def _note_trouble(campaign: Campaign, crew: _Crew) -> None:
    """The monitor says why nothing moves. A provider that refuses us altogether stops the campaign."""
    if crew.blocked:
        with suppress(WrongState):  # another worker, or a person, was first
            pause_campaign(campaign=campaign, by=None, reason=f"provider_auth: {crew.blocked}"[:200])
    Campaign.objects.filter(pk=campaign.pk).exclude(trouble=crew.trouble).update(trouble=crew.trouble[:300])
