import django_filters as df
from django.db.models import Q, QuerySet

from customers.filters import CustomerFilter
from customers.models import Customer, Identity
from customers.normalforms import normal_email, normal_phone


class CustomerDoorFilter(CustomerFilter):
    """The page's filters, and what a machine needs: `updated_since` for a copy, whole addresses to find somebody."""

    updated_since = df.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")
    email = df.CharFilter(method="by_email", label="Whole e-mail address")
    phone = df.CharFilter(method="by_phone", label="Whole phone number, in any spelling")

    def by_email(self, people: QuerySet[Customer], _name: str, value: str) -> QuerySet[Customer]:
        email = normal_email(value)
        return people.filter(Q(email__iexact=email) | _known_by(Identity.Kind.EMAIL, email)) if email else people.none()

    def by_phone(self, people: QuerySet[Customer], _name: str, value: str) -> QuerySet[Customer]:
        phone = normal_phone(value)
        return people.filter(Q(phone=phone) | _known_by(Identity.Kind.PHONE, phone)) if phone else people.none()


def _known_by(kind: str, value: str) -> Q:
    return Q(pk__in=Identity.objects.filter(kind=kind, value=value).values("customer"))
