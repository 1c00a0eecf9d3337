from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from crm_suite.access.models import User
from crm_suite.access.roles import LABELS
from crm_suite.access.scopes import SCOPES


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("Like my browser")), *settings.LANGUAGES]
    )

    class Meta:
        model = User
        fields = ["first_name", "last_name", "language", "theme"]
        widgets = {"theme": forms.RadioSelect}


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label=_("Roles"), choices=list(LABELS.items()), widget=forms.CheckboxSelectMultiple,
        help_text=_("A person with several roles may do what any of them may."),
    )  # fmt: skip


class PersonForm(RolesForm):
    email = forms.EmailField(label=_("E-mail"), help_text=_("They sign in with it."))
    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    field_order = ["email", "first_name", "last_name", "roles"]

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError(_("Somebody with this e-mail is in the team already."))
        return email


class TokenForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What will use it, such as “Warehouse sync”."))
    scopes = forms.MultipleChoiceField(
        label=_("May"), choices=[(code, f"{code} – {text}") for code, text in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    days = forms.TypedChoiceField(
        label=_("Valid for"), required=False, coerce=int, empty_value=None, initial=365,
        choices=[("30", _("30 days")), ("90", _("90 days")), ("365", _("1 year")), ("", _("ever, until revoked"))],
    )  # fmt: skip
