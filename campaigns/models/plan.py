"""The campaign calendar."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Medium, Template
from customers.models import Shop
from segmentation.models import Segment


class PlanEntry(models.Model):
    """One line of the campaign calendar: what is to be sent, when, in which form, to whom."""

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        SKIPPED = "skipped", _("Skipped")

    day = models.DateField(_("day"))
    time = models.TimeField(_("time"))
    title = models.CharField(_("title"), max_length=120)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="plan", verbose_name=_("shop"))
    channel = models.CharField(_("channel"), max_length=10, choices=Medium)
    segment = models.ForeignKey(Segment, null=True, blank=True, on_delete=models.SET_NULL, verbose_name=_("segment"))
    template = models.ForeignKey(Template, null=True, blank=True, on_delete=models.SET_NULL, verbose_name=_("template"))
    expected_size = models.PositiveIntegerField(_("expected size"), null=True, blank=True)
    expected_response = models.DecimalField(
        _("expected response, %"), max_digits=5, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )  # fmt: skip
    state = models.CharField(max_length=8, choices=State, default=State.PLANNED)
    skip_reason = models.CharField(_("reason"), max_length=200, blank=True)
    note = models.TextField(_("note"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["day", "time", "id"]
        verbose_name_plural = "plan entries"
        indexes = [models.Index(fields=["day", "time"])]  # the month grid
        constraints = [
            models.CheckConstraint(condition=~Q(state="skipped") | ~Q(skip_reason=""), name="skip_needs_a_reason"),
        ]

    def __str__(self) -> str:
        return self.title
