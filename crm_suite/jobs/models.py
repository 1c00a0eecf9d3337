"""Long work that a person waits for, with progress that survives a page change and a restart."""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm_suite.access.models import User

OPEN_STATES = ("queued", "running")


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=OPEN_STATES)

    def of(self, person: User | AnonymousUser) -> "JobQuerySet":
        """Those whose result this person may have: their own; all of them for an owner."""
        return self if person.is_superuser else self.filter(created_by=person.pk)


class Job(models.Model):
    """One piece of long work. `total` 0 means that the size is not known yet."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    params = models.JSONField(default=dict)
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    message = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    result_file = models.CharField(max_length=200, blank=True, help_text="Path below MEDIA_ROOT.")
    cancel_requested = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("cancel_job", "May stop long work")]
        indexes = [
            # The sweeper and the drawer look at what is not finished.
            models.Index(fields=["heartbeat_at"], condition=Q(state__in=OPEN_STATES), name="job_open"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(total=0) | Q(done__lte=F("total")), name="job_done_within_total"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def percent(self) -> int | None:
        """0–100, or None while the size is unknown."""
        return int(100 * self.done / self.total) if self.total else None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def seconds(self) -> float:
        """Wall time spent so far, 0 before the start."""
        if self.started_at is None:
            return 0.0
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    @property
    def rate(self) -> float:
        """Items a second since the start."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None where it cannot be told."""
        if not self.is_open or not self.total or not self.rate:
            return None
        return (self.total - self.done) / self.rate


class BeatTick(models.Model):
    """One row per periodic task and slot: three beats at once still do the work of one."""

    task = models.CharField(max_length=60)
    slot = models.DateTimeField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "slot"], name="one_tick_per_slot")]

    def __str__(self) -> str:
        return f"{self.task} {self.slot:%H:%M:%S}"
