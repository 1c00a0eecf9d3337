"""Forms of the catalogue."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from customers.books import Book
from customers.models import Shop
from orders.models import Product


class ProductForm(forms.Form):
    """Category and cost of a product; an empty cost is an unknown one."""

    category = forms.CharField(
        label=_("Category"), max_length=120, required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "list": "categories"}),
    )  # fmt: skip
    cost = forms.DecimalField(
        label=_("Cost per piece"), min_value=Decimal(0), max_digits=14, decimal_places=2, required=False,
        widget=forms.NumberInput(attrs={"class": "form-control", "step": "0.01"}),
    )  # fmt: skip

    def __init__(self, *args: Any, product: Product, in_row: bool = False, **kwargs: Any) -> None:
        """`in_row`: the fields stand in cells of a table, beside the form that they belong to."""
        given = {"initial": {"category": product.category, "cost": product.cost}, "auto_id": f"id_{product.pk}_%s"}
        super().__init__(*args, **given | kwargs)
        for field in self.fields.values() if in_row else ():
            field.widget.attrs["form"] = f"edit-{product.pk}"


class ItemForm(forms.Form):
    """Name and category of a product that several shops sell."""

    name = forms.CharField(
        label=_("Name"), max_length=300, widget=forms.TextInput(attrs={"class": "form-control"})
    )  # fmt: skip
    category = forms.CharField(
        label=_("Category"), max_length=120, required=False, widget=forms.TextInput(attrs={"class": "form-control"})
    )  # fmt: skip


class CostFileForm(forms.Form):
    """A file of costs and categories, and the shop that rows without one are of."""

    shop = forms.ModelChoiceField(
        queryset=Shop.objects.none(), label=_("Shop"), empty_label=None,
        help_text=_("Rows are of this shop, unless a column “shop” names another one of the same store."),
        widget=forms.Select(attrs={"class": "form-select"}),
    )  # fmt: skip
    file = forms.FileField(
        label=_("File"),
        help_text=_("Columns: sku, cost, category, and shop if you like. CSV or a spreadsheet, up to 20 MB."),
        widget=forms.FileInput(attrs={"class": "form-control"}),
    )

    def __init__(self, *args: Any, book: Book | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shops = self.fields["shop"]
        assert isinstance(shops, forms.ModelChoiceField)
        shops.queryset = Shop.objects.filter(pk__in=book.shop_ids if book else [])
