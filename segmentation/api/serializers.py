from typing import Any

from rest_framework import serializers


class ShareSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    customers = serializers.IntegerField(source="n")
    orders = serializers.IntegerField()
    net_amount = serializers.DecimalField(source="net", max_digits=20, decimal_places=2)
    share = serializers.FloatField(help_text="Of the customers, 0–1.")
    net_share = serializers.FloatField(help_text="Of the net amount, 0–1.")


class CellSerializer(serializers.Serializer[Any]):
    r = serializers.IntegerField()
    f = serializers.IntegerField()
    customers = serializers.IntegerField(source="n")
    orders = serializers.IntegerField()
    net_amount = serializers.DecimalField(source="net", max_digits=20, decimal_places=2)


class RunSerializer(serializers.Serializer[Any]):
    """Which analysis the figures are of."""

    book = serializers.CharField()
    currency = serializers.CharField()
    as_of = serializers.DateField(help_text="The shop's local day that recency is counted to.")
    finished_at = serializers.DateTimeField()


class CrossingSerializer(serializers.Serializer[Any]):
    into = serializers.CharField(help_text="The stage that begins after `days` days without a purchase.")
    days = serializers.IntegerField()
    customers = serializers.IntegerField(source="n", help_text="Who crosses within seven days unless they buy.")
