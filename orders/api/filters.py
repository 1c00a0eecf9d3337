import django_filters as df

from orders.filters import OrderFilter


class OrderDoorFilter(OrderFilter):
    """The page's filters, and what a machine needs to keep a copy: `updated_since`."""

    updated_since = df.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")
    customer = df.NumberFilter(field_name="customer_id")
