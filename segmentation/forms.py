"""What the segment editor sends."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from customers.books import books
from segmentation.models import Segment
from segmentation.rules import BadRule, parse

#: Longer than any rule within the limits of `rules`.
MAX_RULE_TEXT = 200_000


class RuleField(forms.CharField):
    """A rule as JSON text, checked against the whitelist of fields."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            rule = json.loads(text or "{}")
            parse(rule)
        except (ValueError, RecursionError):
            raise forms.ValidationError(_("The rule cannot be read."), code="bad_rule") from None
        except BadRule as error:
            raise forms.ValidationError(error.message, code=error.code) from None
        return rule


def book_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=_("Store"), required=False, widget=forms.Select(attrs={"class": "form-select"}),
    )  # fmt: skip


class PreviewForm(forms.Form):
    """The part of the editor that counts need."""

    book = book_field()
    rule = RuleField(required=False, max_length=MAX_RULE_TEXT, empty_value="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["book"]
        assert isinstance(field, forms.ChoiceField)
        known = [(book.code, book.label) for book in books()]
        field.choices = [("", _("All stores")), *known] if len(known) > 1 else known or [("", _("All stores"))]


class SizeForm(forms.Form):
    """What the counts of a rule were, told back by the panel that shows them."""

    total = forms.IntegerField(min_value=0)
    everybody = forms.IntegerField(min_value=0)


class SegmentForm(PreviewForm):
    name = forms.CharField(
        label=_("Name"), max_length=100,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )  # fmt: skip
    description = forms.CharField(
        label=_("What it is for"), max_length=300, required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )  # fmt: skip

    @classmethod
    def of(cls, segment: Segment) -> "SegmentForm":
        return cls(
            initial={
                "name": segment.name, "description": segment.description, "book": segment.book,
                "rule": json.dumps(segment.rule),
            }
        )  # fmt: skip
