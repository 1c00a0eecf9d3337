"""The store's own rules of sending: how often, at which hours, at what price, and above what size two must agree."""

from datetime import time
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Medium
from crm_suite.access.models import User


class ChannelPolicy(models.Model):
    """Caps and quiet hours of a channel. A channel without a row follows campaigns/policy.py.

    At most `cap` marketing messages to one customer within `cap_days`, over all campaigns. Between `quiet_from` and
    `quiet_until` on the recipient's clock nothing goes out; equal times mean that there are no quiet hours.
    """

    channel = models.CharField(max_length=10, choices=Medium, unique=True)
    cap = models.PositiveSmallIntegerField(_("messages at most"), validators=[MinValueValidator(1)])
    cap_days = models.PositiveSmallIntegerField(
        _("within days"), default=7, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    quiet_from = models.TimeField(_("quiet from"), default=time(21))
    quiet_until = models.TimeField(_("quiet until"), default=time(9))

    class Meta:
        ordering = ["channel"]
        constraints = [models.CheckConstraint(condition=Q(cap__gte=1) & Q(cap_days__gte=1), name="cap_is_positive")]

    def __str__(self) -> str:
        return f"{self.channel} {self.cap}/{self.cap_days}"


class ChannelPrice(models.Model):
    """What one billed part costs in a channel, in one currency."""

    channel = models.CharField(max_length=10, choices=Medium)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=8, decimal_places=4, validators=[MinValueValidator(0)])

    class Meta:
        ordering = ["channel", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "currency"], name="one_price_per_currency"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.price} {self.currency}"


class SendLimits(models.Model):
    """One row: above which size a second person must approve, what a month may cost, when a run stops by itself.

    Complaints and bounces are shares (0–1) of what was delivered within 24 hours, judged from `guard_from` messages on.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    approve_above_people = models.PositiveIntegerField(_("people"), null=True, blank=True)
    approve_above_cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=2, null=True, blank=True)
    month_budget = models.DecimalField(
        _("budget per month"), max_digits=12, decimal_places=2, null=True, blank=True,
        help_text=_("For each currency, over all campaigns of a month of the shop."),
    )  # fmt: skip
    complaints_warn = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.0010"))
    complaints_stop = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.0030"))
    bounces_stop = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.0500"))
    guard_from = models.PositiveIntegerField(default=500, validators=[MinValueValidator(1)])

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_row_of_limits"),
            models.CheckConstraint(
                condition=Q(complaints_warn__lte=models.F("complaints_stop")), name="warn_before_stop"
            ),
        ]

    def __str__(self) -> str:
        return "limits"


class SpentTotal(models.Model):
    """What was spent of a budget, or sent of a day's ceiling, so far: never less than the messages say.

    Kept under a row lock by the gate, which so never counts messages on the way; counted anew before a purse is called
    empty, because a refused copy costs nothing after all. `purse` names what it is of (campaigns/delivery/spending.py).
    """

    purse = models.CharField(max_length=100, primary_key=True)
    spent = models.DecimalField(max_digits=16, decimal_places=4)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(spent__gte=0), name="spent_not_negative")]

    def __str__(self) -> str:
        return f"{self.purse}: {self.spent}"


class Instance(models.Model):
    """One row: which installation this database belongs to. A copy that wakes up elsewhere must not send.

    `fingerprint` is that of the database cluster and of this very table; `starts` is also kept in a file beside the
    journal. Where either does not match, everything that would send is parked until an owner says that the other
    one is gone.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    fingerprint = models.CharField(max_length=100, blank=True)
    starts = models.PositiveIntegerField(default=0)
    parked_at = models.DateTimeField(null=True)
    parked_reason = models.CharField(max_length=60, blank=True)
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_instance")]

    def __str__(self) -> str:
        return self.fingerprint


class TopicRefusal(models.Model):
    """An address that wants nothing about a topic in a channel; other topics may go on. Keyed digest."""

    channel = models.CharField(max_length=10, choices=Medium)
    address_digest = models.CharField(max_length=64)
    topic = models.CharField(max_length=40)
    source = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "address_digest", "topic"], name="topic_refused_once")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.topic}"
