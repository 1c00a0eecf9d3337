"""How people group: runs of the analysis, dated changes of stage and group, and named sets of customers."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Tag


class AnalysisRun(models.Model):
    """One computation of a book: the bounds and cuts it found are in force until the next finished run."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    book = models.CharField(max_length=40)
    as_of = models.DateField(help_text=_("Local day on which recency is counted."))
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    bounds = models.JSONField(default=dict, help_text=_("p30, p60, p90 in days, spells, source (own, fallback)."))
    cuts = models.JSONField(default=dict, help_text=_("r, f, m: four ascending cut values each."))
    thresholds = models.JSONField(default=dict, help_text=_("r, f, m: what counts as high, and how it was chosen."))
    counts = models.JSONField(default=dict, help_text=_("customers, stage × group counts and amounts, RFM cells."))
    curve = models.JSONField(default=dict, help_text=_("Shares returned by day, half-life, win-back day."))
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("run_analysis", "May recalculate scores and stages"),
            ("view_insights", "May see insight pages"),
        ]
        indexes = [
            models.Index(fields=["book", "-id"], condition=Q(state="done"), name="run_in_force"),
        ]

    def __str__(self) -> str:
        return f"{self.book} {self.as_of}"


class LabelChange(models.Model):
    """A customer's stage or value group changed on a day. The history that migration between two dates is read from."""

    class Kind(models.TextChoices):
        STAGE = "stage", _("Lifecycle stage")
        GROUP = "group", _("Value group")

    is_derived = True  # says nothing of a customer who has no orders (customers/unused.py)

    # Both keys lead an index below; a second one would only cost.
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="label_changes", db_index=False)
    run = models.ForeignKey(AnalysisRun, on_delete=models.CASCADE, related_name="changes", db_index=False)
    kind = models.CharField(max_length=5, choices=Kind)
    old = models.CharField(max_length=20, blank=True)
    new = models.CharField(max_length=20, blank=True)
    on = models.DateField()

    class Meta:
        ordering = ["-on", "-id"]
        constraints = [models.UniqueConstraint(fields=["run", "customer", "kind"], name="one_change_per_run")]
        indexes = [
            models.Index(fields=["customer", "kind", "-on"]),  # customer page, stage on a day
            models.Index(fields=["kind", "on", "new"]),  # who entered a stage lately
        ]

    def __str__(self) -> str:
        return f"{self.old} → {self.new}"


class Segment(models.Model):
    """A named set of customers: live (the rule, evaluated when used) or snapshot (members fixed at a moment)."""

    class Kind(models.TextChoices):
        LIVE = "live", _("Live")
        SNAPSHOT = "snapshot", _("Snapshot")

    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=300, blank=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.LIVE)
    book = models.CharField(
        _("store"), max_length=40, blank=True, help_text=_("Only customers of this store; all if empty.")
    )
    rule = models.JSONField(_("rule"), default=dict)
    size = models.IntegerField(null=True, help_text=_("Members at the last count."))
    counted_at = models.DateTimeField(null=True)
    is_demo = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        permissions = [("export_segment", "May export the members of a segment")]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(archived_at__isnull=True), name="segment_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """Somebody in a snapshot."""

    pk = models.CompositePrimaryKey("segment_id", "customer_id")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="members", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="snapshots")

    def __str__(self) -> str:
        return f"{self.customer_id} in {self.segment_id}"


class TagRule(models.Model):
    """A tag whose carriers are made equal to a segment, after each analysis and every hour. Hand work stays."""

    tag = models.OneToOneField(Tag, on_delete=models.CASCADE, primary_key=True, related_name="rule")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="tag_rules")
    size = models.IntegerField(null=True, help_text=_("Members at the last time; none where they cannot be counted."))
    applied_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["tag__name"]

    def __str__(self) -> str:
        return f"{self.tag_id} for {self.segment_id}"
