from celery import shared_task

from crm_suite.jobs.services import run
from segmentation import schedule, services, tagging


@shared_task
def run_analysis(job_id: int) -> None:
    run(job_id=job_id, work=services.carry_out_refresh)


@shared_task
def nightly() -> None:
    """Beat, every 10 minutes: queue the analysis of books for which a new night has begun."""
    schedule.submit_nightly()


@shared_task
def keep_tags() -> None:
    """Beat, every hour: tags that a rule keeps follow their segments."""
    tagging.apply_rules()
