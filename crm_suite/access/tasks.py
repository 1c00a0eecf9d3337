from celery import shared_task

from crm_suite.access import retries


@shared_task
def forget_answers() -> None:
    """Beat, every hour: forget answers that were remembered for a day."""
    retries.forget_answers()
