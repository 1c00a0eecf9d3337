from celery import shared_task

from crm_suite.jobs.services import run
from crm_suite.jobs.ticks import claim_tick
from customers import duplicates, exports


@shared_task
def export_customers(job_id: int) -> None:
    run(job_id=job_id, work=exports.write_export)


@shared_task
def find_duplicates() -> None:
    """Beat, every 10 minutes: look for customers who may be one, where a customer or a key has changed."""
    if claim_tick(task="duplicates", seconds=600):
        duplicates.look_again()
