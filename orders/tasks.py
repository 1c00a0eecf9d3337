"""The worker's door to imports."""

from celery import shared_task

from crm_suite.jobs import services as jobs
from orders import services


@shared_task
def run_import(job_id: int) -> None:
    jobs.run(job_id=job_id, work=services.import_rows)
