"""What people fill in about templates. The rules that matter are the services'."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import Medium, Template
from campaigns.texts.content import refuse_unusable
from campaigns.texts.versions import topics_in_use
from crm_suite.lib.errors import BadInput


class TopicInput(forms.TextInput):
    """Free text with the topics in use as suggestions; the page holds the list of this id."""

    def __init__(self) -> None:
        super().__init__(attrs={"list": "topics", "autocomplete": "off"})


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """A template; `seen` is the version that the person was shown."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Template
        fields = ("name", "channel", "format", "topic", "subject", "body")
        widgets = {
            "body": forms.Textarea(attrs={"rows": 16, "spellcheck": "true"}),
            "topic": TopicInput(),
        }
        help_texts = {"subject": _("For e-mails only."), "format": _("MJML is for e-mails with columns and images.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["seen"].initial = self.instance.version
        self.fields["format"].required = False  # what is no e-mail has none to choose

    def clean_format(self) -> str:
        return self.cleaned_data["format"] or Template.Format.TEXT

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            self._say_what_is_wrong(data)
        return data

    def _say_what_is_wrong(self, data: dict[str, Any]) -> None:
        fields = {name: data[name] for name in ("channel", "format", "subject", "body")}
        try:
            refuse_unusable(Template(**fields))
        except BadInput as refusal:
            problems = refusal.extra.get("problems", [refusal.message])
            for problem in problems if isinstance(problems, list) else []:
                self.add_error("body", problem)


class LibraryFilter(forms.Form):
    """Filters of the copy library and of the list of templates; whatever cannot be read filters nothing."""

    channel = forms.ChoiceField(label=_("Channel"), required=False, choices=[("", _("All channels")), *Medium.choices])
    topic = forms.ChoiceField(label=_("Topic"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        topics = [(topic, topic) for topic in topics_in_use()]
        self.fields["topic"].choices = [("", _("All topics")), *topics]  # type: ignore[attr-defined]
