"""The worker's door to imports."""

from celery import shared_task

from crm_suite.jobs import services as jobs
from orders import programme, quality, services, uploads
from orders.importers import undo


@shared_task
def run_import(job_id: int) -> None:
    jobs.run(job_id=job_id, work=services.import_rows)


@shared_task
def run_undo(job_id: int) -> None:
    jobs.run(job_id=job_id, work=undo.carry_out)


@shared_task
def run_programme(job_id: int) -> None:
    jobs.run(job_id=job_id, work=programme.carry_out)


@shared_task
def nightly_programme() -> None:
    """Beat, every 10 minutes: queue points and tiers of books for which a new night has begun."""
    programme.submit_nightly()


@shared_task
def forget_old_uploads() -> None:
    """Beat, every hour: delete uploaded files that have been kept for long enough."""
    uploads.forget_old()


@shared_task
def run_quality(job_id: int) -> None:
    jobs.run(job_id=job_id, work=quality.count)


@shared_task
def nightly_quality() -> None:
    """Beat, every hour: queue the counting of each book once a day."""
    quality.submit_nightly()
