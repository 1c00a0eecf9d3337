from typing import Any

from rest_framework import serializers

from segmentation.api.serializers import RunSerializer
from segmentation.growth import COLUMNS
from segmentation.growth_report import Month


class CohortCellSerializer(serializers.Serializer[Any]):
    months_since = serializers.IntegerField(help_text="Months since that of the first order, from 0.")
    buyers = serializers.IntegerField(help_text="Customers of the cohort with a paid order in that month.")
    share = serializers.FloatField(help_text="Of the cohort, 0–1.")
    low = serializers.FloatField(help_text="Lower end of the share's 95 % interval (Wilson).")
    high = serializers.FloatField()
    net_amount = serializers.DecimalField(
        source="net", max_digits=20, decimal_places=2, help_text="Cumulative: paid − refunded up to that month."
    )
    net_per_customer = serializers.DecimalField(source="net_each", max_digits=20, decimal_places=2)
    is_open = serializers.BooleanField(help_text="The month has not ended yet.")


class CohortSerializer(serializers.Serializer[Any]):
    month = serializers.DateField(help_text="First day of the month of the first paid order, the shop's local month.")
    customers = serializers.IntegerField(source="n")
    cells = CohortCellSerializer(many=True)


class AverageSerializer(serializers.Serializer[Any]):
    months_since = serializers.IntegerField()
    customers = serializers.IntegerField(source="n", help_text="Of all cohorts that have finished that month.")
    share = serializers.FloatField(help_text="Of these, who bought in it, 0–1.")
    net_per_customer = serializers.DecimalField(source="net_each", max_digits=20, decimal_places=2)


class CohortsSerializer(serializers.Serializer[Any]):
    book = serializers.CharField()
    currency = serializers.CharField()
    day = serializers.DateField(help_text="Orders up to this local day are counted.")
    counted_at = serializers.DateTimeField()
    customers = serializers.IntegerField(help_text="In all cohorts listed.")
    before = serializers.IntegerField(help_text="Customers whose first order is older than the oldest cohort.")
    cohorts = CohortSerializer(many=True)
    all_cohorts = AverageSerializer(many=True)


FIGURES_HELP = (
    "Customers. Each stands in one of new, retained, woken (back from dormant), won_back (back from lost), waiting, "
    "gone (newly lost without a purchase) and lost_before. start + new + won_back − lost = end. p60, p90: bounds, days."
)


class MonthSerializer(serializers.Serializer[Any]):
    month = serializers.DateField()
    is_finished = serializers.BooleanField()
    figures = serializers.DictField(child=serializers.IntegerField(), help_text=FIGURES_HELP)
    customers = serializers.IntegerField(help_text="Everybody who had ever bought by its end: the sum of the rows.")
    new_rate = serializers.FloatField(allow_null=True, help_text="new ÷ start.")
    lost_rate = serializers.FloatField(allow_null=True, help_text="lost ÷ start.")
    growth = serializers.FloatField(allow_null=True, help_text="new_rate − lost_rate.")
    quick_ratio = serializers.FloatField(allow_null=True, help_text="(new + won_back) ÷ lost.")
    first_told = serializers.SerializerMethodField(help_text="Figures as first told; null while it has not ended.")
    told_at = serializers.DateTimeField(allow_null=True)
    difference = serializers.SerializerMethodField(help_text="Now − first told, of each figure.")

    def get_first_told(self, month: Month) -> dict[str, int] | None:
        return month.first

    def get_difference(self, month: Month) -> dict[str, int] | None:
        return month.first and {name: month.figures[name] - month.first[name] for name in COLUMNS}


class SpanSerializer(serializers.Serializer[Any]):
    months = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True, help_text="Per month; null where it cannot be told.")
    start = serializers.IntegerField(help_text="Customers at the start who were not lost.")


class GrowthSerializer(serializers.Serializer[Any]):
    book = serializers.CharField()
    platform = serializers.CharField(help_text="Empty: the whole book.")
    platforms = serializers.ListField(child=serializers.CharField(), help_text="Which can be asked for.")
    as_of = serializers.DateField()
    compound = SpanSerializer(many=True, source="spans", help_text="Growth per month over the last finished months.")
    months = MonthSerializer(many=True, help_text="Oldest first, 36 at most.")


class MoveSerializer(serializers.Serializer[Any]):
    was = serializers.CharField(help_text="Empty: not known yet.")
    now = serializers.CharField(help_text="Empty: no label.")
    customers = serializers.IntegerField(source="n")
    share = serializers.FloatField(help_text="Of those who were `was`, 0–1.")
    net_amount = serializers.DecimalField(source="net", max_digits=20, decimal_places=2, help_text="Until today.")


class LabelsOfSerializer(RunSerializer):
    """The analysis that gave the labels of a day."""

    bounds = serializers.DictField(help_text="p30, p60, p90 in days; source: own, fallback or chosen.")


class MovesSerializer(serializers.Serializer[Any]):
    book = serializers.CharField()
    currency = serializers.CharField()
    kind = serializers.CharField(help_text="stage or group.")
    first = LabelsOfSerializer(allow_null=True, help_text="Labels of the first day; null where there were none.")
    last = LabelsOfSerializer()
    customers = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="Had a label on the first day and another one on the second.")
    cells = MoveSerializer(many=True)


class StageOnSerializer(LabelsOfSerializer):
    customer = serializers.IntegerField()
    on = serializers.DateField()
    stage = serializers.CharField()
    group = serializers.CharField(help_text="Value group; empty without a paid order.")
