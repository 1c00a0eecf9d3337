"""Celery's door to delivery. The rows are the queue: every one of these may be lost, doubled or late."""

from celery import shared_task

from campaigns.delivery import run
from crm_suite.jobs.ticks import claim_tick

TICK_SECONDS = 10


@shared_task
def tick() -> None:
    """Beat, every 10 s."""
    if claim_tick(task="campaigns.tick", seconds=TICK_SECONDS):
        run.tick()


@shared_task
def prepare(campaign_id: int) -> None:
    run.prepare(campaign_id=campaign_id)


@shared_task
def deliver(campaign_id: int) -> None:
    run.deliver(campaign_id=campaign_id)
