"""One send to one audience."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Medium, Template, TemplateVersion
from campaigns.models.plan import PlanEntry
from customers.models import Community, Shop
from segmentation.models import Segment


class Campaign(models.Model):
    """One send to one audience in one channel. Content, audience and price are frozen at launch."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        APPROVAL = "approval", _("Waiting for approval")
        SCHEDULED = "scheduled", _("Scheduled")
        PREPARING = "preparing", _("Preparing")
        RUNNING = "running", _("Sending")
        PAUSED = "paused", _("Paused")
        FINISHED = "finished", _("Sent")
        CANCELLED = "cancelled", _("Cancelled")

    class Lane(models.TextChoices):
        """Who goes first where a provider takes only so many. Notices obey neither caps nor quiet hours and count for
        no cap; permission and suppression hold for all of them."""

        TRANSACTIONAL = "transactional", _("Notice")
        CARE = "care", _("Care")
        BULK = "bulk", _("Marketing")

    class Wait(models.TextChoices):
        SKIP = "skip", _("Leave out")
        HOLD = "hold", _("Hold until allowed")

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    plan_entry = models.OneToOneField(
        PlanEntry, null=True, blank=True, on_delete=models.SET_NULL, related_name="campaign"
    )
    unplanned_reason = models.CharField(_("why it is not in the plan"), max_length=200, blank=True)
    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="campaigns", verbose_name=_("shop"))
    channel = models.CharField(_("channel"), max_length=10, choices=Medium)
    segment = models.ForeignKey(Segment, null=True, on_delete=models.SET_NULL, verbose_name=_("segment"))
    communities = models.ManyToManyField(
        Community, blank=True, related_name="campaigns", verbose_name=_("groups"),
        help_text=_("Where it is posted; for community posts only."),
    )  # fmt: skip
    segment_name = models.CharField(max_length=100, blank=True)
    segment_rule = models.JSONField(default=dict, help_text=_("The rule as it was when the audience was frozen."))
    template = models.ForeignKey(Template, null=True, on_delete=models.SET_NULL, verbose_name=_("template"))
    template_version = models.ForeignKey(
        TemplateVersion, null=True, on_delete=models.SET_NULL, related_name="campaigns"
    )
    format = models.CharField(max_length=8, choices=Template.Format, default=Template.Format.TEXT)
    topic = models.CharField(max_length=40, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"), blank=True)
    lane = models.CharField(_("kind of message"), max_length=14, choices=Lane, default=Lane.BULK)
    when_capped = models.CharField(_("who got enough messages lately"), max_length=4, choices=Wait, default=Wait.SKIP)
    when_quiet = models.CharField(_("in quiet hours"), max_length=4, choices=Wait, default=Wait.HOLD)
    send_hours = models.PositiveSmallIntegerField(
        _("send window, hours"), default=24, validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_("What could not be sent so long after the start is not sent any more."),
    )  # fmt: skip
    budget = models.DecimalField(
        _("budget"), max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)],
        help_text=_("In the shop's currency; sending pauses before it is passed."),
    )  # fmt: skip
    daily_ceiling = models.PositiveIntegerField(
        _("at most per day"), null=True, blank=True, validators=[MinValueValidator(1)],
        help_text=_("Messages on one day of the shop; the rest goes on the next days, within the send window."),
    )  # fmt: skip
    rest_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="rests",
        help_text=_("Sends to those of that campaign who definitely did not get it."),
    )  # fmt: skip
    holdout_percent = models.PositiveSmallIntegerField(
        _("holdout, %"), default=10, validators=[MaxValueValidator(50)],
        help_text=_("Share of the audience that gets nothing, so that the effect can be measured."),
    )  # fmt: skip
    window_days = models.PositiveSmallIntegerField(
        _("attribution window, days"), default=7, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    approval_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    approval_reason = models.CharField(max_length=300, blank=True, help_text=_("Which limit it is above."))
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    approved_at = models.DateTimeField(null=True)
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
            ("approve_campaign", "May approve campaigns of others that are above a limit"),
            ("manage_channels", "May set up, see and test providers and the rules of sending"),
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
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(approval_asked_by__isnull=True)
                | ~Q(approved_by=F("approval_asked_by")),
                name="approved_by_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return self.name
