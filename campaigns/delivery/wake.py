"""Telling a worker that there is work. A wake-up may be lost, doubled or late: the rows say what there is to do."""

import logging

from celery import current_app

logger = logging.getLogger(__name__)


def wake(task: str, campaign_id: int) -> bool:
    """`task` is "prepare" or "deliver". False where the broker is away; the next tick finds the rows."""
    try:
        # Nobody waits for a wake-up that is older than the next tick but one.
        current_app.send_task(f"campaigns.tasks.{task}", args=[campaign_id], retry=False, expires=30)
        return True
    except Exception:
        logger.warning("no broker to wake campaign %s", campaign_id)
        return False
