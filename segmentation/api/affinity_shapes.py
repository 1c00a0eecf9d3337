"""What the doors of products answer with."""

from typing import Any

from rest_framework import serializers


class AffinityProductSerializer(serializers.Serializer[Any]):
    product = serializers.CharField(
        source="reference", help_text="`product:12`, or `item:7` where products of several shops are linked."
    )
    name = serializers.CharField()
    category = serializers.CharField()


class CountedSerializer(serializers.Serializer[Any]):
    """What was counted. Only paid orders of known customers that say what was bought."""

    book = serializers.CharField()
    first = serializers.DateField(help_text="The shop's local day of payment.")
    last = serializers.DateField()
    counted_at = serializers.DateTimeField()
    orders_left_out = serializers.IntegerField(help_text="Orders with more than 50 different products.")


class PairSerializer(serializers.Serializer[Any]):
    """Intervals are Wilson's, 95 %. Shares are 0–1."""

    first = AffinityProductSerializer()
    second = AffinityProductSerializer()
    together = serializers.IntegerField(help_text="Baskets that hold both.")
    first_n = serializers.IntegerField(help_text="Baskets that hold the first.")
    second_n = serializers.IntegerField(help_text="Baskets that hold the second.")
    support = serializers.FloatField(help_text="together ÷ baskets.")
    confidence = serializers.FloatField(help_text="together ÷ first_n.")
    confidence_interval = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    reverse = serializers.FloatField(help_text="together ÷ second_n.")
    reverse_interval = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    lift = serializers.FloatField(help_text="How many times as often together as by chance.")
    lift_interval = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    verdict = serializers.ChoiceField(
        choices=["more", "less", "unclear"], help_text="Than by chance: whether the interval of the lift leaves out 1."
    )


class NextSerializer(serializers.Serializer[Any]):
    product = AffinityProductSerializer()
    n = serializers.IntegerField(help_text="Buyers whose next day of purchase held it.")
    share = serializers.FloatField(help_text="Of those who bought again on a later day, 0–1.")
    interval = serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2)
    median = serializers.IntegerField(help_text="Days until then.")


class FollowingSerializer(serializers.Serializer[Any]):
    buyers = serializers.IntegerField()
    back = serializers.IntegerField(help_text="Buyers who bought anything on a later day.")
    can_tell = serializers.BooleanField(help_text="False below 20 of them: `rows` is empty then.")
    rows = NextSerializer(many=True)


class AffinitySerializer(CountedSerializer):
    by = serializers.ChoiceField(choices=["customer", "order"])
    baskets = serializers.IntegerField(help_text="Customers or orders in all.")
    pairs_in_all = serializers.IntegerField()
    pairs = PairSerializer(many=True)
    next = FollowingSerializer(allow_null=True, help_text="After `product`; null without one.")


class RepeatSerializer(serializers.Serializer[Any]):
    """Days between two purchases of the same by the same customer; null where there are fewer than 20 spells."""

    name = serializers.CharField()
    product = serializers.CharField(source="reference", help_text="Empty for a category.")
    buyers = serializers.IntegerField(source="repeat.buyers")
    once = serializers.IntegerField(source="repeat.once", help_text="Bought it on one day only, and still wait.")
    spells = serializers.IntegerField(source="repeat.spells")
    p30 = serializers.IntegerField(source="repeat.p30", allow_null=True)
    median = serializers.IntegerField(source="repeat.median", allow_null=True)
    p60 = serializers.IntegerField(source="repeat.p60", allow_null=True)
    p90 = serializers.IntegerField(source="repeat.p90", allow_null=True)
    due = serializers.IntegerField(
        source="repeat.due", allow_null=True, help_text="Buyers who last bought it from P30 to P90 days ago."
    )


class IntervalsSerializer(CountedSerializer):
    products = RepeatSerializer(many=True)
    categories = RepeatSerializer(many=True)


class PartSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    n = serializers.IntegerField()
    share = serializers.FloatField()


class PartsSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    rows = PartSerializer(many=True, help_text="Empty where n is below three.")


class SuggestionSerializer(serializers.Serializer[Any]):
    product = AffinityProductSerializer()
    because = AffinityProductSerializer(help_text="What they have bought.")
    confidence = serializers.FloatField(source="pair.confidence")
    lift = serializers.FloatField(source="pair.lift")
    n = serializers.IntegerField(source="pair.first_n", help_text="Buyers of `because`.")


class PreferencesSerializer(serializers.Serializer[Any]):
    """Of the newest 500 paid orders in the customer's own book. Null where three are not reached."""

    book = serializers.CharField(source="book.code")
    currency = serializers.CharField(source="book.currency")
    orders = serializers.IntegerField(source="found.orders")
    lines = serializers.IntegerField(source="found.lines")
    categories = PartsSerializer(source="found.categories")
    price_bands = PartsSerializer(source="found.bands", help_text="Fifths of the book's prices, lowest to highest.")
    price_cuts = serializers.ListField(
        source="cuts", allow_null=True, help_text="The four prices between the bands.",
        child=serializers.DecimalField(max_digits=20, decimal_places=4, rounding="ROUND_HALF_UP"),
    )  # fmt: skip
    weekdays = PartsSerializer(source="found.weekdays", help_text="0 is Monday; by the shop's clock.")
    dayparts = PartsSerializer(source="found.dayparts", help_text="Night until 6, morning, afternoon, evening from 18.")
    pieces = serializers.IntegerField(source="found.pieces", allow_null=True, help_text="Median per order.")
    full_price = serializers.FloatField(
        source="found.full_price", allow_null=True, help_text="Share of the orders paid without a discount, 0–1."
    )
    suggestions = SuggestionSerializer(many=True)
