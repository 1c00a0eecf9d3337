"""Two beats, or a beat and a worker that ticks by itself, still do the work of one."""

from datetime import UTC, datetime

from django.utils import timezone

from crm_suite.jobs.models import BeatTick


def claim_tick(*, task: str, seconds: int) -> bool:
    """True for the first caller in this `seconds`-long slot of UTC; False for every other."""
    now = int(timezone.now().timestamp())
    slot = datetime.fromtimestamp(now - now % seconds, UTC)
    _tick, created = BeatTick.objects.get_or_create(task=task, slot=slot)
    return created
