from collections.abc import Mapping

from celery import shared_task

from crm_suite.demo import services
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import Progress, run


@shared_task
def load(job_id: int) -> None:
    """Job kind `demo_load`."""
    run(job_id=job_id, work=_load)


@shared_task
def remove(job_id: int) -> None:
    """Job kind `demo_remove`."""
    run(job_id=job_id, work=_remove)


def _load(_job: Job, progress: Progress) -> Mapping[str, object]:
    return services.load_demo(progress=progress)


def _remove(_job: Job, progress: Progress) -> Mapping[str, object]:
    return services.remove_demo(progress=progress)
