"""Verbs of long work. The row is the truth and the queue; the Celery message only wakes a worker.

A room names its kinds once (`register_kind`) and writes its task as

    @shared_task
    def run_import(job_id: int) -> None:
        run(job_id=job_id, work=services.import_rows)

where `work(job, progress)` returns the result dictionary. A worker that is killed loses its advisory lock; the sweep
wakes the job again and `work` goes on from wherever it has noted that it stands.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from crm_suite.access.models import User
from crm_suite.jobs.models import OPEN_STATES, Job
from crm_suite.lib.errors import DomainError
from crm_suite.lib.locks import held_if_free

logger = logging.getLogger(__name__)

LOCK_SPACE = 1001
MAX_ATTEMPTS = 5
_tasks: dict[str, str] = {}


class Cancelled(Exception):
    """The person asked to stop; what is committed stays."""


class Progress:
    """Writes how far the work has come, at most twice a second, and stops it when the person asked for that."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._written = 0.0

    def __call__(
        self,
        *,
        done: int | None = None,
        total: int | None = None,
        failed: int | None = None,
        message: str | None = None,
    ) -> None:
        given = {"done": done, "total": total, "failed": failed, "message": message}
        for name, value in given.items():
            if value is not None:
                setattr(self.job, name, value)
        if monotonic() - self._written > 0.5:
            self.write()

    def write(self) -> None:
        """Store now. Raises Cancelled where the person asked to stop."""
        self._written = monotonic()
        job = self.job
        if job.total:
            job.total = max(job.total, job.done)
        job.heartbeat_at = timezone.now()
        job.save(update_fields=["done", "total", "failed", "message", "heartbeat_at"])
        if Job.objects.filter(pk=job.pk, cancel_requested=True).exists():
            raise Cancelled


Work = Callable[[Job, Progress], Mapping[str, object] | None]


def register_kind(kind: str, task: str) -> None:
    """`kind` is carried out by the Celery task of this dotted name. Called from a room's AppConfig.ready."""
    _tasks[kind] = task


def submit(*, kind: str, title: str, params: Mapping[str, object] | None = None, by: User | None = None) -> Job:
    """Queue a job and wake a worker once the transaction is committed."""
    job = Job.objects.create(kind=kind, title=title, params=dict(params or {}), created_by=by)
    transaction.on_commit(lambda: wake(job))
    return job


def wake(job: Job) -> None:
    """Tell a worker. A lost message does no harm: the sweep tells again."""
    try:
        current_app.send_task(_tasks[job.kind], args=[job.pk], retry=False)
    except Exception:  # the broker is away; the row stays queued
        logger.warning("no broker to wake job %s", job.pk)


def run(*, job_id: int, work: Work) -> None:
    """Carry a job out unless it is finished or another living worker has it."""
    with held_if_free(LOCK_SPACE, job_id) as mine:
        if not mine:
            return
        job = Job.objects.filter(pk=job_id, state__in=OPEN_STATES).first()
        if job is not None and _begin(job):
            _carry_out(job, work)


def _begin(job: Job) -> bool:
    if job.cancel_requested:
        _end(job, Job.State.CANCELLED)
        return False
    if job.attempts >= MAX_ATTEMPTS:
        _end(job, Job.State.FAILED, message=f"Given up: the worker died {job.attempts} times at this job.")
        return False
    now = timezone.now()
    job.state, job.heartbeat_at, job.started_at = Job.State.RUNNING, now, job.started_at or now
    job.attempts += 1
    job.save(update_fields=["state", "heartbeat_at", "started_at", "attempts"])
    return True


def _carry_out(job: Job, work: Work) -> None:
    progress = Progress(job)
    try:
        result = work(job, progress)
    except Cancelled:
        _end(job, Job.State.CANCELLED)
    except DomainError as error:
        _end(job, Job.State.FAILED, message=error.message)
    except Exception as error:
        logger.exception("job %s failed", job.pk)
        _end(job, Job.State.FAILED, message=f"{type(error).__name__}: {error}"[:2000])
    else:
        job.result = dict(result or {})
        _end(job, Job.State.DONE)


def _end(job: Job, state: Job.State, *, message: str | None = None) -> None:
    job.state, job.finished_at = state, timezone.now()
    if message is not None:
        job.message = message
    if job.total:
        job.total = max(job.total, job.done)
    job.save()


def request_cancel(*, job: Job) -> None:
    """Ask a job to stop. A waiting one stops at once, a running one at its next step."""
    Job.objects.filter(pk=job.pk, state__in=OPEN_STATES).update(cancel_requested=True)
    Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(state=Job.State.CANCELLED, finished_at=timezone.now())


def sweep() -> int:
    """Wake what waits without a living worker: lost wake-ups and jobs whose worker died. Returns how many."""
    now = timezone.now()
    waiting = Job.objects.filter(state=Job.State.QUEUED, created_at__lt=now - timedelta(seconds=20))
    orphaned = Job.objects.filter(state=Job.State.RUNNING, heartbeat_at__lt=now - timedelta(seconds=20))
    jobs = [*waiting.order_by("id")[:50], *orphaned.order_by("id")[:50]]
    for job in jobs:
        wake(job)
    return len(jobs)


def forget_results() -> int:
    """Delete result files of jobs that ended EXPORT_KEEP_DAYS ago; the jobs stay. Returns how many, 500 at most."""
    if not settings.EXPORT_KEEP_DAYS:
        return 0
    since = timezone.now() - timedelta(days=settings.EXPORT_KEEP_DAYS)
    old = Job.objects.exclude(result_file="").filter(finished_at__lt=since).order_by("pk")[:500]
    for job in (jobs := list(old)):
        path = Path(settings.MEDIA_ROOT) / job.result_file
        path.unlink(missing_ok=True)
        with suppress(OSError):  # its folder was made for it alone, unless somebody has put something beside it
            path.parent.rmdir()
        Job.objects.filter(pk=job.pk).update(result_file="")
    return len(jobs)
