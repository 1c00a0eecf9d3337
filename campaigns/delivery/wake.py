"""Telling a worker that there is work. A wake-up may be lost, doubled or late: the rows say what there is to do."""

import logging

from celery import current_app

logger = logging.getLogger(__name__)


def wake(task: str, campaign_id: int) -> None:
    """`task` is "prepare" or "deliver"."""
    try:
        # Nobody waits for a wake-up that is older than the next tick but one.
        current_app.send_task(f"campaigns.tasks.{task}", args=[campaign_id], retry=False, expires=30)
    except Exception:  # the broker is away; the next tick finds the rows
        logger.warning("no broker to wake campaign %s", campaign_id)
