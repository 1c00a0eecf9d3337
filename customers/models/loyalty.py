"""The loyalty programme: membership with its tier, and the ledger of points."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer, Shop


class Tier(models.Model):
    """A step of the programme in one book. Who passes all thresholds that are set belongs here; the highest wins."""

    book = models.CharField(_("measured with"), max_length=40)
    rank = models.PositiveSmallIntegerField(
        _("step"), help_text=_("1 is the lowest."), validators=[MinValueValidator(1)]
    )
    name = models.CharField(_("name"), max_length=60)
    min_net_amount = models.DecimalField(
        _("net amount of at least"), max_digits=14, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(0)],
    )  # fmt: skip
    min_orders = models.PositiveIntegerField(_("paid orders of at least"), null=True, blank=True)
    within_days = models.PositiveIntegerField(
        _("within the last days"), default=365, help_text=_("0 counts everything ever bought.")
    )
    benefits = models.CharField(_("benefits"), max_length=300, blank=True)

    class Meta:
        ordering = ["book", "rank"]
        permissions = [("manage_loyalty", "May set up tiers and points, and book points by hand")]
        constraints = [
            models.UniqueConstraint(fields=["book", "rank"], name="tier_rank_once_per_book"),
            models.UniqueConstraint(fields=["book", "name"], name="tier_name_once_per_book"),
            models.CheckConstraint(condition=Q(rank__gte=1), name="tier_rank_from_1"),
            models.CheckConstraint(
                condition=Q(min_net_amount__isnull=False) | Q(min_orders__isnull=False), name="tier_has_a_threshold"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A customer in the programme. `points` is derived: always the sum of the customer's entries."""

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, primary_key=True, related_name="membership")
    number = models.CharField(_("loyalty number"), max_length=60, blank=True)
    joined_on = models.DateField(_("member since"), null=True)
    tier = models.ForeignKey(Tier, null=True, on_delete=models.SET_NULL, related_name="members")
    tier_since = models.DateField(null=True)
    points = models.BigIntegerField(_("points"), default=0)

    class Meta:
        indexes = [
            models.Index(fields=["-points", "-customer"]),  # members by points
            models.Index(fields=["tier", "-customer"]),  # members of a tier
        ]

    def __str__(self) -> str:
        return f"membership of {self.customer_id}"


class PointsRule(models.Model):
    """How paid orders of a shop earn points: so many per unit of its currency of the net amount, rounded down."""

    shop = models.OneToOneField(Shop, on_delete=models.CASCADE, primary_key=True, related_name="points_rule")
    points_per_unit = models.DecimalField(
        _("points per unit of currency"), max_digits=8, decimal_places=4, validators=[MinValueValidator(0)]
    )
    expire_days = models.PositiveIntegerField(
        _("points expire after days"), null=True, blank=True, help_text=_("Empty: never.")
    )
    starts_on = models.DateField(_("orders paid from"), help_text=_("Earlier orders earn nothing."))
    is_active = models.BooleanField(_("in force"), default=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(points_per_unit__gte=0), name="points_rate_not_negative")]

    def __str__(self) -> str:
        return f"{self.points_per_unit} per unit in {self.shop_id}"


class PointsEntry(models.Model):
    """One movement of points. Append-only, held by the database: a mistake is answered by another entry.

    `key` names the movement in its source, so that booking it twice books it once. `order_id` is the order that
    earned or lost the points; the room of orders keeps it.
    """

    class Kind(models.TextChoices):
        EARN = "earn", _("Earned")
        REVERSE = "reverse", _("Taken back")
        REDEEM = "redeem", _("Redeemed")
        EXPIRE = "expire", _("Expired")
        ADJUST = "adjust", _("Corrected")

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="points_entries")
    kind = models.CharField(max_length=8, choices=Kind)
    points = models.BigIntegerField(_("points"))
    occurred_at = models.DateTimeField(_("when"))
    expires_on = models.DateField(_("expires on"), null=True)
    shop = models.ForeignKey(Shop, null=True, on_delete=models.SET_NULL, related_name="points_entries")
    order_id = models.BigIntegerField(null=True)
    key = models.CharField(max_length=100, unique=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    booked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    booked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "points entries"
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(points=0), name="entry_moves_points"),
            models.CheckConstraint(
                condition=Q(kind="adjust") | Q(kind="earn", points__gt=0)
                | (~Q(kind__in=["adjust", "earn"]) & Q(points__lt=0)),
                name="entry_sign_fits_kind",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["customer", "-occurred_at", "-id"], name="points_newest"),
            models.Index(fields=["order_id"], condition=Q(order_id__isnull=False), name="points_of_order"),
            models.Index(fields=["expires_on"], condition=Q(expires_on__isnull=False), name="points_expiring"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.points:+d}"
