"""What people fill in about the store's rules of sending."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import ChannelPolicy, ChannelPrice, SendLimits

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_TIME = {"type": "time"}


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Caps and quiet hours of one channel."""

    class Meta:
        model = ChannelPolicy
        fields = ("cap", "cap_days", "quiet_from", "quiet_until")
        widgets = {
            "quiet_from": forms.TimeInput(attrs=_TIME, format="%H:%M"),
            "quiet_until": forms.TimeInput(attrs=_TIME, format="%H:%M"),
            "cap": forms.NumberInput(attrs={"min": 1}),
            "cap_days": forms.NumberInput(attrs={"min": 1, "max": 365}),
        }
        help_texts = {"quiet_until": _("The same time twice means: no quiet hours.")}


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    """The price of one billed part. Empty: the default, or none where none is known."""

    class Meta:
        model = ChannelPrice
        fields = ("currency", "price")
        widgets = {
            "price": forms.NumberInput(attrs={"min": 0, "step": "0.0001", "class": "form-control price-field"}),
            "currency": forms.HiddenInput,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["price"].required = False


def percent_field(label: "str | _StrPromise") -> forms.DecimalField:
    """A share that people read and write in percent."""
    return forms.DecimalField(
        label=label, min_value=Decimal(0), max_value=Decimal(100), decimal_places=2, max_digits=5,
        widget=forms.NumberInput(attrs={"step": "0.01", "min": 0, "max": 100}),
    )  # fmt: skip


class LimitsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Above which size two must agree, what a month may cost, when a run stops by itself."""

    SHARES = ("complaints_warn", "complaints_stop", "bounces_stop")

    class Meta:
        model = SendLimits
        fields = ("approve_above_people", "approve_above_cost", "month_budget", "guard_from")
        labels = {
            "approve_above_people": _("Customers, more than"),
            "approve_above_cost": _("Cost, more than"),
            "guard_from": _("Judged from so many messages on"),
        }
        help_texts = {
            "approve_above_people": _("Empty: any number."),
            "approve_above_cost": _("In the shop’s currency. Empty: any cost."),
        }

    complaints_warn = percent_field(_("Warn at complaints of, %"))
    complaints_stop = percent_field(_("Pause at complaints of, %"))
    bounces_stop = percent_field(_("Pause at bounces of, %"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.SHARES:
            self.fields[name].initial = (getattr(self.instance, name) * 100).normalize()

    def _post_clean(self) -> None:
        """The row is checked where it is stored."""

    def decided(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        return given | {name: given[name] / 100 for name in self.SHARES}
