"""What was told of a month's growth, first and last."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from segmentation.models.runs import AnalysisRun


class GrowthMonth(models.Model):
    """How the customers of a book, or of one platform in it, came and went in a month of the shop's days.

    `figures` are as counted last (growth.COLUMNS, with the bounds p60 and p90 in days), `first` as counted when the
    month was seen finished for the first time: orders that arrive late, and other bounds, change the past.
    """

    book = models.CharField(max_length=40)
    platform = models.CharField(max_length=20, blank=True, help_text=_("Empty: all platforms of the book."))
    month = models.DateField(help_text=_("Its first day."))
    as_of = models.DateField(help_text=_("Local day that the figures are counted to."))
    figures = models.JSONField(default=dict)
    first = models.JSONField(null=True, help_text=_("As first told; none while the month has not ended."))
    told_at = models.DateTimeField(null=True)
    restated_at = models.DateTimeField(null=True, help_text=_("When the figures of a finished month last changed."))
    # Says no more than where the bounds came from.
    run = models.ForeignKey(AnalysisRun, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)

    class Meta:
        ordering = ["-month"]
        constraints = [models.UniqueConstraint(fields=["book", "platform", "month"], name="growth_once_a_month")]

    def __str__(self) -> str:
        return f"{self.book} {self.platform} {self.month:%Y-%m}"
