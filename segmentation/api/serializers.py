from typing import Any

from rest_framework import serializers

from crm_suite.access.api import may_see_personal_data
from crm_suite.lib.masking import mask_name
from customers.models import CustomerFacts
from segmentation import rules
from segmentation.models import Segment

RULE_HELP = 'A tree of {"all": […]}, {"any": […]}, {"not": …} and {"field": …, "op": …, "value": …}.'


class RuleField(serializers.JSONField):
    """A rule tree; what it means is checked by segmentation.rules, which names the node that is wrong."""


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    words = serializers.SerializerMethodField(help_text="The rule as a sentence, in the language of Accept-Language.")

    class Meta:
        model = Segment
        fields = [
            "id", "name", "description", "kind", "book", "rule", "words", "size", "counted_at", "is_demo",
            "created_at", "updated_at",
        ]  # fmt: skip

    def get_words(self, segment: Segment) -> str:
        return rules.describe(segment.rule)


class SegmentWriteSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    book = serializers.CharField(
        max_length=40, required=False, default="", allow_blank=True, help_text="Empty: every book."
    )
    rule = RuleField(help_text=RULE_HELP)


class PreviewRequestSerializer(serializers.Serializer[Any]):
    book = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    rule = RuleField(help_text=RULE_HELP)


class MemberSerializer(serializers.ModelSerializer[CustomerFacts]):
    """A member, as the analysis in force knows them. Names are masked without `pii:read`."""

    customer = serializers.IntegerField(source="customer_id", read_only=True)
    name = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()

    class Meta:
        model = CustomerFacts
        fields = [
            "customer", "name", "book", "currency", "stage", "group", "orders", "net_amount", "last_paid_on",
            "email_ok", "sms_ok",
        ]  # fmt: skip

    def get_name(self, facts: CustomerFacts) -> str:
        name = facts.customer.name
        return name if may_see_personal_data(self.context["request"]) else mask_name(name)

    def get_currency(self, facts: CustomerFacts) -> str:
        return facts.book[:3]


class PreviewSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField(help_text="Customers who fit the whole rule.")
    email_ok = serializers.IntegerField(help_text="Of these, reachable by e-mail.")
    sms_ok = serializers.IntegerField(help_text="Of these, reachable by SMS.")
    everybody = serializers.IntegerField(help_text="Customers of the book, for comparison.")
    parts = serializers.DictField(child=serializers.IntegerField(), help_text="Path of each part → who fits it alone.")
    words = serializers.CharField()
    sample = MemberSerializer(many=True)


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


class RfmSerializer(RunSerializer):
    cuts = serializers.DictField(help_text="r in days, f in orders, m in `currency`: four ascending cuts each.")
    thresholds = serializers.DictField(help_text="What counts as high in r, f and m.")
    groups = ShareSerializer(many=True)
    cells = CellSerializer(many=True, help_text="Customers by R score and F score.")


class CrossingSerializer(serializers.Serializer[Any]):
    into = serializers.CharField(help_text="The stage that begins after `days` days without a purchase.")
    days = serializers.IntegerField()
    customers = serializers.IntegerField(source="n", help_text="Who crosses within seven days unless they buy.")


class LifecycleSerializer(RunSerializer):
    bounds = serializers.DictField(help_text="p30, p60, p90 in days; source: own or fallback.")
    half_life = serializers.IntegerField(allow_null=True, help_text="Churn half-life in days; null where not known.")
    win_back = serializers.IntegerField(allow_null=True, help_text="Day after a purchase on which to win back.")
    stages = ShareSerializer(many=True)
    crossings = CrossingSerializer(many=True)
