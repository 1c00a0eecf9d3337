"""What came back."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message


class Link(models.Model):
    """A tracked address in a campaign. The redirect looks the target up; it never comes from the request."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="links", db_index=False)
    position = models.PositiveSmallIntegerField()
    url = models.URLField(max_length=1000)

    class Meta:
        ordering = ["campaign", "position"]
        constraints = [models.UniqueConstraint(fields=["campaign", "position"], name="link_position_once")]

    def __str__(self) -> str:
        return self.url


class Response(models.Model):
    """What a targeted customer did: a click, a reply, an opt-out. Orders are read from the orders themselves."""

    class Kind(models.TextChoices):
        CLICK = "click", _("Click")
        REPLY = "reply", _("Reply")
        UNSUBSCRIBE = "unsubscribe", _("Unsubscribed")
        COMPLAINT = "complaint", _("Complained")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="responses", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    occurred_at = models.DateTimeField()
    link = models.ForeignKey(Link, null=True, on_delete=models.SET_NULL)
    suspected_bot = models.BooleanField(default=False)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-occurred_at"]
        indexes = [
            models.Index(fields=["message", "kind", "occurred_at"]),
            # Complaints of the last day: what makes a campaign stop.
            models.Index(fields=["occurred_at"], name="response_complaint", condition=Q(kind="complaint")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.occurred_at:%Y-%m-%d %H:%M}"
