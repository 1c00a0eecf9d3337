from typing import Any

from rest_framework import serializers

from crm_suite.access.api import may_see_personal_data
from crm_suite.lib.masking import mask_name
from customers.models import CustomerFacts
from segmentation import rules
from segmentation.models import Segment, SegmentSize

RULE_HELP = (
    'A tree of {"all": […]}, {"any": […]}, {"not": …}, {"field": …, "op": …, "value": …}, '
    '{"orders" | "touchpoints" | "messages": {"filter": {…}, "count": {"op": …, "value": …}, "within_days": …}} and '
    '{"was": {"kind": "stage" | "group", "value": […], "on": …}}.'
)


class RuleField(serializers.JSONField):
    """A rule tree; what it means is checked by segmentation.rules, which names the node that is wrong."""


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    words = serializers.SerializerMethodField(
        help_text="The rule as a sentence, in the language of Accept-Language; empty where it cannot be read."
    )
    problem = serializers.SerializerMethodField(help_text="Why the rule cannot be used any more; null where it can.")

    class Meta:
        model = Segment
        fields = [
            "id", "name", "description", "kind", "book", "rule", "words", "problem", "size", "counted_at", "is_demo",
            "created_at", "updated_at",
        ]  # fmt: skip

    def get_words(self, segment: Segment) -> str:
        try:
            return rules.describe(segment.rule)
        except rules.BadRule:
            return ""

    def get_problem(self, segment: Segment) -> str | None:
        try:
            rules.parse(segment.rule)
        except rules.BadRule as error:
            return error.message
        return None


class SegmentWriteSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    book = serializers.CharField(
        max_length=40, required=False, default="", allow_blank=True, help_text="Empty: every real book."
    )
    rule = RuleField(help_text=RULE_HELP)


class PreviewRequestSerializer(serializers.Serializer[Any]):
    book = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    rule = RuleField(help_text=RULE_HELP)
    patience = serializers.FloatField(
        required=False, default=None, allow_null=True, min_value=0, max_value=60,
        help_text="Seconds that you wait for exact counts, after which they are estimated. Null: as long as it takes.",
    )  # fmt: skip


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


class SampleSerializer(MemberSerializer):
    """A member of a preview, and why."""

    why = serializers.ListField(
        child=serializers.CharField(), help_text="What the rule asks about, with this customer's value."
    )

    class Meta(MemberSerializer.Meta):
        fields = [*MemberSerializer.Meta.fields, "why"]


class PreviewSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField(help_text="Customers who fit the whole rule.")
    email_ok = serializers.IntegerField(help_text="Of these, reachable by e-mail.")
    sms_ok = serializers.IntegerField(help_text="Of these, reachable by SMS.")
    everybody = serializers.IntegerField(help_text="Customers of the book, for comparison.")
    parts = serializers.DictField(child=serializers.IntegerField(), help_text="Path of each part → who fits it alone.")
    words = serializers.CharField()
    asked = serializers.IntegerField(
        help_text="The counts are estimated from so many customers drawn at random; 0 where they are exact."
    )
    low = serializers.IntegerField(help_text="Where the total lies, with 95 % confidence: from here …")
    high = serializers.IntegerField(help_text="… to here. The total itself where it is exact.")
    sample = SampleSerializer(
        many=True, help_text="Up to ten; none where the counts are estimated and too few fit to come across them."
    )


class SizeSerializer(serializers.ModelSerializer[SegmentSize]):
    """The size of a live segment at the end of a local day."""

    class Meta:
        model = SegmentSize
        fields = ["on", "size", "entered", "left", "counted_at"]
        extra_kwargs = {
            "entered": {"help_text": "Since the count of the day before that was counted; null where unknown."},
            "left": {"help_text": "Since the count of the day before that was counted; null where unknown."},
        }
