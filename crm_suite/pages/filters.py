import django_filters as filters
from django.utils.translation import gettext_lazy as _

from crm_suite.access.models import AuditEvent, User


def actions() -> list[tuple[str, str]]:
    """Every action on record; an index answers."""
    return [(name, name) for name in AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct()]


class ActivityFilter(filters.FilterSet):  # type: ignore[misc]
    action = filters.ChoiceFilter(label=_("Action"), choices=actions, empty_label=_("All"))
    actor = filters.ModelChoiceFilter(
        label=_("Person"), queryset=User.objects.order_by("email"), empty_label=_("Everybody")
    )

    class Meta:
        model = AuditEvent
        fields = ["action", "actor"]
