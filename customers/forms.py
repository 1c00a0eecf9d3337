"""Forms of people and shops."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from customers import selectors
from customers.models import Channel, Customer, Shop
from customers.normalforms import normal_email, normal_phone


class Styled(forms.BaseForm):
    """Inputs in the look of the pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            is_choice = isinstance(field.widget, forms.Select)
            field.widget.attrs.setdefault("class", "form-select" if is_choice else "form-control")


class NoteForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Customer
        fields = ["note"]
        widgets = {"note": forms.Textarea(attrs={"rows": 4, "maxlength": 5000})}


class OptOutForm(forms.Form):
    channel = forms.ChoiceField(choices=Channel.choices, label=_("Channel"))
    source = forms.CharField(max_length=60, label=_("How they said it"), help_text=_("Phone call, chat, letter …"))


class SuppressionForm(Styled, forms.Form):
    channel = forms.ChoiceField(choices=Channel.choices, label=_("Channel"))
    address = forms.CharField(max_length=254, label=_("Phone or e-mail"))
    source = forms.CharField(max_length=100, required=False, label=_("Why"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        normal = normal_email if data.get("channel") == Channel.EMAIL else normal_phone
        if data.get("address") and normal(data["address"]) is None:
            self.add_error("address", _("Not a usable address. Write it in full, as 13800138000 or a@b.com."))
        return data


class LiftForm(forms.Form):
    reason = forms.CharField(max_length=200, label=_("Why it may be written to again"))


class ShopForm(Styled, forms.ModelForm):  # type: ignore[type-arg]
    """A shop. What its orders were counted by cannot change once something belongs to it."""

    FIXED_IN_USE = ("code", "currency", "timezone")

    class Meta:
        model = Shop
        fields = ["name", "code", "platform", "currency", "timezone", "book", "sms_signature", "email_from"]
        help_texts = {
            "book": _("Shops with the same value share RFM cuts and lifecycle bounds. Empty: the currency."),
            "code": _("Short name for files, commands and the API, such as tmall-main."),
            "currency": _("ISO code, such as CNY."),
            "timezone": _("Days, months and quiet hours of this shop, such as Asia/Shanghai."),
            "email_from": _("Campaign e-mails of this shop come from here."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_in_use = bool(self.instance.pk) and selectors.is_in_use(self.instance)
        if self.is_in_use:
            for name in self.FIXED_IN_USE:
                self.fields[name].disabled = True
        self.fields["book"].required = False
        self.fields["book"].widget.attrs["list"] = "books"

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()

    def clean_sms_signature(self) -> str:
        return str(self.cleaned_data["sms_signature"]).strip("【】[] ")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        currency = data.get("currency")
        book = data["book"] = data.get("book") or currency
        if currency and book and not book.startswith(currency):
            self.add_error("book", _("Starts with the currency, so that no figure adds two: %s …") % currency)
        elif book and Shop.objects.filter(book=book, is_demo=not self.instance.is_demo).exists():
            self.add_error("book", _("This name belongs to the demo shop. Invented and real customers are not mixed."))
        return data
