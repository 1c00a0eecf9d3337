"""What customers are expected to be worth, and what it cost to win them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer


class ValueModel(models.Model):
    """One fit of BG/NBD and Gamma-Gamma to a book (Fader, Hardie & Lee 2005). The newest of a book is in force."""

    book = models.CharField(max_length=40)
    as_of = models.DateField()
    parameters = models.JSONField(default=dict, help_text=_("r, alpha, a, b; p, q, v; weeks as the unit of time."))
    validation = models.JSONField(default=dict, help_text=_("Fit to the first part, forecast beside what happened."))
    counts = models.JSONField(default=dict, help_text=_("Customers, repeaters, log-likelihoods, why there is no fit."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["book", "-id"])]

    def __str__(self) -> str:
        return f"value of {self.book} as of {self.as_of}"


class CustomerValue(models.Model):
    """What the model in force expects of a customer. Amounts are in the currency of `book`."""

    is_derived = True  # says nothing of a customer who has no orders (customers/unused.py)

    customer = models.OneToOneField(
        Customer, on_delete=models.CASCADE, primary_key=True, related_name="value", db_constraint=False
    )
    book = models.CharField(max_length=40)
    p_alive = models.FloatField(help_text=_("0–1: chance that the customer has not left for good."))
    expected_orders = models.FloatField(help_text=_("Purchase days expected in the next 365 days."))
    expected_net = models.DecimalField(
        max_digits=16, decimal_places=2, help_text=_("Net amount expected in the next 365 days.")
    )
    next_purchase_on = models.DateField(null=True, help_text=_("Day until which half of such customers buy again."))

    class Meta:
        indexes = [
            models.Index(fields=["book", "-expected_net", "-customer"]),  # most valuable
            models.Index(fields=["book", "p_alive", "customer"]),  # about to leave
        ]
        constraints = [models.CheckConstraint(condition=Q(p_alive__range=(0, 1)), name="p_alive_0_to_1")]

    def __str__(self) -> str:
        return f"value of {self.customer_id}"


class SpendEntry(models.Model):
    """Money spent to win customers from a source in a period, or the price model it was bought by."""

    class Kind(models.TextChoices):
        FIXED = "fixed", _("Fixed price")
        CPC = "cpc", _("Price per click")
        CPM = "cpm", _("Price per thousand views")
        COMMISSION = "commission", _("Commission on orders")

    book = models.CharField(max_length=40)
    source = models.CharField(_("source"), max_length=60, help_text=_("As in the customers' first-touch source."))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    first_day = models.DateField(_("from"))
    last_day = models.DateField(_("until"))
    # In the currency of the book. Fixed: the whole; CPC: per click; CPM: per thousand views; commission: none.
    price = models.DecimalField(_("price"), max_digits=16, decimal_places=2, null=True, blank=True)
    quantity = models.PositiveBigIntegerField(_("visitors, clicks or views"), null=True, blank=True)
    rate = models.DecimalField(
        _("commission rate"), max_digits=7, decimal_places=6, null=True, blank=True, help_text=_("0–1 of the order.")
    )
    click_rate = models.DecimalField(_("click rate"), max_digits=7, decimal_places=6, null=True, blank=True)
    conversion = models.DecimalField(_("conversion"), max_digits=7, decimal_places=6, null=True, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-last_day", "-id"]
        permissions = [("manage_spend", "May record what was spent to win customers")]
        indexes = [models.Index(fields=["book", "-last_day", "-id"])]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="spend_period_in_order"),
            models.CheckConstraint(
                condition=Q(kind="commission", rate__isnull=False) | Q(price__isnull=False) & ~Q(kind="commission"),
                name="spend_has_its_price",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.first_day}–{self.last_day}"
