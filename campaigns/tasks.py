"""Celery's door to delivery. The rows are the queue: every one of these may be lost, doubled or late."""

from celery import shared_task
from celery.signals import worker_ready

from campaigns.delivery import beat, run
from campaigns.news import inbox

QUEUE = "delivery"


@shared_task
def tick() -> None:
    """Beat, every 10 s."""
    beat.tick_if_due()


@shared_task
def prepare(campaign_id: int) -> None:
    run.prepare(campaign_id=campaign_id)


@shared_task
def deliver(campaign_id: int) -> None:
    run.deliver(campaign_id=campaign_id)


@shared_task
def hear() -> None:
    """What providers told us. Woken by their hooks; the tick does the same."""
    inbox.hear()


@shared_task
def forget_news() -> None:
    """Hourly."""
    inbox.forget_old()


@worker_ready.connect
def watch_the_beat(sender: object = None, **_more: object) -> None:
    """Workers of the delivery queue tick by themselves when beat has stopped."""
    queues = getattr(getattr(getattr(sender, "app", None), "amqp", None), "queues", None)
    if queues is not None and QUEUE in queues.consume_from:
        beat.watch()
