from celery import shared_task

from crm_suite.jobs.services import run
from customers import exports


@shared_task
def export_customers(job_id: int) -> None:
    run(job_id=job_id, work=exports.write_export)
