"""Forms of providers, made from what each kind declares about itself."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _, gettext_lazy

from campaigns.channels import approved, mailvendors
from campaigns.channels.dkim import signer
from campaigns.channels.kinds import Field, Kind
from campaigns.models import Provider
from campaigns.providers.accounts import Pace
from crm_suite.access.models import User
from crm_suite.lib.days import validate_zone
from crm_suite.lib.errors import BadInput
from customers.forms import Styled


class _Confirmed(Styled, forms.Form):
    """Whoever finds an unlocked screen is not to send the store's messages elsewhere, nor its secrets."""

    password = forms.CharField(
        label=gettext_lazy("Your own password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("Asked again, because messages and secrets go where this says."),
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.order_fields([name for name in self.fields if name != "password"])

    def clean_password(self) -> str:
        given: str = self.cleaned_data["password"]
        if not self.by.check_password(given):
            raise ValidationError(_("The password is not right."))
        return given


class ProviderForm(_Confirmed):
    """Name and settings; of a new one its secrets too. Those of an old one are replaced elsewhere, never shown."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60, help_text=gettext_lazy("How your team calls it."))

    def __init__(self, *args: Any, kind: Kind, provider: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.provider = kind, provider
        self.declared = [field for field in kind.fields if provider is None or not field.secret]
        for field in self.declared:
            self.fields[field.name] = _form_field(field)
            self.initial.setdefault(field.name, provider.settings.get(field.name, "") if provider else field.default)
        self.initial.setdefault("name", provider.name if provider else str(kind.label))
        self.order_fields(["name", *[field.name for field in self.declared], "password"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        problems = _problems(self.kind, data, has_secrets=self.provider is None)
        for name, words in problems.items():
            if name in self.fields and name not in self.errors:
                self.add_error(name, words)
        return data

    def settings(self) -> dict[str, str]:
        return {field.name: str(self.cleaned_data[field.name] or "") for field in self.declared if not field.secret}

    def hidden(self) -> dict[str, str]:
        return {field.name: str(self.cleaned_data[field.name] or "") for field in self.declared if field.secret}


class SecretForm(_Confirmed):
    """New secrets in place of old ones; what stays empty stays as it is."""

    def __init__(self, *args: Any, kind: Kind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        for field in kind.secrets:
            self.fields[field.name] = _form_field(field)
            self.fields[field.name].required = False
        self.order_fields([*[field.name for field in kind.secrets], "password"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not any(self.hidden().values()):
            raise ValidationError(_("Enter at least one new secret."))
        return data

    def hidden(self) -> dict[str, str]:
        return {field.name: str(self.cleaned_data.get(field.name) or "") for field in self.kind.secrets}


class PaceForm(Styled, forms.ModelForm):  # type: ignore[type-arg]
    """How fast, and how much a day."""

    class Meta:
        model = Provider
        fields = ("rate", "burst", "daily_ceiling", "timezone")
        help_texts = {"rate": gettext_lazy("Empty: as fast as it takes them.")}

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"]
        validate_zone(zone)
        return zone

    def pace(self) -> Pace:
        return Pace(**{name: self.cleaned_data[name] for name in self.Meta.fields})


class TrialForm(Styled, forms.Form):
    """One address for a test message."""

    address = forms.CharField(label=gettext_lazy("Address"), max_length=254)
    text = forms.CharField(
        label=gettext_lazy("Text"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


def _form_field(field: Field) -> forms.Field:
    made = _made(field, {"label": field.label, "help_text": field.help, "required": field.required})
    made.widget.attrs["class"] = "form-select" if field.choices else "form-control"
    return made


def _made(field: Field, options: dict[str, Any]) -> forms.Field:
    if field.choices:
        return forms.ChoiceField(choices=list(field.choices), **options)
    if field.kind == "number":
        return forms.IntegerField(min_value=field.minimum, max_value=field.maximum, **options)
    if field.kind == "long":
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}), **options)
    if field.secret:
        # "new-password": no browser is to fill in the person's own.
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        return forms.CharField(widget=widget, max_length=4000, **options)
    return forms.CharField(max_length=500, validators=[_plain_url] if field.kind == "url" else [], **options)


def _plain_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValidationError(_("An address like https://gateway.example/sms is needed."))
    if parts.username or parts.password:
        raise ValidationError(_("No password in the address: it is shown. There is a field for secrets."))


def _problems(kind: Kind, data: Mapping[str, Any], *, has_secrets: bool) -> dict[str, str]:
    """Field → what is wrong, for rules about several fields. Without its secrets only what can be seen is judged."""
    values = {name: str(value) for name, value in data.items() if value}
    problems = mailvendors.missing(values) if kind.code == "anymail" else {}
    if kind.approved_text and (words := approved.problem_of(values.get("template_text", ""))):
        problems["template_text"] = words
    if has_secrets and (key := values.get("dkim_key")):
        try:
            signer(values.get("dkim_domain", ""), values.get("dkim_selector", ""), key)
        except BadInput as error:
            problems["dkim_key"] = error.message
    return problems
