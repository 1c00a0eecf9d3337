from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from touchpoints.models import Touchpoint
from touchpoints.services import TouchpointInput

MAX_BULK = 1_000
#: Clocks of outside systems differ a little from ours.
TOLERANCE = timedelta(minutes=5)


class TouchpointSerializer(serializers.ModelSerializer[Touchpoint]):
    dedupe_key = serializers.CharField(source="event_key", read_only=True)

    class Meta:
        model = Touchpoint
        fields = [
            "id", "customer", "stage", "kind", "direction", "channel", "occurred_at", "shop", "order", "campaign_code",
            "agent", "satisfaction", "summary", "data", "dedupe_key", "recorded_at",
        ]  # fmt: skip
        read_only_fields = fields


class TouchpointWriteSerializer(serializers.Serializer[Any]):
    """One event as an outside system tells it. `dedupe_key` names it there: telling it again changes nothing."""

    customer = serializers.IntegerField(min_value=1, max_value=2**62, help_text="The customer's `id`.")
    stage = serializers.ChoiceField(choices=Touchpoint.Stage.choices)
    kind = serializers.CharField(max_length=40, help_text="page_view, inquiry, call, review, complaint …")
    direction = serializers.ChoiceField(choices=Touchpoint.Direction.choices)
    channel = serializers.CharField(max_length=20, help_text="web, chat, phone, email, sms, shop …")
    occurred_at = serializers.DateTimeField()
    dedupe_key = serializers.CharField(max_length=110, help_text="Unique in your system, such as `helpdesk:4711`.")
    agent = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)
    satisfaction = serializers.IntegerField(min_value=1, max_value=5, required=False, allow_null=True, default=None)
    summary = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    data = serializers.DictField(  # type: ignore[assignment]
        required=False, default=dict, help_text="Anything else, such as a contact reason."
    )

    def validate_occurred_at(self, moment: datetime) -> datetime:
        if moment > timezone.now() + TOLERANCE:
            raise serializers.ValidationError("It cannot have happened in the future.", code="future")
        return moment


def told(row: dict[str, Any]) -> TouchpointInput:
    """The service's own words. The prefix keeps outside keys apart from those of orders and messages."""
    rest = {name: value for name, value in row.items() if name not in ("customer", "dedupe_key")}
    return TouchpointInput(customer_id=row["customer"], dedupe_key=f"api:{row['dedupe_key']}", **rest)


class TouchpointBatchSerializer(serializers.Serializer[Any]):
    items = TouchpointWriteSerializer(many=True, min_length=1, max_length=MAX_BULK)  # type: ignore[call-arg]


class TouchpointResultSerializer(serializers.Serializer[Any]):
    dedupe_key = serializers.CharField()
    result = serializers.ChoiceField(choices=["created", "unchanged"])


class TouchpointResultsSerializer(serializers.Serializer[Any]):
    results = TouchpointResultSerializer(many=True)
