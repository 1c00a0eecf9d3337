"""The catalogue: lists, categories and costs by hand and from a file, what a product sells."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput
from customers.books import book_of
from orders import catalogue, cost_file, product_figures
from orders.models import CatalogueItem, Product
from tests.builders import make_customer, make_line, make_product, make_purchase, make_shop, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("tmall", name="Tmall shop")


@pytest.fixture
def other():
    return make_shop("jd", name="JD shop")


@pytest.fixture
def operator(client):
    client.force_login(make_user("operator"))
    return client


# --- the list ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def products(shop, other) -> dict[str, Product]:
    make_product(make_shop("de", currency="EUR"), "T1", name="Green tea")
    linked = CatalogueItem.objects.create(name="Black tea")
    return {
        "green": make_product(shop, "T1", name="Green tea", category="Tea", cost=Decimal(20)),
        "black": make_product(other, "T2", name="Black tea", category="Tea", item=linked),
        "cup": make_product(shop, "C1", name="青瓷盖碗", cost=Decimal(0)),
    }


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["black", "green", "cup"]),
        ({"q": "tea"}, ["black", "green"]),
        ({"q": "瓷盖"}, ["cup"]),
        ({"q": "c1"}, ["cup"]),
        ({"shop": "jd"}, ["black"]),
        ({"category": "Tea"}, ["black", "green"]),
        ({"missing": "cost"}, ["black"]),
        ({"missing": "category"}, ["cup"]),
        ({"linked": "yes"}, ["black"]),
        ({"linked": "no", "q": "tea"}, ["green"]),
        ({"sort": "-cost", "missing": ""}, ["green", "cup", "black"]),
        ({"q": "nothing"}, []),
    ],
)
def test_the_list_filters_and_sorts(operator, products, asked, names):
    page = operator.get(reverse("orders:products"), {"book": "CNY", **asked})
    assert [row.pk for row in page.context["listing"]] == [products[name].pk for name in names]


def test_the_list_says_how_far_it_is_filled_in(operator, products):
    page = operator.get(reverse("orders:products"), {"book": "CNY"})
    assert page.context["completeness"] == catalogue.Completeness(products=3, without_cost=1, without_category=1)


def test_what_is_exported_without_cost_can_be_uploaded_filled_in(operator, products, shop):
    response = operator.get(reverse("orders:product_export"), {"book": "CNY", "missing": "cost"})
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["sku"], row["cost"], row["shop"]) == ("T2", "", "jd")
    filled = f"{text.splitlines()[0]}\nT2,Black tea,Tea,12.50,CNY,jd,\n"
    assert cost_file.take_costs(shop=shop, chunks=[filled.encode()], by=None).changed == 1
    assert Product.objects.get(pk=products["black"].pk).cost == Decimal("12.50")


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_category_and_cost_are_set_and_recorded(operator, products):
    where = reverse("orders:product_edit", args=[products["black"].pk])
    operator.post(where, {"category": " Black ", "cost": "33.40"})
    changed = Product.objects.get(pk=products["black"].pk)
    assert (changed.category, changed.cost) == ("Black", Decimal("33.40"))
    event = AuditEvent.objects.get(action="product.edit")
    assert event.changes == {"from": {"category": "Tea", "cost": "None"}, "to": {"category": "Black", "cost": "33.40"}}
    operator.post(where, {"category": "Black", "cost": "33.40"})
    assert AuditEvent.objects.filter(action="product.edit").count() == 1
    operator.post(where, {"category": "", "cost": ""})
    assert Product.objects.get(pk=products["black"].pk).cost is None


def test_a_row_of_the_list_is_edited_in_its_place(operator, products):
    product = products["black"]
    row = operator.get(reverse("orders:product_row", args=[product.pk]), headers={"HX-Request": "true"})
    assert f'id="product-{product.pk}"' in row.content.decode() and 'name="cost"' in row.content.decode()
    where = reverse("orders:product_edit", args=[product.pk])
    wrong = operator.post(where, {"cost": "-1"}, headers={"HX-Request": "true"}).content.decode()
    assert "greater than or equal to 0" in wrong and 'name="cost"' in wrong
    saved = operator.post(where, {"category": "Tea", "cost": "9"}, headers={"HX-Request": "true"}).content.decode()
    assert "CN¥9.00" in saved and 'name="cost"' not in saved
    assert Product.objects.get(pk=product.pk).cost == 9


def test_a_negative_cost_is_no_cost(products):
    with pytest.raises(BadInput):
        catalogue.edit_product(product=products["black"], category="", cost=Decimal(-1), by=None)


def test_an_analyst_looks_but_does_not_touch(client, products):
    client.force_login(make_user("analyst"))
    page = client.get(reverse("orders:product", args=[products["green"].pk]))
    assert page.status_code == 200 and "CN¥20.00" in page.content.decode()
    assert 'name="cost"' not in page.content.decode()
    for name in ("product_edit", "product_row", "product_unlink"):
        assert client.post(reverse(f"orders:{name}", args=[products["green"].pk])).status_code == 403
    for name in ("product_costs", "product_link", "product_apart", "product_link_certain", "product_export"):
        assert client.get(reverse(f"orders:{name}")).status_code == 403


# --- from a file ------------------------------------------------------------------------------------------------------


def take(shop: Any, text: str, encoding: str = "utf-8") -> cost_file.Taken:
    return cost_file.take_costs(shop=shop, chunks=[text.encode(encoding)], by=None)


def told(taken: cost_file.Taken) -> list[tuple[int, str]]:
    return [(refused.row, refused.column) for refused in taken.named]


def test_good_rows_are_taken_and_every_other_one_is_named(shop, products):
    taken = take(
        shop,
        "SKU,Cost,Category,Shop\n"
        "T1,21.5,,\n"  # an empty cell leaves what is known
        'T2,"1,234.00",Tea,JD shop\n'
        "C1,0,,tmall\n"
        "T1,22,,\n"
        "T9,1,,\n"
        ",1,,\n"
        "C1,cheap,,tmall\n"
        "C1,-1,,\n"
        "C1,1.005,,\n"
        "C1,NaN,,\n"
        "C1,1,,elsewhere\n"
        "\n",
    )
    assert (taken.rows, taken.changed, taken.unchanged, taken.refused) == (11, 2, 1, 8)
    assert told(taken) == [
        (5, "SKU"), (6, "SKU"), (7, "SKU"), (8, "Cost"), (9, "Cost"), (10, "Cost"), (11, "Cost"), (12, "Shop"),
    ]  # fmt: skip
    assert "Row 2" in taken.named[0].reason and "T9" in taken.named[1].reason
    green, black = Product.objects.get(pk=products["green"].pk), Product.objects.get(pk=products["black"].pk)
    assert (green.cost, green.category) == (Decimal("21.50"), "Tea")
    assert black.cost == Decimal("1234.00")


@pytest.mark.parametrize("written", ['"12,50"', "€12", "12 USD", "1e2", "1_000"])
def test_a_cost_that_could_be_another_amount_is_not_guessed_at(shop, products, written):
    taken = take(shop, f"sku,cost\nC1,{written}\nT1,¥12.50元\n")
    assert told(taken) == [(2, "cost")] and taken.changed == 1
    assert Product.objects.get(pk=products["cup"].pk).cost == products["cup"].cost
    assert Product.objects.get(pk=products["green"].pk).cost == Decimal("12.50")


def test_the_same_file_again_changes_nothing(shop, products):
    text = "sku,cost\nT1,5\n"
    assert take(shop, text).changed == 1
    again = take(shop, text)
    assert (again.changed, again.unchanged) == (0, 1)


def test_chinese_headers_in_gbk_and_what_spreadsheets_put_around_numbers(shop):
    tea = make_product(shop, "00123")
    taken = take(shop, '商家编码,成本价,类目\n"=""00123""",￥41.20元,茶叶\n', "gb18030")
    assert (taken.changed, taken.named) == (1, [])
    tea.refresh_from_db()
    assert (tea.cost, tea.category) == (Decimal("41.20"), "茶叶")


