"""How a book is measured, as a form."""

from typing import Any

from django import forms

from segmentation.models import AnalysisOptions
from segmentation.options import Measuring

#: In the order of the page. Stage bounds are set on the calibration page.
FIELDS = (
    "window_days", "frequency", "monetary", "compare", "threshold", "r_threshold", "f_threshold", "m_threshold",
    "min_spells",
)  # fmt: skip


class OptionsForm(forms.Form):
    """Whether the values make sense together is said by `tuning.save_options`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(forms.fields_for_model(AnalysisOptions, fields=FIELDS))
        for field in self.fields.values():
            is_choice = isinstance(field, forms.TypedChoiceField)
            field.widget.attrs["class"] = "form-select" if is_choice else "form-control"

    @classmethod
    def of(cls, found: Measuring) -> "OptionsForm":
        return cls(initial={name: getattr(found, name) for name in FIELDS})


class PolicyForm(forms.Form):
    """What the store does for one value group."""

    in_care = forms.BooleanField(required=False)
    policy = forms.CharField(required=False, max_length=2000)
