from decimal import Decimal
from typing import Any

from rest_framework import serializers

from campaigns.launch.readiness import Readiness
from campaigns.models import Campaign, Medium, Message, PlanEntry, Template
from campaigns.running.rests import Missed
from customers.models import Shop
from segmentation.models import Segment

#: Channels that write to people by name.
BY_MESSAGE = (Medium.EMAIL, Medium.SMS, Medium.PLATFORM)


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    """A send to one audience in one channel. `currency` is that of `unit_price`."""

    shop = serializers.SlugRelatedField[Any](slug_field="code", read_only=True)
    currency = serializers.CharField(source="shop.currency", read_only=True)

    class Meta:
        model = Campaign
        fields = [
            "id", "code", "name", "plan_entry", "unplanned_reason", "shop", "channel", "segment", "segment_name",
            "template", "topic", "lane", "when_capped", "when_quiet", "send_hours", "budget", "daily_ceiling",
            "rest_of", "holdout_percent", "window_days", "state", "approval_reason", "approved_at", "pause_reason",
            "trouble", "scheduled_at", "send_until", "started_at", "finished_at", "audience_size", "unit_price",
            "currency", "is_demo", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class CampaignWriteSerializer(serializers.Serializer[Any]):
    """A draft. Without `plan_entry` it needs `unplanned_reason`: why it is not in the plan."""

    name = serializers.CharField(max_length=120)
    shop = serializers.SlugRelatedField(slug_field="code", queryset=Shop.objects.all())
    channel = serializers.ChoiceField(choices=[(str(one), one.label) for one in BY_MESSAGE])
    segment = serializers.PrimaryKeyRelatedField(queryset=Segment.objects.filter(archived_at__isnull=True))
    template = serializers.PrimaryKeyRelatedField(queryset=Template.objects.all())
    holdout_percent = serializers.IntegerField(min_value=0, max_value=50, required=False, default=10)
    window_days = serializers.IntegerField(min_value=1, max_value=90, required=False, default=7)
    plan_entry = serializers.PrimaryKeyRelatedField(
        queryset=PlanEntry.objects.filter(campaign__isnull=True, state=PlanEntry.State.PLANNED),
        required=False, allow_null=True, default=None,
    )  # fmt: skip
    unplanned_reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    topic = serializers.CharField(max_length=40, required=False, allow_blank=True)
    lane = serializers.ChoiceField(choices=Campaign.Lane.choices, required=False)
    when_capped = serializers.ChoiceField(choices=Campaign.Wait.choices, required=False)
    when_quiet = serializers.ChoiceField(choices=Campaign.Wait.choices, required=False)
    send_hours = serializers.IntegerField(min_value=1, max_value=720, required=False)
    budget = serializers.DecimalField(
        max_digits=12, decimal_places=2, min_value=Decimal(0), required=False, allow_null=True,
        help_text="In the shop's currency; sending pauses before it is passed.",
    )  # fmt: skip
    daily_ceiling = serializers.IntegerField(min_value=1, required=False, allow_null=True)


class CheckSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    level = serializers.ChoiceField(choices=["good", "doubt", "bad"], help_text="`bad` keeps it from being launched.")
    words = serializers.CharField(help_text="In the language of Accept-Language.")


class PreflightSerializer(serializers.Serializer[Any]):
    """What a launch would do, counted now. Counts are customers; `cost` in the shop's currency, null if unknown."""

    audience = serializers.IntegerField(source="preflight.audience")
    excluded = serializers.SerializerMethodField(help_text="Reason → customers.")
    reachable = serializers.IntegerField(source="preflight.reachable")
    held = serializers.IntegerField(source="preflight.held", help_text="Reachable, waiting for the limit of messages.")
    holdout = serializers.IntegerField(source="preflight.holdout")
    treated = serializers.IntegerField(source="preflight.treated")
    parts = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=16, decimal_places=2, allow_null=True)
    approval = serializers.CharField(source="limit", help_text="Why a second person has to approve; empty if nobody.")
    ends_at = serializers.DateTimeField(source="forecast.ends_at", allow_null=True, help_text="Null: cannot tell.")
    can_launch = serializers.BooleanField()
    checks = CheckSerializer(many=True)

    def get_excluded(self, ready: Readiness) -> dict[str, int]:
        return {line.code: line.n for line in ready.preflight.excluded}


class RecipientSerializer(serializers.ModelSerializer[Message]):
    """One line of the ledger: a customer's copy, or why there is none. The address is masked."""

    class Meta:
        model = Message
        fields = [
            "id", "token", "customer", "arm", "state", "reason", "detail", "masked_address", "stage_when_chosen",
            "group_when_chosen", "attempts", "parts", "provider", "provider_message_id", "due_at", "sent_at",
            "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class TestCopySerializer(serializers.Serializer[Any]):
    address = serializers.CharField(max_length=254)


class TestReceiptSerializer(serializers.Serializer[Any]):
    reference = serializers.CharField()
    outcome = serializers.CharField()
    provider_message_id = serializers.CharField()


class SendBackSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class RestSerializer(serializers.Serializer[Any]):
    classes = serializers.MultipleChoiceField(choices=Missed.choices, help_text="For which of those who got nothing.")


class ScheduleSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Now if not given.")


class PauseSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class IntervalSerializer(serializers.Serializer[Any]):
    """An estimate with its 95 % interval."""

    low = serializers.FloatField()
    mid = serializers.FloatField()
    high = serializers.FloatField()


class RateSerializer(serializers.Serializer[Any]):
    hits = serializers.IntegerField()
    n = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True, help_text="hits ÷ n, 0–1; null where nobody was counted.")
    interval = IntervalSerializer(allow_null=True)


class ComparisonSerializer(serializers.Serializer[Any]):
    """Both arms by assignment; `uplift` = treated − holdout, as a share (0.01 = one percentage point)."""

    treated = RateSerializer()
    holdout = RateSerializer()
    uplift = IntervalSerializer(allow_null=True)


class RevenueSerializer(serializers.Serializer[Any]):
    """Net amount per customer assigned, treated − holdout, and over all treated; in `currency`."""

    uplift = IntervalSerializer(allow_null=True)
    extra = IntervalSerializer(allow_null=True)


class ReportSerializer(serializers.Serializer[Any]):
    """What a campaign did. Counts are customers, each once."""

    campaign = serializers.IntegerField(source="campaign.pk")
    currency = serializers.CharField()
    opened_at = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)
    is_open = serializers.BooleanField(help_text="More orders may still count.")
    audience = serializers.IntegerField()
    excluded = serializers.DictField(child=serializers.IntegerField(), help_text="Reason → customers.")
    treated = serializers.IntegerField()
    holdout = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    response = RateSerializer(help_text="Of those delivered: clicked, replied or ordered within the window.")
    clicks = RateSerializer()
    replies = RateSerializer()
    ordered = RateSerializer()
    orders = ComparisonSerializer(help_text="Who ordered, of everybody treated and everybody held out.")
    activation = ComparisonSerializer(help_text="The same among those who were dormant or lost when chosen.")
    revenue = RevenueSerializer()
    incremental_buyers = IntervalSerializer(allow_null=True)
    unsubscribed = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=16, decimal_places=2)
    verdict = serializers.CharField(source="verdict_text", help_text="In the language of Accept-Language.")
