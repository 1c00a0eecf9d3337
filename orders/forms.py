"""Forms of the import wizard."""

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext_lazy as _

from customers.models import Shop
from orders.importers.assignable import SUBJECTS
from orders.importers.decoding import ENCODINGS

#: Fields that nearly every file has, by what its rows are about.
ESSENTIAL = {
    "orders": (
        "order_no", "placed_at", "paid_at", "status", "order_total", "paid_amount", "buyer_id", "buyer_name", "phone",
        "email",
    ),
    "customers": ("phone", "email", "buyer_id", "loyalty_no", "buyer_name", "wechat_id"),
}  # fmt: skip
RADIO = {"class": "form-check-input"}
TYPES = ".csv,.txt,.tsv,.xlsx,.xls,.ndjson,.jsonl,.json,.gz,.zip"


class UploadForm(forms.Form):
    """Step 1: which file of which shop."""

    shop = forms.ModelChoiceField(
        queryset=Shop.objects.order_by("is_demo", "name"),
        label=_("Shop"),
        empty_label=None,
        help_text=_("Currency and time zone of the file are those of the shop."),
    )
    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "Orders or customers as your platform exports them: CSV, Excel (.xlsx, .xls) or NDJSON, plain or in a .zip "
            "or .gz, up to 200 MB."
        ),
        widget=forms.FileInput(attrs={"accept": TYPES}),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["shop"].widget.attrs["class"] = "form-select"
        self.fields["file"].widget.attrs["class"] = "form-control"


class SourceForm(forms.Form):
    """Which table of the file, and in which encoding it is written; only where there is something to choose."""

    part = forms.ChoiceField(label=_("Table"), widget=forms.RadioSelect(attrs=RADIO), required=False)
    encoding = forms.ChoiceField(label=_("Encoding"), widget=forms.RadioSelect(attrs=RADIO), required=False)

    def __init__(self, *args: object, parts: Sequence[str], encodings: Sequence[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["part"].choices = [(name, name) for name in parts]  # type: ignore[attr-defined]
        self.fields["encoding"].choices = [(name, ENCODINGS[name]) for name in encodings]  # type: ignore[attr-defined]
        for name, offered in (("part", parts), ("encoding", encodings)):
            if not offered:
                del self.fields[name]


class MappingForm(forms.Form):
    """Step 2: which column is what. One select per field; a saved name keeps it for the next file."""

    dates = forms.ChoiceField(
        label=_("Dates such as 01/02/2024"),
        choices=[("ymd", _("do not occur")), ("dmy", _("day first: 1 February")), ("mdy", _("month first: January 2"))],
    )
    decimal = forms.ChoiceField(
        label=_("Decimal sign"), choices=[(".", _("point: 1,234.50")), (",", _("comma: 1.234,50"))]
    )
    per_row = forms.BooleanField(
        label=_("An order's total and payment are divided on its rows"),
        required=False,
        help_text=_("Tick it where several rows of one order each carry a part. Otherwise they repeat the whole."),
    )
    save_as = forms.CharField(
        label=_("Keep this mapping as"),
        max_length=80,
        required=False,
        help_text=_("It is offered again for the next file with the same columns."),
    )

    def __init__(self, *args: object, header: Sequence[str], subject: str = "orders", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.subject, self.assignable = subject, SUBJECTS[subject].fields
        if subject != "orders":
            del self.fields["decimal"], self.fields["per_row"]
        choices = [("", "—"), *[(name, name) for name in header]]
        for name, label in self.assignable.items():
            self.fields[f"column_{name}"] = forms.ChoiceField(label=label, choices=choices, required=False)
        for field in self.fields.values():
            is_select = isinstance(field, forms.ChoiceField)
            is_tick = isinstance(field, forms.BooleanField)
            field.widget.attrs["class"] = (
                "form-check-input" if is_tick else "form-select" if is_select else "form-control"
            )

    def columns(self) -> dict[str, str]:
        told = {field: self.cleaned_data[f"column_{field}"] for field in self.assignable}
        return {field: column for field, column in told.items() if column}

    def options(self) -> dict[str, str]:
        data = self.cleaned_data
        per_row = "1" if data.get("per_row") else ""
        return {"dates": data["dates"], "decimal": data.get("decimal", "."), "per_row": per_row}

    def essential(self) -> list[forms.BoundField]:
        return [self[f"column_{field}"] for field in ESSENTIAL[self.subject]]

    def further(self) -> list[forms.BoundField]:
        return [self[f"column_{field}"] for field in self.assignable if field not in ESSENTIAL[self.subject]]
