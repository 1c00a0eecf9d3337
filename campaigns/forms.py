"""What people fill in: plan entries, reasons, addresses. The rules that matter are the services'."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import PlanEntry, Template
from campaigns.selectors import usable_segments
from crm_suite.lib.days import today_in
from customers.books import Book
from customers.models import Shop


def _of_book(form: forms.BaseForm, book: Book) -> None:
    """Only the shops and segments of this book may be chosen; a single shop is chosen already."""
    shops = Shop.objects.filter(pk__in=book.shop_ids)
    form.fields["shop"].queryset = shops  # type: ignore[attr-defined]
    form.fields["segment"].queryset = usable_segments(book)  # type: ignore[attr-defined]
    if len(book.shop_ids) == 1:
        form.fields["shop"].initial = book.shop_ids[0]
        form.fields["shop"].empty_label = None  # type: ignore[attr-defined]


def _same_channel(form: forms.BaseForm, template: Template | None, channel: str | None) -> None:
    if template and channel and template.channel != channel:
        form.add_error("template", _("This template is for another channel."))


class EntryForm(forms.ModelForm):  # type: ignore[type-arg]
    """A line of the plan."""

    class Meta:
        model = PlanEntry
        fields = (
            "title", "shop", "day", "time", "channel", "segment", "template", "expected_size", "expected_response",
            "note",
        )  # fmt: skip
        widgets = {
            "day": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "note": forms.Textarea(attrs={"rows": 2}),
        }
        help_texts = {
            "segment": _("Whom it is for. May follow later, but before the send."),
            "template": _("What they get. May follow later, but before the send."),
            "expected_size": _("How many customers you expect to reach; compared with what was really sent."),
        }

    def __init__(self, *args: Any, book: Book, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _of_book(self, book)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        _same_channel(self, data.get("template"), data.get("channel"))
        return data


class MoveForm(forms.Form):
    """Another day, and maybe another time."""

    day = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    time = forms.TimeField(
        label=_("Time"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200)


class TestForm(forms.Form):
    """One address, to which a test copy goes."""

    __test__ = False  # not a test, whatever its name

    address = forms.CharField(label=_("Address"), max_length=254)


def blank_entry(*, book: Book, day: str) -> dict[str, object]:
    """What a new entry starts with: the day that was clicked, ten in the morning."""
    try:
        chosen = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  a calendar day has no zone
    except ValueError:
        chosen = today_in(book.timezone)
    return {"day": max(chosen, today_in(book.timezone)), "time": "10:00"}
