"""The ledger and queue of every copy."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign
from campaigns.models.content import Medium
from customers.models import Customer


class Message(models.Model):
    """One campaign's copy to one customer: the ledger and the queue. Held-out customers have a row too."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        CLAIMED = "claimed", _("Taken by a worker")
        SENDING = "sending", _("Being handed over")
        RETRY_WAIT = "retry_wait", _("Waiting to try again")
        ACCEPTED = "accepted", _("Sent")
        DELIVERED = "delivered", _("Delivered")
        UNDELIVERED = "undelivered", _("Not delivered")
        UNKNOWN = "unknown", _("In doubt")
        UNRESOLVED = "unresolved", _("In doubt for good")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", _("Cancelled")
        HELD_OUT = "held_out", _("Held out")

    OPEN = ("queued", "claimed", "sending", "retry_wait")
    SENT = ("accepted", "delivered", "undelivered", "unknown", "unresolved")
    DELIVERED_STATES = ("accepted", "delivered")

    class Arm(models.TextChoices):
        TREATED = "treated", _("Treated")
        HOLDOUT = "holdout", _("Holdout")

    id = models.BigAutoField(primary_key=True)
    token = models.UUIDField(default=uuid.uuid4, unique=True, help_text=_("Opaque name in links and headers."))
    # No indexes of their own where a longer one begins with the same column.
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="messages", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="messages", db_index=False)
    arm = models.CharField(max_length=8, choices=Arm, default=Arm.TREATED)
    channel = models.CharField(max_length=10, choices=Medium)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    reason = models.CharField(max_length=60, blank=True, help_text=_("Why it was skipped, failed or is in doubt."))
    detail = models.CharField(max_length=300, blank=True)
    stage_when_chosen = models.CharField(max_length=10, blank=True)
    group_when_chosen = models.CharField(max_length=20, blank=True)
    address_digest = models.CharField(max_length=64, blank=True)
    masked_address = models.CharField(max_length=80, blank=True)
    due_at = models.DateTimeField()
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    claims = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    generation = models.PositiveSmallIntegerField(
        default=0, help_text=_("Part of the idempotency key: rises after a definite refusal, never after doubt.")
    )
    parts = models.PositiveSmallIntegerField(
        default=1, help_text=_("Billed parts: an SMS of three counts three times.")
    )
    provider = models.CharField(max_length=30, blank=True)
    provider_message_id = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(
        null=True, help_text=_("When it was handed over. Empty again after a definite refusal: then nobody got it.")
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "customer"], name="one_copy_per_customer"),
            # Two customers who share an address get one copy: the other is skipped as a duplicate address.
            models.UniqueConstraint(
                fields=["campaign", "address_digest"], name="one_copy_per_address",
                condition=~Q(address_digest="") & ~Q(state="skipped"),
            ),
            models.CheckConstraint(condition=~Q(arm="holdout") | Q(state="held_out"), name="holdout_gets_nothing"),
            models.CheckConstraint(
                condition=~Q(state__in=["skipped", "failed", "unknown", "unresolved"]) | ~Q(reason=""),
                name="end_needs_a_reason",
            ),
        ]  # fmt: skip
        indexes = [
            # The claim: what of this campaign is due?
            models.Index(
                fields=["campaign", "due_at", "id"], name="message_due", condition=Q(state__in=["queued", "retry_wait"])
            ),
            models.Index(fields=["lease_until"], name="message_leased", condition=Q(state__in=["claimed", "sending"])),
            # Progress, report: counted from the index alone.
            models.Index(fields=["campaign", "state", "reason", "claims"], name="message_tally"),
            # How fast it goes, and when the last one went.
            models.Index(fields=["campaign", "sent_at"], name="message_handed", condition=Q(sent_at__isnull=False)),
            # What is in doubt, the oldest first: the page of doubts, the hourly look at them.
            models.Index(fields=["sent_at"], name="message_in_doubt", condition=Q(state="unknown")),
            # Receipts of providers that name their own number only.
            models.Index(
                fields=["provider_message_id"], name="message_at_provider", condition=~Q(provider_message_id="")
            ),
            models.Index(fields=["customer", "channel", "-sent_at"]),  # caps, customer page
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.customer_id} {self.state}"


class Attempt(models.Model):
    """One handing-over to a provider: written before the call, completed after it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="tries", db_index=False)
    attempt_no = models.PositiveSmallIntegerField()
    gate_at = models.DateTimeField(auto_now_add=True)
    outcome = models.CharField(max_length=12, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["message", "attempt_no"]
        constraints = [models.UniqueConstraint(fields=["message", "attempt_no"], name="attempt_number_once")]

    def __str__(self) -> str:
        return f"{self.message_id}#{self.attempt_no} {self.outcome}"
