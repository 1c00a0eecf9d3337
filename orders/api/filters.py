import django_filters as df

from orders.filters import OrderFilter, ProductFilter


class OrderDoorFilter(OrderFilter):
    """The page's filters, and what a machine needs to keep a copy: `updated_since`."""

    updated_since = df.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")
    customer = df.NumberFilter(field_name="customer_id")


class ProductDoorFilter(ProductFilter):
    """The page's filters, and a whole SKU."""

    sku = df.CharFilter(field_name="sku")
    shop__code = df.CharFilter(field_name="shop__code")
    item = df.NumberFilter(field_name="item_id")
