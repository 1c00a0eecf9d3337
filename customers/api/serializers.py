from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm_suite.access.api import may_see_personal_data
from crm_suite.lib.masking import mask_name
from customers.models import Channel, Consent, Customer, CustomerFacts, Identity


class FactsSerializer(serializers.ModelSerializer[CustomerFacts]):
    """What the analysis in force found out. Amounts in `currency`, days in the shop's zone."""

    currency = serializers.SerializerMethodField(help_text="ISO 4217; empty before the first purchase.")

    class Meta:
        model = CustomerFacts
        fields = [
            "book", "currency", "orders", "purchase_days", "net_amount", "refunds", "first_paid_on", "last_paid_on",
            "median_gap", "r_score", "f_score", "m_score", "group", "stage", "platforms", "email_ok", "sms_ok",
        ]  # fmt: skip

    def get_currency(self, facts: CustomerFacts) -> str:
        # The database holds that a book's code starts with its currency.
        return facts.book[:3]


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    """A person. Name, phone and e-mail are masked, birthday and note absent, without the scope `pii:read`."""

    facts = serializers.SerializerMethodField()

    class Meta:
        model = Customer
        fields = [
            "id", "name", "phone", "email", "city", "country", "language", "birthday", "source", "note", "is_demo",
            "facts",
            "created_at", "updated_at",
        ]  # fmt: skip

    @extend_schema_field(FactsSerializer(allow_null=True))
    def get_facts(self, customer: Customer) -> dict[str, Any] | None:
        facts = getattr(customer, "facts", None)
        return FactsSerializer(facts).data if facts else None

    def to_representation(self, instance: Customer) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not may_see_personal_data(self.context["request"]):
            shown |= {"name": mask_name(instance.name), "birthday": None, "note": ""}
            shown |= {"phone": instance.masked_phone, "email": instance.masked_email}
        return shown


class IdentitySerializer(serializers.ModelSerializer[Identity]):
    class Meta:
        model = Identity
        fields = ["kind", "scope", "value", "source", "created_at"]

    def to_representation(self, instance: Identity) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if not may_see_personal_data(self.context["request"]):
            shown["value"] = instance.masked
        return shown


class CustomerDetailSerializer(CustomerSerializer):
    identities = IdentitySerializer(many=True, read_only=True)

    class Meta(CustomerSerializer.Meta):
        fields = [*CustomerSerializer.Meta.fields, "identities"]


class CustomerChange(serializers.Serializer[Any]):
    """Only what is given is changed. An empty text takes a phone or e-mail away."""

    name = serializers.CharField(max_length=150, allow_blank=True, required=False)
    phone = serializers.CharField(
        max_length=40, allow_blank=True, required=False, help_text="As written; kept as E.164."
    )
    email = serializers.CharField(max_length=254, allow_blank=True, required=False)
    city = serializers.CharField(max_length=80, allow_blank=True, required=False)
    country = serializers.CharField(max_length=80, allow_blank=True, required=False)
    language = serializers.CharField(max_length=10, allow_blank=True, required=False)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=60, allow_blank=True, required=False, help_text="Where the person first came from."
    )
    note = serializers.CharField(max_length=10_000, allow_blank=True, required=False)


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    channel = serializers.ChoiceField(choices=Channel.choices)
    occurred_at = serializers.DateTimeField(required=False, help_text="When it was said; now if not given.")

    class Meta:
        model = Consent
        fields = ["id", "channel", "granted", "source", "wording", "proof", "occurred_at", "recorded_at"]
        read_only_fields = ["recorded_at"]
        extra_kwargs = {"wording": {"max_length": 5_000}}

    def validate_occurred_at(self, moment: datetime) -> datetime:
        if moment > timezone.now():
            raise serializers.ValidationError("Nothing can have been said in the future.", code="future")
        return moment
