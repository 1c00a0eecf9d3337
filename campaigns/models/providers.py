"""Who carries messages out of the house, how fast, and what they told us afterwards."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Medium


class Provider(models.Model):
    """One way out for a channel. Of the working ones of a channel the lowest rank is used.

    `settings` may be seen; `secret` is encrypted (campaigns/providers/secrets.py) and never shown. A row with
    `from_environment` takes both from SMTP_URL or SMS_URL and cannot be edited.
    """

    code = models.SlugField(max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=60)
    channel = models.CharField(_("channel"), max_length=10, choices=Medium)
    kind = models.CharField(_("kind"), max_length=20, help_text=_("Which adapter speaks with it."))
    settings = models.JSONField(default=dict, blank=True)
    secret = models.BinaryField(default=b"", editable=False)
    from_environment = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(_("in use"), default=True)
    rank = models.PositiveSmallIntegerField(_("rank"), default=10)
    rate = models.DecimalField(
        _("messages per second"), max_digits=8, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
    )  # fmt: skip
    burst = models.PositiveIntegerField(
        _("at once"), default=100, validators=[MinValueValidator(1)],
        help_text=_("So many may go at once after a pause, before the rate holds."),
    )  # fmt: skip
    daily_ceiling = models.PositiveIntegerField(
        _("at most per day"), null=True, blank=True, validators=[MinValueValidator(1)],
        help_text=_("What is left over goes on the next day, within each campaign's send window."),
    )  # fmt: skip
    timezone = models.CharField(_("time zone of its day"), max_length=40, default="UTC")
    blocked_at = models.DateTimeField(null=True, editable=False)
    blocked_reason = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["channel", "rank", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(blocked_at__isnull=True) | ~Q(blocked_reason=""), name="blocked_needs_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProviderPace(models.Model):
    """How much a provider may still be given: a bucket of `tokens` that fills at its rate, and a count of its day.

    Written by one statement per claimed batch. `factor` (0.05–1) is the share of the rate in use: halved each time the
    provider says that we are too fast, and slowly raised again. `refusals` counts definite noes in a row that were not
    about a recipient; enough of them pause the campaign.
    """

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, primary_key=True, related_name="pace")
    tokens = models.FloatField(default=0)
    filled_at = models.DateTimeField()
    factor = models.FloatField(default=1)
    slowed_at = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    given = models.PositiveIntegerField(default=0, help_text=_("Messages of `day`, in the provider's time zone."))
    refusals = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(factor__gt=0) & Q(factor__lte=1), name="pace_factor_is_a_share")
        ]

    def __str__(self) -> str:
        return f"{self.provider_id}: {self.tokens:.0f}"


class ProviderEvent(models.Model):
    """What a provider told us, as it came: stored first, answered, and applied afterwards.

    `event_id` is the provider's own, else the digest of the raw text: the same news twice is stored once. `reference`
    is our token or the provider's number, by which the message is found; what finds none waits up to 72 hours.
    """

    class Kind(models.TextChoices):
        ACCEPTED = "accepted", _("Taken")
        SENT = "sent", _("On its way")
        DELIVERED = "delivered", _("Delivered")
        UNDELIVERED = "undelivered", _("Not delivered, for now")
        REJECTED = "rejected", _("Not delivered, for good")
        COMPLAINT = "complaint", _("Complained")
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
        REPLY = "reply", _("Reply")
        OTHER = "other", _("Other")

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="events", db_index=False)
    event_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind)
    reference = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=200, blank=True, help_text=_("Of replies. Emptied once it is applied."))
    data = models.JSONField(default=dict, help_text=_("Code, words and time as the provider gave them."))
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=60, blank=True, help_text=_("What came of it, or why nothing."))

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="event_once")]
        indexes = [
            models.Index(fields=["id"], name="event_to_apply", condition=Q(applied_at__isnull=True)),
            models.Index(fields=["provider", "-received_at"]),  # deliverability, the provider's page
            models.Index(fields=["reference"], name="event_of_message", condition=~Q(reference="")),  # one copy's page
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.kind} {self.event_id}"
