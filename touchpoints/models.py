"""What passed between us and a customer, from browsing to unboxing to review."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from customers.models import Customer, Shop
from orders.models import Order
from touchpoints.kinds import Kind, kind_of


class Touchpoint(models.Model):
    """One contact between a customer and the store, in or out, in any channel.

    `dedupe_key` names the event in its source (`refund:17`, `message:5:sent`, `api:…`), so that telling it twice
    records it once. A step of an order has none: its order and kind say which it is, and there are very many of them.
    A campaign is named by its code, because this room does not know the campaigns room.
    """

    class Stage(models.TextChoices):
        DISCOVER = "discover", _("Discover")
        BROWSE = "browse", _("Browse")
        CONSULT = "consult", _("Consult")
        ORDER = "order", pgettext_lazy("journey stage", "Order")
        PAY = "pay", _("Pay")
        SHIP = "ship", _("Ship")
        RECEIVE = "receive", _("Receive & unbox")
        USE = "use", _("Use")
        AFTER_SALE = "after_sale", _("After-sale")
        MARKETING = "marketing", _("Marketing")
        COMMUNITY = "community", _("Community")

    class Direction(models.TextChoices):
        INWARD = "in", _("From the customer")
        OUTWARD = "out", _("From us")

    # Written by the hundred thousand after an import: no checks by trigger, no index that a longer one begins with,
    # and a step of an order stands in no index that can do without it.
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="touchpoints", db_constraint=False, db_index=False
    )
    stage = models.CharField(_("journey stage"), max_length=10, choices=Stage)
    kind = models.CharField(_("kind"), max_length=40, help_text=_("order_placed, message_sent, page_view, review …"))
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    channel = models.CharField(_("channel"), max_length=20, help_text=_("shop, email, sms, phone, chat, web …"))
    occurred_at = models.DateTimeField(_("when"))
    shop = models.ForeignKey(
        Shop, null=True, blank=True, on_delete=models.SET_NULL, db_constraint=False, db_index=False
    )
    order = models.ForeignKey(
        Order,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="touchpoints",
        db_constraint=False,
        db_index=False,
    )
    campaign_code = models.CharField(max_length=40, blank=True)
    agent = models.CharField(_("agent"), max_length=80, blank=True)
    satisfaction = models.SmallIntegerField(
        _("satisfaction"), null=True, blank=True, help_text=_("1 (bad) to 5 (good).")
    )
    summary = models.CharField(_("summary"), max_length=300, blank=True)
    data = models.JSONField(default=dict, blank=True)
    # None and not "", so that the database sees of any key that is looked for that it stands in the index.
    dedupe_key = models.CharField(max_length=120, null=True, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(satisfaction__isnull=True) | Q(satisfaction__range=(1, 5)), name="satisfaction_1_to_5"
            ),
            models.UniqueConstraint(
                fields=["dedupe_key"], condition=Q(dedupe_key__isnull=False), name="told_once_by_key"
            ),
            # Also the way from an order to what it told.
            models.UniqueConstraint(
                fields=["order", "kind", "dedupe_key"],
                condition=Q(order__isnull=False),
                nulls_distinct=False,
                name="told_once_by_order",
            ),
            models.CheckConstraint(
                condition=Q(dedupe_key__isnull=False) | Q(order__isnull=False), name="touchpoint_is_named"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-occurred_at", "-id"]),  # timeline
            # Newest first is read backwards: what is newest is added at an index's end.
            models.Index(fields=["occurred_at", "id"], name="tp_log"),  # log
            # Log by stage. Two stages that every order passes are so many that the log itself is the way to them.
            models.Index(fields=["stage", "occurred_at"], condition=~Q(stage__in=["order", "pay"]), name="tp_stage"),
            models.Index(fields=["campaign_code", "occurred_at"], condition=~Q(campaign_code=""), name="tp_campaign"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.occurred_at:%Y-%m-%d}"

    @property
    def event_key(self) -> str:
        """The name of the event, also of a step of an order: `order:17:paid`."""
        return self.dedupe_key or f"order:{self.order_id}:{self.kind.removeprefix('order_')}"

    @property
    def look(self) -> Kind:
        """What it is called on screen, and its icon."""
        return kind_of(self.kind)
