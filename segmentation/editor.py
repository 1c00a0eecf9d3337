"""What the rule editor in the browser has to know: fields, comparisons, choices, words."""

from typing import Any

from django.utils.translation import gettext as _

from segmentation.conditions import CONDITIONS
from segmentation.fields import FIELDS, Field
from segmentation.rules import MAX_DEPTH


def schema() -> dict[str, Any]:
    """For static/js/rule-builder.js, in the active language."""
    fields = [_field(field) for field in FIELDS.values() if field.code != "book"]
    # Nobody can be asked about tags while there is none.
    offered = [field for field in fields if field["choices"] or field["kind"] != "names"]
    conditions = [condition.sketch() for condition in CONDITIONS.values()]
    return {"fields": offered, "conditions": conditions, "depth": MAX_DEPTH, "texts": _texts()}


def _field(field: Field) -> dict[str, Any]:
    return {
        "code": field.code,
        "label": str(field.label),
        "kind": field.kind,
        "info": str(field.info),
        "operators": [{"code": op, "label": field.words(op)} for op in field.operators],
        "choices": [{"code": code, "label": str(label)} for code, label in (field.choices or {}).items()],
    }


def _texts() -> dict[str, str]:
    return {
        "all": _("all of these"),
        "any": _("at least one of these"),
        "none": _("none of these"),
        "fit": _("Customers who fit"),
        "add": _("Add a condition"),
        "addGroup": _("Add a group"),
        "remove": _("Remove"),
        "field": _("What"),
        "operator": _("Comparison"),
        "value": _("Value"),
        "from": _("from"),
        "to": _("to"),
        "and": _("and"),
        "yes": _("yes"),
        "no": _("no"),
        "choose": _("Choose at least one."),
        "list": _("Several values, separated by commas"),
        "alone": _("fit this part alone"),
        "customer": _("The customer"),
        "rows": _("What happened"),
        "gte": _("at least"),
        "lte": _("at most"),
        "eq": _("exactly"),
        "between": _("between"),
        "times": _("times"),
        "within": _("in the last"),
        "days": _("days"),
        "ever": _("ever"),
        "only": _("Only those with …"),
        "any_value": _("any"),
        "on": _("on"),
        "empty": _("No condition yet: everybody fits."),
    }
