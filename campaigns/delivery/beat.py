"""The clock that delivery hangs on: when it ticked last, and workers who tick by themselves when it has stopped."""

import logging
from datetime import datetime, timedelta
from threading import Event, Thread

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import policy
from campaigns.delivery import run
from campaigns.models import Campaign
from crm_suite.jobs.models import BeatTick
from crm_suite.jobs.ticks import claim_tick

logger = logging.getLogger(__name__)

TASK, TICK_SECONDS = "campaigns.tick", 10
WATCH_SECONDS = 30.0


def last_tick() -> datetime | None:
    """When the last tick of delivery was; None where there was none yet."""
    return BeatTick.objects.filter(task=TASK).order_by("-slot").values_list("at", flat=True).first()


def silence() -> timedelta | None:
    """How long ago the last tick was; None where there was none yet."""
    last = last_tick()
    return None if last is None else timezone.now() - last


def alarm() -> str:
    """What the system page says about the clock, in words; "" while it ticks, or nothing waits."""
    quiet = silence()
    if quiet is None:
        waiting = Campaign.objects.filter(state__in=["scheduled", "preparing", "running"]).exists()
        return _("The clock of sending has never ticked: is beat running?") if waiting else ""
    if quiet <= policy.TICK_ALARM:
        return ""
    seconds = int(quiet.total_seconds())
    return _("The clock of sending stands still since %(seconds)s seconds: is beat running?") % {"seconds": seconds}


def tick_if_due() -> list[run.Wakened] | None:
    """One tick, unless somebody had this slot already: then None."""
    return run.tick() if claim_tick(task=TASK, seconds=TICK_SECONDS) else None


def stand_in() -> bool:
    """What a worker does when nobody ticked for policy.TICK_FALLBACK, or ever: it ticks, and where the broker is away
    as well it does the work itself. True where it ticked."""
    quiet = silence()
    if quiet is not None and quiet <= policy.TICK_FALLBACK:
        return False
    logger.warning("no tick for %s: this worker ticks by itself", quiet or "ever")
    untold = tick_if_due()
    for task, campaign_id in untold or []:
        if task == "prepare":
            run.prepare(campaign_id=campaign_id)
        else:
            run.deliver(campaign_id=campaign_id)
    return untold is not None


def watch() -> Event:
    """Look every half minute, in a thread of this worker, until the event that is returned is set."""
    stop = Event()
    Thread(target=_watch, args=[stop], name="stand-in beat", daemon=True).start()
    return stop


def _watch(stop: Event) -> None:
    while not stop.wait(WATCH_SECONDS):
        try:
            stand_in()
        except Exception:
            logger.exception("the stand-in beat stumbled")
        finally:
            connection.close()  # a child that is forked meanwhile must not share it
