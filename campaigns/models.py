"""What we say to people: templates, the plan, campaigns and the ledger of every copy."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Channel, Customer, Shop
from segmentation.models import Segment


class Template(models.Model):
    """A text with merge fields. A campaign takes a copy when it is launched, so later edits change nothing sent."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"))
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PlanEntry(models.Model):
    """One line of the campaign calendar: what is to be sent, when, in which form, to whom."""

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        SKIPPED = "skipped", _("Skipped")

    day = models.DateField(_("day"))
    time = models.TimeField(_("time"))
    title = models.CharField(_("title"), max_length=120)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="plan", verbose_name=_("shop"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
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


class Campaign(models.Model):
    """One send to one audience in one channel. Content, audience and price are frozen at launch."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        PREPARING = "preparing", _("Preparing")
        RUNNING = "running", _("Sending")
        PAUSED = "paused", _("Paused")
        FINISHED = "finished", _("Sent")
        CANCELLED = "cancelled", _("Cancelled")

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    plan_entry = models.OneToOneField(
        PlanEntry, null=True, blank=True, on_delete=models.SET_NULL, related_name="campaign"
    )
    unplanned_reason = models.CharField(_("why it is not in the plan"), max_length=200, blank=True)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="campaigns", verbose_name=_("shop"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    segment = models.ForeignKey(Segment, null=True, on_delete=models.SET_NULL, verbose_name=_("segment"))
    segment_name = models.CharField(max_length=100, blank=True)
    segment_rule = models.JSONField(default=dict, help_text=_("The rule as it was when the audience was frozen."))
    template = models.ForeignKey(Template, null=True, on_delete=models.SET_NULL, verbose_name=_("template"))
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"), blank=True)
    holdout_percent = models.PositiveSmallIntegerField(
        _("holdout, %"), default=10, validators=[MaxValueValidator(50)],
        help_text=_("Share of the audience that gets nothing, so that the effect can be measured."),
    )  # fmt: skip
    window_days = models.PositiveSmallIntegerField(
        _("attribution window, days"), default=7, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    pause_reason = models.CharField(max_length=200, blank=True)
    trouble = models.CharField(max_length=300, blank=True, help_text=_("What keeps it from sending at present."))
    scheduled_at = models.DateTimeField(_("send at"), null=True, blank=True)
    send_until = models.DateTimeField(null=True, blank=True, help_text=_("Later than this nothing is sent: expired."))
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    prepared_to = models.BigIntegerField(default=0, help_text=_("Resume point of materialising: last customer id."))
    salt = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text=_("Key of the holdout draw, so that a second run draws the same.")
    )
    audience_size = models.IntegerField(null=True, help_text=_("Message rows: treated, held out and skipped."))
    unit_price = models.DecimalField(
        max_digits=8, decimal_places=4, default=0, help_text=_("Per message, shop currency.")
    )
    is_demo = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    launched_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("launch_campaign", "May schedule and start campaigns"),
            ("pause_campaign", "May pause, resume and cancel campaigns"),
            ("manage_channels", "May see and test the channels"),
        ]
        indexes = [
            models.Index(fields=["scheduled_at"], condition=Q(state="scheduled"), name="campaign_due"),
            models.Index(fields=["-started_at", "-id"]),  # last campaigns
        ]
        constraints = [
            models.CheckConstraint(condition=Q(holdout_percent__lte=50), name="holdout_at_most_half"),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(scheduled_at__isnull=False), name="scheduled_has_time"
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", _("Cancelled")
        HELD_OUT = "held_out", _("Held out")

    OPEN = ("queued", "claimed", "sending", "retry_wait")
    SENT = ("accepted", "delivered", "undelivered", "unknown")
    DELIVERED_STATES = ("accepted", "delivered")

    class Arm(models.TextChoices):
        TREATED = "treated", _("Treated")
        HOLDOUT = "holdout", _("Holdout")

    id = models.BigAutoField(primary_key=True)
    token = models.UUIDField(default=uuid.uuid4, unique=True, help_text=_("Opaque name in links and headers."))
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="messages")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="messages")
    arm = models.CharField(max_length=8, choices=Arm, default=Arm.TREATED)
    channel = models.CharField(max_length=10, choices=Channel)
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
                condition=~Q(state__in=["skipped", "failed", "unknown"]) | ~Q(reason=""), name="end_needs_a_reason"
            ),
        ]  # fmt: skip
        indexes = [
            # The claim: what of this campaign is due?
            models.Index(
                fields=["campaign", "due_at", "id"], name="message_due", condition=Q(state__in=["queued", "retry_wait"])
            ),
            models.Index(fields=["lease_until"], name="message_leased", condition=Q(state__in=["claimed", "sending"])),
            models.Index(fields=["campaign", "state"]),  # progress, report
            models.Index(fields=["customer", "channel", "-sent_at"]),  # caps, customer page
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.customer_id} {self.state}"


class Attempt(models.Model):
    """One handing-over to a provider: written before the call, completed after it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="tries")
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


class Link(models.Model):
    """A tracked address in a campaign. The redirect looks the target up; it never comes from the request."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="links")
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

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="responses")
    kind = models.CharField(max_length=12, choices=Kind)
    occurred_at = models.DateTimeField()
    link = models.ForeignKey(Link, null=True, on_delete=models.SET_NULL)
    suspected_bot = models.BooleanField(default=False)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-occurred_at"]
        indexes = [models.Index(fields=["message", "kind", "occurred_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.occurred_at:%Y-%m-%d %H:%M}"
