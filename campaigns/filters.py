"""The filters of the campaign lists: one FilterSet each, for page, API and export."""

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Medium, Message
from campaigns.running.ledger import looked_for
from customers.filters import sees_clear_addresses


class CampaignFilter(django_filters.FilterSet):  # type: ignore[misc]
    q = django_filters.CharFilter(
        field_name="name", lookup_expr="icontains", label=_("Name"), widget=forms.TextInput(attrs={"type": "search"})
    )
    state = django_filters.ChoiceFilter(choices=Campaign.State.choices, empty_label=_("All"), label=_("State"))
    channel = django_filters.ChoiceFilter(choices=Medium.choices, empty_label=_("All"), label=_("Channel"))
    planned = django_filters.ChoiceFilter(
        choices=[("yes", _("In the plan")), ("no", _("Not in the plan"))],
        empty_label=_("All"), label=_("Plan"), method="by_plan",
    )  # fmt: skip

    class Meta:
        model = Campaign
        fields = ("q", "state", "channel", "planned")

    def by_plan(self, campaigns: QuerySet[Campaign], _name: str, value: str) -> QuerySet[Campaign]:
        return campaigns.filter(plan_entry__isnull=value == "no")


class RecipientFilter(django_filters.FilterSet):  # type: ignore[misc]
    q = django_filters.CharFilter(
        label=_("Address, customer or number"), method="search", widget=forms.TextInput(attrs={"type": "search"})
    )
    state = django_filters.ChoiceFilter(choices=Message.State.choices, empty_label=_("All"), label=_("State"))
    reason = django_filters.CharFilter(label=_("Reason"))
    arm = django_filters.ChoiceFilter(choices=Message.Arm.choices, empty_label=_("Both"), label=_("Arm"))

    class Meta:
        model = Message
        fields = ("q", "state", "reason", "arm")

    def search(self, messages: QuerySet[Message], _name: str, value: str) -> QuerySet[Message]:
        text, sees_clear = value.strip(), sees_clear_addresses(self.request)
        return looked_for(messages, text, by_parts=sees_clear) if text else messages