def test_skus_of_another_store_are_unknown_here(shop, products):
    make_product(make_shop("us", currency="USD"), "U1")
    assert told(take(shop, "sku,cost,shop\nU1,1,us\nU1,1,\n")) == [(2, "shop"), (3, "sku")]


@pytest.mark.parametrize("text", ["name,cost\nTea,5\n", "sku,name\nT1,Tea\n", ""])
def test_a_file_without_the_needed_columns_is_refused(shop, text):
    with pytest.raises(BadInput):
        take(shop, text)


def test_the_upload_tells_what_became_of_the_rows(operator, products, shop):
    file = SimpleUploadedFile("costs.csv", b"sku,cost\nT1,5\nT9,1\n")
    page = operator.post(reverse("orders:product_costs") + "?book=CNY", {"shop": shop.pk, "file": file})
    text = page.content.decode()
    assert "1 product changed" in text and "no product with the SKU “T9”" in text
    bad = SimpleUploadedFile("costs.csv", b"PK\x03\x04 nothing")
    assert (
        operator.post(reverse("orders:product_costs") + "?book=CNY", {"shop": shop.pk, "file": bad}).status_code == 422
    )


# --- what it sells ----------------------------------------------------------------------------------------------------


YEAR: Any = {"first": date(2026, 1, 1), "last": date(2026, 12, 31)}


