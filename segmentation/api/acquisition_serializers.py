from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from customers.books import Book
from segmentation.acquisition import spend
from segmentation.acquisition.selectors import Overview, Recovery
from segmentation.models import SpendEntry

Given = serializers.Serializer[Any]


class AmountField(serializers.DecimalField):
    """An amount that was reckoned, in the book's currency, to the cent; null where it cannot be told."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=20, decimal_places=2, allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(round(Decimal(value), 2))


class SourceSerializer(Given):
    source = serializers.CharField()  # type: ignore[assignment]
    label = serializers.CharField()  # type: ignore[assignment]
    new_customers = serializers.IntegerField(source="cost.n")
    first_order = AmountField(source="cost.first_order", help_text="Net amount of a first order on average.")
    spent = AmountField(source="cost.spent", help_text="Recorded spend, by days; null where none is recorded.")
    cost_per_customer = AmountField(source="cost.per_customer", help_text="`spent` ÷ `new_customers`.")
    promised_low = AmountField(source="cost.promised_low", help_text="Cost by the price models, the lowest.")
    promised_high = AmountField(source="cost.promised_high", help_text="Cost by the price models, the highest.")
    without_bill = serializers.IntegerField(source="cost.unknown", help_text="Entries that are not in `spent`.")


class AcquisitionSerializer(Given):
    """Days are the shop's local days of payment, amounts in `currency`."""

    book = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()
    first = serializers.DateField(source="days.first")
    last = serializers.DateField(source="days.last")
    counted_at = serializers.DateTimeField(source="newcomers.counted_at")
    new_customers = serializers.IntegerField(source="newcomers.n")
    known_by = serializers.DictField(
        source="newcomers.how", child=serializers.IntegerField(),
        help_text="told: by somebody; touch: first contact before they paid; shop: of the first order.",
    )  # fmt: skip
    sources = SourceSerializer(source="shown", many=True)
    others = serializers.IntegerField(source="rest_n", help_text="New customers of all further sources.")

    def get_book(self, found: Overview) -> str:
        return _book(self).code

    def get_currency(self, found: Overview) -> str:
        return _book(self).currency


class PointSerializer(Given):
    at = serializers.IntegerField(help_text="Order number, or months of 30 days since the first purchase.")
    n = serializers.IntegerField(help_text="Customers whom the mean is of.")
    reached = serializers.IntegerField(help_text="Customers who made that many orders, or were seen for so long.")
    amount = AmountField(source="mean", help_text="Brought in per new customer so far.")
    low = AmountField(help_text="95 % interval.")
    high = AmountField()


class PaidBackSerializer(Given):
    at = serializers.IntegerField()
    is_sure = serializers.BooleanField(help_text="Whether the interval's low end has passed the cost too.")


class PaybackSerializer(Given):
    book = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()
    first = serializers.SerializerMethodField()
    last = serializers.SerializerMethodField()
    as_of = serializers.DateField(help_text="Orders up to this day count.")
    source = serializers.CharField(source="row.source")  # type: ignore[assignment]
    basis = serializers.ChoiceField(choices=["margin", "net"])
    coverage = serializers.FloatField(
        allow_null=True, help_text="Margin only: share of the net amount whose product costs are known, 0–1."
    )
    new_customers = serializers.IntegerField(source="n")
    cost = AmountField(help_text="Recorded cost per new customer, else the dearest price model's.")
    can_tell = serializers.BooleanField(help_text="False without a cost, or with fewer than 30 new customers.")
    paid_back_with_order = PaidBackSerializer(source="order", allow_null=True, help_text="Null: not yet.")
    paid_back_in_month = PaidBackSerializer(source="month", allow_null=True, help_text="Null: not yet.")
    by_order = PointSerializer(source="orders", many=True)
    by_month = PointSerializer(source="months", many=True)

    def get_book(self, found: Recovery) -> str:
        return _book(self).code

    def get_currency(self, found: Recovery) -> str:
        return _book(self).currency

    @extend_schema_field(serializers.DateField)
    def get_first(self, found: Recovery) -> Any:
        return self.context["days"].first

    @extend_schema_field(serializers.DateField)
    def get_last(self, found: Recovery) -> Any:
        return self.context["days"].last


def _book(serializer: Given) -> Book:
    found: Book = serializer.context["book"]
    return found


class SpendSerializer(serializers.ModelSerializer[SpendEntry]):
    """One entry. Rates are shares of 1, amounts in `currency`."""

    currency = serializers.SerializerMethodField()
    spent = serializers.SerializerMethodField(help_text="The whole bill; null where it hangs on something unknown.")
    cost_per_customer = serializers.SerializerMethodField(help_text="What the price model promises; null if unknown.")

    class Meta:
        model = SpendEntry
        fields = [
            "id", "book", "currency", "source", "kind", "first_day", "last_day", "price", "quantity", "rate",
            "click_rate", "conversion", "note", "spent", "cost_per_customer", "created_at", "updated_at",
        ]  # fmt: skip

    def get_currency(self, entry: SpendEntry) -> str:
        return entry.book[:3]

    @extend_schema_field(AmountField)
    def get_spent(self, entry: SpendEntry) -> Any:
        return _amount(spend.model_of(entry).spent())

    @extend_schema_field(AmountField)
    def get_cost_per_customer(self, entry: SpendEntry) -> Any:
        return _amount(spend.model_of(entry).per_customer())


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


class SpendWriteSerializer(serializers.ModelSerializer[SpendEntry]):
    """What the kind does not ask for is emptied."""

    class Meta:
        model = SpendEntry
        fields = [
            "book", "source", "kind", "first_day", "last_day", "price", "quantity", "rate", "click_rate", "conversion",
            "note",
        ]  # fmt: skip
        validators: list[Any] = []
