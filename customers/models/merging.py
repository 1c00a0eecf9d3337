"""Two rows that are one person: what proposes it, what was decided, and how to take it back."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer


class WeakKey(models.Model):
    """Something that two rows of one person often share and two persons sometimes do. Proposes, never joins."""

    class Kind(models.TextChoices):
        MASKED_PHONE = "phone", _("The same masked phone")
        ADDRESS = "address", _("The same name and address")
        NICK = "nick", _("The same nick")

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="weak_keys")
    kind = models.CharField(max_length=10, choices=Kind)
    value = models.CharField(max_length=254)
    source = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "value", "customer"], name="weak_key_once")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class DuplicatePair(models.Model):
    """Two customers who may be one: why, how likely, and what somebody decided. `first` has the smaller number."""

    class State(models.TextChoices):
        OPEN = "open", _("To decide")
        MERGED = "merged", _("One person")
        DIFFERENT = "different", _("Not the same")

    first = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="pairs_as_first")
    second = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="pairs_as_second")
    reasons = models.JSONField(default=list, help_text=_("Kinds of what they share."))
    score = models.PositiveSmallIntegerField(default=0, help_text=_("The more they share, the higher."))
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-score", "-id"]
        permissions = [("merge_customer", "May merge customers and take merges back")]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="pair_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="pair_in_order"),
        ]
        indexes = [models.Index(fields=["state", "-score", "-id"])]  # duplicates page

    def __str__(self) -> str:
        return f"{self.first_id} and {self.second_id}"


class CustomerMerge(models.Model):
    """One merge: who stayed, who went, and everything that moved, so that it can be undone to the byte."""

    kept = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="merges")
    gone = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="merges_away")
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    moved = models.JSONField(default=dict, help_text=_("Table → keys of the rows that moved, and values before."))
    merged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    merged_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # A row can be merged away only once at a time.
            models.UniqueConstraint(fields=["gone"], condition=Q(undone_at__isnull=True), name="gone_once"),
            models.CheckConstraint(condition=~Q(kept=F("gone")), name="merge_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.gone_id} into {self.kept_id}"


class ErasedKey(models.Model):
    """Keyed digest of a key of somebody who was erased: keeps them from coming back with the next import."""

    digest = models.CharField(max_length=64, unique=True)
    erased_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest[:8]
