"""The form of one entry of spend, with the fields that its kind needs, and the filter of the entries."""

from decimal import Decimal
from typing import Any, ClassVar

import django_filters as df
from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from customers.filters import without_blanks
from customers.forms import Styled
from segmentation.acquisition.spend import FIELDS, OWN_FIELDS, SHARES
from segmentation.models import SpendEntry


class PercentField(forms.DecimalField):
    """Typed in per cent, kept as a share of 1."""

    def __init__(self, **kwargs: Any) -> None:
        kept = {"min_value": Decimal("0.0001"), "max_value": 100, "max_digits": 7, "decimal_places": 4}
        super().__init__(**{**kwargs, **kept})

    def prepare_value(self, value: Any) -> Any:
        return f"{(value * 100).normalize():f}" if isinstance(value, Decimal) else value

    def clean(self, value: Any) -> Decimal | None:
        found: Decimal | None = super().clean(value)
        return None if found is None else found / 100


class SpendForm(Styled, forms.ModelForm):  # type: ignore[type-arg]
    """What the entry's kind asks for and nothing else. What cannot be is the service's to say."""

    #: Fields without which an entry has no cost at all; the others are for the price model's promise.
    NEEDED: ClassVar = {"price", "rate"}

    class Meta:
        model = SpendEntry
        fields = ["source", "first_day", "last_day", "price", "quantity", "rate", "click_rate", "conversion", "note"]
        field_classes: ClassVar = dict.fromkeys(SHARES, PercentField)
        widgets: ClassVar = {
            "source": forms.TextInput(attrs={"list": "sources", "autocomplete": "off"}),
            "first_day": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "last_day": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = FIELDS[self.instance.kind]
        for name in OWN_FIELDS:
            if name not in asked:
                del self.fields[name]
                continue
            field = self.fields[name]
            field.required = name in self.NEEDED
            field.label = f"{asked[name]}, %" if name in SHARES else str(asked[name])
            if name == "price":
                field.label = f"{field.label}, {currency}"
            field.help_text = "" if field.required else _("Optional.")

    def _post_clean(self) -> None:
        """The service checks the whole entry; the model's own checks would say the same twice."""
        for name, value in self.cleaned_data.items():
            setattr(self.instance, name, value)


class SpendFilter(df.FilterSet):  # type: ignore[misc]
    """Entries of a source, of a kind, or that touch some days."""

    source = df.CharFilter(field_name="source", lookup_expr="icontains", label=_("Source contains"))
    kind = df.ChoiceFilter(choices=SpendEntry.Kind.choices, label=_("Kind"))
    first = df.DateFilter(field_name="last_day", lookup_expr="gte", label=_("From"))
    last = df.DateFilter(field_name="first_day", lookup_expr="lte", label=_("Until"))

    class Meta:
        model = SpendEntry
        fields: ClassVar[list[str]] = []

    def __init__(
        self, data: QueryDict | None = None, queryset: QuerySet[SpendEntry] | None = None, **more: Any
    ) -> None:
        super().__init__(without_blanks(data) if data else data, queryset, **more)
