"""Runs of the analysis, how they measure, and the dated changes of stage and group that they find."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Group


class AnalysisRun(models.Model):
    """One computation of a book. Its bounds and cuts are in force until the next finished run.

    A full run finds bounds and cuts anew and looks at everybody. A run of touched customers takes over those of the
    run before it and looks at customers whose orders changed or whom time has carried over a bound.
    """

    class Kind(models.TextChoices):
        FULL = "full", _("Bounds and cuts found anew")
        TOUCHED = "touched", _("Changed customers, with the bounds and cuts in force")

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    book = models.CharField(max_length=40)
    as_of = models.DateField(help_text=_("Local day on which recency is counted."))
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    kind = models.CharField(max_length=7, choices=Kind, default=Kind.FULL)
    options = models.JSONField(default=dict, help_text=_("How it measured: see AnalysisOptions."))
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
    # No checks by trigger: they cost more than the rows. A run joins customers when it writes.
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="label_changes", db_index=False, db_constraint=False
    )
    run = models.ForeignKey(
        AnalysisRun, on_delete=models.CASCADE, related_name="changes", db_index=False, db_constraint=False
    )
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


class RunPart(models.Model):
    """A range of customers in a run: after < id ≤ upto. Whoever works on it holds its row; a killed worker lets go."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        READ = "read", _("Read")
        COMPARED = "compared", _("Compared")

    run = models.ForeignKey(AnalysisRun, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.IntegerField()
    after = models.BigIntegerField()
    upto = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    returned = ArrayField(models.BigIntegerField(), default=list, help_text=_("Spells by days, from 0."))
    worker = models.CharField(max_length=120, blank=True, help_text=_("Host and process that did the last step."))

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="run_part_once")]

    def __str__(self) -> str:
        return f"part {self.number} of run {self.run_id}"


class Touched(models.Model):
    """A customer whose orders or refunds changed, or who came or was merged, since a run looked at them.

    Written by triggers in the transaction of the change, whoever makes it: nothing can be forgotten. Appended only;
    runs take rows out. Without keys and checks: written with every import and every order.
    """

    customer_id = models.BigIntegerField()
    run_id = models.BigIntegerField(null=True, help_text=_("The full run that saw it when it began."))

    def __str__(self) -> str:
        return f"customer {self.customer_id}"


class LabelTally(models.Model):
    """How many customers have these labels, with their orders and net amounts: triggers keep it equal to the facts.

    So a run that looks at a thousand customers need not count a million, nor a rule that asks about nothing else.
    """

    #: What it tells people apart by, named as in the facts.
    LABELS = ("book", "group", "stage", "r_score", "f_score", "email_ok", "sms_ok")

    pk = models.CompositePrimaryKey(*LABELS)
    book = models.CharField(max_length=40)
    group = models.CharField(max_length=20)
    stage = models.CharField(max_length=10)
    r_score = models.SmallIntegerField()
    f_score = models.SmallIntegerField()
    email_ok = models.BooleanField()
    sms_ok = models.BooleanField()
    customers = models.BigIntegerField()
    orders = models.BigIntegerField()
    net_amount = models.DecimalField(max_digits=20, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.customers} in {self.book}"


class AnalysisOptions(models.Model):
    """How a book is measured (domain.md 3 and 4). Without a row, the defaults."""

    class Frequency(models.TextChoices):
        ORDERS = "orders", _("Paid orders")
        DAYS = "days", _("Days with a purchase")

    class Monetary(models.TextChoices):
        NET = "net", _("Net amount")
        AVERAGE = "average", _("Average order value")

    class Threshold(models.TextChoices):
        MEAN = "mean", _("Mean")
        MEDIAN = "median", _("Median")
        FIXED = "fixed", _("Values of one's own")

    class Compare(models.TextChoices):
        VALUES = "values", _("Values")
        SCORES = "scores", _("Scores 1–5 with the mean score")

    book = models.CharField(max_length=40, unique=True)
    window_days = models.PositiveIntegerField(_("only orders of the last days"), null=True, blank=True)
    frequency = models.CharField(_("F counts"), max_length=6, choices=Frequency, default=Frequency.ORDERS)
    monetary = models.CharField(_("M is"), max_length=7, choices=Monetary, default=Monetary.NET)
    threshold = models.CharField(_("high is above the"), max_length=6, choices=Threshold, default=Threshold.MEAN)
    compare = models.CharField(_("compared are"), max_length=6, choices=Compare, default=Compare.VALUES)
    # Own thresholds: recency in days (high when below), frequency, amount in the currency of the book.
    r_threshold = models.PositiveIntegerField(_("recency in days"), null=True, blank=True)
    f_threshold = models.PositiveIntegerField(_("frequency"), null=True, blank=True)
    m_threshold = models.DecimalField(_("amount"), max_digits=16, decimal_places=2, null=True, blank=True)
    # Own stage bounds; all or none.
    p30 = models.PositiveIntegerField(_("silent after days"), null=True, blank=True)
    p60 = models.PositiveIntegerField(_("dormant after days"), null=True, blank=True)
    p90 = models.PositiveIntegerField(_("lost after days"), null=True, blank=True)
    min_spells = models.PositiveIntegerField(_("fewest spells for own bounds"), default=50)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        permissions = [("set_bounds", "May change how customers are scored and staged")]
        constraints = [
            models.CheckConstraint(
                condition=Q(p30__isnull=True, p60__isnull=True, p90__isnull=True)
                | Q(p60__isnull=False, p90__isnull=False, p30__gte=1, p60__gt=F("p30"), p90__gt=F("p60")),
                name="stage_bounds_rise",
            ),
            models.CheckConstraint(
                condition=~Q(threshold="fixed")
                | Q(r_threshold__isnull=False, f_threshold__isnull=False, m_threshold__isnull=False),
                name="fixed_thresholds_are_told",
            ),
        ]

    def __str__(self) -> str:
        return f"how {self.book} is measured"


class GroupPolicy(models.Model):
    """What a store does for a value group of a book, and whether it does so at present."""

    book = models.CharField(max_length=40)
    group = models.CharField(max_length=20, choices=Group)
    in_care = models.BooleanField(_("in care"), default=False)
    policy = models.TextField(_("what we do"), blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "group"], name="policy_once_per_group")]

    def __str__(self) -> str:
        return f"{self.book}: {self.group}"