@pytest.fixture
def sales(shop, other, products) -> Any:
    """Ann buys green tea twice, once on the other platform as black; Bob once; somebody is anonymous."""
    ann, bob = make_customer("Ann"), make_customer("Bob")
    green, black = products["green"], products["black"]
    make_line(make_purchase(ann, shop, "2026-03-01"), green, "60", quantity=2)
    make_line(make_purchase(ann, shop, "2026-04-01"), green, "30")
    make_line(make_purchase(ann, other, "2026-04-02"), black, "25")
    make_line(make_purchase(bob, shop, "2026-04-03"), green, "30")
    make_line(make_purchase(None, shop, "2026-04-03"), green, "30")
    make_line(make_purchase(bob, shop, "2025-04-03"), green, "999")
    make_line(make_purchase(bob, shop, "2026-04-04", refunded_amount=Decimal(100)), green, "999")
    make_line(make_purchase(bob, shop, "2026-04-05"), products["cup"], "999")
    return products


def test_a_product_counts_units_buyers_and_who_came_back_for_it(sales):
    found: Any = product_figures.sold([sales["green"].pk], **YEAR).products[sales["green"].pk]
    assert (found.units, found.orders, found.buyers, found.repeaters, found.amount) == (5, 4, 2, 1, 150)
    assert (found.margin, found.margin_rate, found.coverage) == (50, pytest.approx(1 / 3), 1)
    months: Any = product_figures.months([sales["green"].pk], **YEAR)
    assert [(one.month, one.units, one.amount) for one in months] == [
        (date(2026, 3, 1), 2, 60), (date(2026, 4, 1), 3, 90),
    ]  # fmt: skip


def test_linked_products_are_summed_in_one_currency_only(sales):
    dollars = make_shop("us", currency="USD")
    mug = make_product(dollars, "T1")
    make_line(make_purchase(None, dollars, "2026-05-01"), mug, "8")
    found: Any = product_figures.sold([sales["green"].pk, sales["black"].pk, mug.pk], **YEAR)
    together = found.currencies["CNY"]
    assert (together.units, together.orders, together.buyers, together.repeaters, together.amount) == (6, 5, 2, 1, 175)
    assert together.coverage == 5 / 6 and together.margin == 50
    assert found.currencies["USD"].amount == 8


def test_one_order_with_two_linked_products_is_one_order(shop, other):
    small, large = make_product(shop, "S"), make_product(shop, "L")
    order = make_purchase(make_customer("Ann"), shop, "2026-03-01")
    make_line(order, small, "10")
    make_line(order, large, "20")
    together: Any = product_figures.sold([small.pk, large.pk], **YEAR).currencies["CNY"]
    assert (together.orders, together.buyers, together.repeaters, together.units) == (1, 1, 0, 2)


def test_the_product_page_shows_its_year_and_offers_what_to_link_with(operator, sales):
    with time_machine.travel("2026-05-01T12:00Z"):
        page = operator.get(reverse("orders:product", args=[sales["green"].pk]), {"find": "tea"})
    text = page.content.decode()
    assert "CN¥150" in text and "50.0%" in text and page.context["figures"].orders == 4
    offered = {product.shop.name for product in page.context["found"]}
    assert offered == {"JD shop", "De"}  # its own shop's tea is the product itself


def test_an_unsold_product_has_a_page(operator, products):
    text = operator.get(reverse("orders:product", args=[products["cup"].pk])).content.decode()
    assert "No paid order of the last two years holds it" in text


def test_best_sellers_link_to_their_pages_and_know_their_margin(operator, sales):
    with time_machine.travel("2026-05-01T12:00Z"):
        page = operator.get(reverse("orders:best_products"), {"book": "CNY", "sort": "margin"})
    assert [row.product_id for row in page.context["products"]] == [
        sales["cup"].pk, sales["green"].pk, sales["black"].pk,
    ]  # fmt: skip
    assert [row.margin for row in page.context["products"]] == [999, 50, None]
    assert reverse("orders:product", args=[sales["green"].pk]) in page.content.decode()


def test_a_changed_cost_changes_kept_figures_at_once(sales, django_capture_on_commit_callbacks):
    green = sales["green"]
    assert product_figures.sold([green.pk], **YEAR).products[green.pk].margin == 50
    with django_capture_on_commit_callbacks(execute=True):
        catalogue.edit_product(product=green, category="Tea", cost=Decimal(10), by=None)
    assert product_figures.sold([green.pk], **YEAR).products[green.pk].margin == 100


def test_a_book_knows_its_categories(products):
    book = book_of("CNY")
    assert book and catalogue.categories_of(book) == ["Tea"]
