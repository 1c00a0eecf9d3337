"""Forms of people and shops."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers import selectors
from customers.models import Channel, Community, PointsEntry, PointsRule, Shop, Tag, Tier
from customers.normalforms import normal_email, normal_phone

EntryKind = PointsEntry.Kind


class Styled(forms.BaseForm):
    """Inputs in the look of the pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            is_choice = isinstance(field.widget, forms.Select)
            field.widget.attrs.setdefault("class", "form-select" if is_choice else "form-control")


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

    FIXED_IN_USE = ("code", "currency", "timezone", "buyer_scope")

    class Meta:
        model = Shop
        fields = [
            "name",
            "code",
            "platform",
            "currency",
            "timezone",
            "book",
            "buyer_scope",
            "sms_signature",
            "email_from",
        ]
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

    def clean_buyer_scope(self) -> str:
        """One namespace of buyer IDs: shops of one platform, and no shop that counts by its own code."""
        scope = str(self.cleaned_data["buyer_scope"]).strip()
        others = Shop.objects.exclude(pk=self.instance.pk).filter(Q(buyer_scope=scope) | Q(buyer_scope="", code=scope))
        alike = {"platform": self.cleaned_data.get("platform"), "is_demo": self.instance.is_demo, "buyer_scope": scope}
        if scope and others.exclude(**alike).exists():
            raise forms.ValidationError(_("Only shops of one platform know a buyer by the same ID."))
        return scope

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        currency = data.get("currency")
        book = data["book"] = data.get("book") or currency
        if currency and book and not book.startswith(currency):
            self.add_error("book", _("Starts with the currency, so that no figure adds two: %s …") % currency)
        elif book and Shop.objects.filter(book=book, is_demo=not self.instance.is_demo).exists():
            self.add_error("book", _("This name belongs to the demo shop. Invented and real customers are not mixed."))
        return data


class TagForm(Styled, forms.ModelForm):  # type: ignore[type-arg]
    """The name's uniqueness is the service's, which knows how names are spelled."""

    class Meta:
        model = Tag
        fields = ["name", "description"]

    def validate_unique(self) -> None:
        pass


class TierForm(Styled, forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Tier
        fields = ["rank", "name", "min_net_amount", "min_orders", "within_days", "benefits"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("min_net_amount") is None and data.get("min_orders") is None:
            self.add_error("min_net_amount", _("Give an amount, a number of orders, or both."))
        return data


class PointsRuleForm(Styled, forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PointsRule
        fields = ["points_per_unit", "starts_on", "expire_days", "is_active"]
        widgets = {
            "starts_on": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            "is_active": forms.CheckboxInput(attrs={"class": "form-check-input"}),
        }


class PointsForm(forms.Form):
    """A movement by hand. Points are positive but for a correction, which may go either way."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (EntryKind.REDEEM, EntryKind.EARN, EntryKind.ADJUST)]
    )
    points = forms.IntegerField(min_value=-1_000_000_000, max_value=1_000_000_000)
    reason = forms.CharField(max_length=200)


class CommunityForm(Styled, forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Community
        fields = ["kind", "name", "external_id", "owner"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        number = data.get("external_id")
        others = Community.objects.filter(kind=data.get("kind"), external_id=number).exclude(pk=self.instance.pk)
        if number and others.exists():
            self.add_error("external_id", _("Another group of this kind has this number."))
        return data


class JoinForm(Styled, forms.Form):
    """Who joined a community: one per line."""

    lines = forms.CharField(
        label=_("Phones, e-mails, nicks or customer numbers, one per line"), max_length=600_000,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": "13800138000\nmei@example.com\n#1024"}),
    )  # fmt: skip
    since = forms.DateField(label=_("Member since"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    source = forms.CharField(
        label=_("Came from"), max_length=80, required=False, help_text=_("QR code in the parcel, live stream …")
    )


class MembershipForm(forms.Form):
    """One customer joins a community, by the panel of the customer page."""

    community = forms.ModelChoiceField(queryset=Community.objects.all())
    source = forms.CharField(max_length=80, required=False)
