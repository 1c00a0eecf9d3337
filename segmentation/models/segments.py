"""Named sets of customers, their sizes over time, and tags that follow them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Tag


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


class SegmentSize(models.Model):
    """How many a live segment had on a day, and who came and went since the count before.

    `members` is kept on the two newest rows: a bit per customer number, so that a count can be compared with that of
    the day before.
    """

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="sizes", db_index=False)
    on = models.DateField()
    size = models.IntegerField()
    entered = models.IntegerField(null=True, help_text=_("Since the count before; none where there was none."))
    left = models.IntegerField(null=True)
    members = models.BinaryField(null=True)
    counted_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-on"]
        constraints = [models.UniqueConstraint(fields=["segment", "on"], name="segment_size_once_a_day")]

    def __str__(self) -> str:
        return f"{self.size} in {self.segment_id} on {self.on}"


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
