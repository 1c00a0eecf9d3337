"""What the children of the nursery do: one task, or for a while what a worker, beat or a person at the screen does."""

import os
import random
import resource
import signal
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import time_machine
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from campaigns import services
from campaigns.delivery import beat as beat_, compose, run
from campaigns.models import Campaign
from crm_suite.lib.errors import WrongState


def deliver(campaign: int, lanes: int = 1, seconds: float = 10) -> None:
    run.deliver(campaign_id=campaign, lanes=lanes, seconds=seconds)


def prepare(campaign: int) -> None:
    run.prepare(campaign_id=campaign)


def worker(seconds: float, lanes: int = 2, turn: float = 2) -> None:
    """A worker that always finds a wake-up. A task that fails with its database is only one task."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(DatabaseError, InterfaceError):
            for pk in Campaign.objects.filter(state="preparing").values_list("pk", flat=True):
                run.prepare(campaign_id=pk)
            for pk in Campaign.objects.filter(state="running").values_list("pk", flat=True):
                run.deliver(campaign_id=pk, lanes=lanes, seconds=turn)
        _pause_for_breath()


def beat(seconds: float, every: float = 0.5) -> None:
    """A clock that nobody shares its slots with."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(DatabaseError, InterfaceError):
            run.tick()
        _pause_for_breath(every)


def shared_beat(seconds: float) -> None:
    """One of several clocks: each tries every second of its own, slots of a second are theirs together."""
    beat_.TICK_SECONDS = 1
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        beat_.tick_if_due()
        time.sleep(0.2)


def stand_in() -> None:
    assert beat_.stand_in()


def deliver_at(campaign: int, hours: float) -> None:
    """A worker, and its sweep, on a machine whose wall clock is wrong by so many hours."""
    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        run.tick()
        run.deliver(campaign_id=campaign, lanes=1, seconds=10)


def deliver_with_poison(campaign: int, poison: str) -> None:
    """One copy is so large that writing it takes more memory than the process may have; the kernel ends it."""
    written = compose.written

    def greedy(**values: Any) -> Any:
        if str(values["token"]) == poison:
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            try:
                [bytearray(1 << 26) for _piece in range(1_000)]
            except MemoryError:
                os.kill(os.getpid(), signal.SIGKILL)
        return written(**values)

    compose.written = greedy
    run.deliver(campaign_id=campaign, lanes=1, seconds=30)


def due_worker(seconds: float) -> None:
    """A worker that was woken for what is due, maybe by several ticks."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for pk in Campaign.objects.filter(state__in=["scheduled", "preparing"]).values_list("pk", flat=True):
            run.prepare(campaign_id=pk)
        for pk in Campaign.objects.filter(state="running").values_list("pk", flat=True):
            run.deliver(campaign_id=pk, lanes=2, seconds=1)
        _pause_for_breath()


def web(seconds: float) -> None:
    """Somebody who pauses every few seconds, thinks better of it, and resumes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for change, before, thinks in (
            (services.resume_campaign, "paused", 3),
            (services.pause_campaign, "running", 0.3),
        ):
            with suppress(DatabaseError, InterfaceError, WrongState):
                for campaign in Campaign.objects.filter(state=before):
                    change(campaign=campaign, by=None)
            _pause_for_breath(random.uniform(0.1, thinks))


def launch_and_die(campaign: int) -> None:
    """Launched and committed; dead before anybody could be told."""
    with patch("celery.Celery.send_task", lambda *_args, **_more: os.kill(os.getpid(), signal.SIGKILL)):
        services.launch_campaign(campaign=Campaign.objects.get(pk=campaign), by=None)


def _pause_for_breath(seconds: float = 0.05) -> None:
    """A connection that the server has cut is opened anew, as between two requests."""
    time.sleep(seconds)
    connection.close_if_unusable_or_obsolete()
