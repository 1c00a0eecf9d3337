from decimal import Decimal
from typing import Any

from rest_framework import serializers

from orders.models import Order, OrderLine, Product, Refund

MAX_BULK = 1_000
MAX_LINES = 500


class OrderSerializer(serializers.ModelSerializer[Order]):
    """A purchase. Amounts in `currency`; `paid_on` is the shop's local day of payment."""

    shop = serializers.SlugRelatedField[Any](slug_field="code", read_only=True)
    currency = serializers.CharField(source="shop.currency", read_only=True)
    net_amount = serializers.DecimalField(max_digits=16, decimal_places=2, read_only=True, help_text="Paid − refunded.")

    class Meta:
        model = Order
        fields = [
            "id", "shop", "external_id", "customer", "state", "platform_state", "placed_at", "paid_at", "paid_on",
            "shipped_at", "delivered_at", "currency", "total_amount", "paid_amount", "refunded_amount", "net_amount",
            "source_updated_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = ["customer"]


class OrderLineSerializer(serializers.ModelSerializer[OrderLine]):
    class Meta:
        model = OrderLine
        fields = ["line_no", "product", "sku", "name", "quantity", "unit_price", "amount"]


class RefundSerializer(serializers.ModelSerializer[Refund]):
    class Meta:
        model = Refund
        fields = ["id", "external_id", "amount", "refunded_at", "refunded_on", "reason"]


class OrderDetailSerializer(OrderSerializer):
    lines = OrderLineSerializer(many=True, read_only=True)
    refunds = RefundSerializer(many=True, read_only=True)

    class Meta(OrderSerializer.Meta):
        fields = [*OrderSerializer.Meta.fields, "lines", "refunds"]


class ProductSerializer(serializers.ModelSerializer[Product]):
    """`cost` is per piece in `currency`, null where unknown. Products with the same `item` are one product."""

    shop = serializers.SlugRelatedField[Any](slug_field="code", read_only=True)
    currency = serializers.CharField(source="shop.currency", read_only=True)

    class Meta:
        model = Product
        fields = ["id", "shop", "sku", "name", "category", "currency", "cost", "item", "created_at"]
        read_only_fields = ["sku", "name", "item"]


class ProductEditSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is; a cost of null is an unknown one."""

    category = serializers.CharField(max_length=120, required=False, allow_blank=True)
    cost = serializers.DecimalField(
        max_digits=14, decimal_places=2, min_value=Decimal(0), required=False, allow_null=True,
        help_text="Per piece, in the shop's currency.",
    )  # fmt: skip


class ProductLinkSerializer(serializers.Serializer[Any]):
    product = serializers.IntegerField(min_value=1, help_text="The number of the product that is the same one.")


class PlatformShareSerializer(serializers.Serializer[Any]):
    """Shares are 0–1. A customer of two platforms counts on both."""

    platform = serializers.CharField()
    customers = serializers.IntegerField(help_text="Active customers with a paid order there.")
    only_here = serializers.IntegerField(help_text="Of them, those who bought on no other platform in the period.")
    customer_share = serializers.FloatField(allow_null=True)
    orders = serializers.IntegerField(help_text="Paid orders, with those of anonymous buyers.")
    revenue = serializers.DecimalField(max_digits=18, decimal_places=2)
    revenue_share = serializers.FloatField(allow_null=True)
    margin = serializers.DecimalField(
        max_digits=18, decimal_places=2, allow_null=True, help_text="Where costs are known; null where none is."
    )
    margin_share = serializers.FloatField(allow_null=True)
    margin_coverage = serializers.FloatField(allow_null=True, help_text="Share of the units whose cost is known.")


class PlatformRiseSerializer(serializers.Serializer[Any]):
    """A platform's share of revenue in the last four weeks and in the four before."""

    platform = serializers.CharField()
    before = serializers.FloatField()
    now = serializers.FloatField()


class PlatformTrendSerializer(serializers.Serializer[Any]):
    """Empty `changes`: fewer than 30 orders in four weeks. `alerts` are rises by more than 0.05."""

    weeks = serializers.ListField(child=serializers.DateField(), help_text="First days, oldest first.")
    orders = serializers.ListField(child=serializers.IntegerField())
    shares = serializers.DictField(
        child=serializers.ListField(child=serializers.FloatField(allow_null=True)),
        help_text="Platform → share of each week's net amount.",
    )
    changes = PlatformRiseSerializer(many=True)
    alerts = PlatformRiseSerializer(many=True)


class ReachSerializer(serializers.Serializer[Any]):
    """Customers of a platform if it closed: `customers` = `own` + `other` + `lost`."""

    platform = serializers.CharField()
    customers = serializers.IntegerField(help_text="With a paid order there, however long ago.")
    sms = serializers.IntegerField()
    email = serializers.IntegerField()
    community = serializers.IntegerField()
    elsewhere = serializers.IntegerField(help_text="Bought on another platform, or known there by an ID.")
    own = serializers.IntegerField(help_text="Reached without any platform: by SMS, by e-mail or in a community.")
    other = serializers.IntegerField(help_text="Only on another platform.")
    lost = serializers.IntegerField(help_text="In no way that is known.")


class DependenceSerializer(serializers.Serializer[Any]):
    """How much the store depends on one platform, in the `first` to `last` days of payment."""

    book = serializers.CharField()
    currency = serializers.CharField()
    first = serializers.DateField()
    last = serializers.DateField()
    active = serializers.IntegerField(help_text="Known customers with a paid order in the period.")
    revenue = serializers.DecimalField(max_digits=18, decimal_places=2)
    concentration = serializers.FloatField(
        allow_null=True, help_text="Herfindahl–Hirschman index of revenue, 0–1: the sum of the squared shares."
    )
    margin_concentration = serializers.FloatField(allow_null=True)
    platforms = PlatformShareSerializer(many=True)
    trend = PlatformTrendSerializer()
    reach = ReachSerializer(many=True)


class LineWriteSerializer(serializers.Serializer[Any]):
    quantity = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    unit_price = serializers.DecimalField(max_digits=16, decimal_places=4, min_value=Decimal(0))
    sku = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    name = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    category = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    amount = serializers.DecimalField(
        max_digits=16, decimal_places=2, min_value=Decimal(0), required=False, allow_null=True, default=None,
        help_text="quantity × unit_price if not given.",
    )  # fmt: skip


class RefundWriteSerializer(serializers.Serializer[Any]):
    external_id = serializers.CharField(max_length=80)
    amount = serializers.DecimalField(max_digits=16, decimal_places=2, min_value=Decimal(0))
    refunded_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class OrderWriteSerializer(serializers.Serializer[Any]):
    """An order as the shop knows it now. Amounts are in the shop's currency, moments carry their offset.

    A buyer is known by `buyer_id` (unique in the shop), else by phone, else by e-mail, else the order is anonymous.
    News older than `source_updated_at` of what is stored change nothing.
    """

    external_id = serializers.CharField(max_length=80, help_text="The shop's order number.")
    state = serializers.ChoiceField(choices=Order.State.choices)
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    shipped_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    delivered_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    source_updated_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    total_amount = serializers.DecimalField(
        max_digits=16, decimal_places=2, min_value=Decimal(0), required=False, allow_null=True, default=None,
        help_text="The sum of the lines if not given.",
    )  # fmt: skip
    paid_amount = serializers.DecimalField(
        max_digits=16, decimal_places=2, min_value=Decimal(0), required=False, allow_null=True, default=None,
        help_text="The total, once `paid_at` is given, if not given.",
    )  # fmt: skip
    platform_state = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    buyer_id = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    buyer_name = serializers.CharField(max_length=150, required=False, default="", allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    email = serializers.CharField(max_length=254, required=False, default="", allow_blank=True)
    city = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    country = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    lines = LineWriteSerializer(many=True, required=False, default=list, max_length=MAX_LINES)  # type: ignore[call-arg]
    refunds = RefundWriteSerializer(many=True, required=False, default=list, max_length=MAX_LINES)  # type: ignore[call-arg]
    extra = serializers.DictField(required=False, default=dict)


class OrderCreateSerializer(OrderWriteSerializer):
    shop = serializers.CharField(max_length=40, help_text="The shop's code.")


class OrderBatchSerializer(serializers.Serializer[Any]):
    shop = serializers.CharField(max_length=40, help_text="The shop's code.")
    items = serializers.ListField(min_length=1, max_length=MAX_BULK, help_text="Orders, each judged by itself.")


class OrderBatchSchema(serializers.Serializer[Any]):
    """How a batch looks; each item is judged by itself, so that a wrong one does not reject the rest."""

    shop = serializers.CharField(max_length=40, help_text="The shop's code.")
    items = OrderWriteSerializer(many=True, min_length=1, max_length=MAX_BULK)  # type: ignore[call-arg]


class RowErrorSerializer(serializers.Serializer[Any]):
    pointer = serializers.CharField(help_text="Such as /items/3/lines/0/quantity.")
    code = serializers.CharField()
    detail = serializers.CharField()


class RowResultSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Place in `items`, from 0.")
    external_id = serializers.CharField()
    result = serializers.ChoiceField(choices=["created", "updated", "unchanged", "error"])
    errors = RowErrorSerializer(many=True)  # type: ignore[assignment]


class OrderResultsSerializer(serializers.Serializer[Any]):
    results = RowResultSerializer(many=True)
