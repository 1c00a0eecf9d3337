"""What one customer likes: shares with their n, and nothing where three are not reached."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from customers.books import Book, book_of
from orders.models import CatalogueItem
from segmentation import tastes
from segmentation.preferences import Basket, Line, band, preferences
from tests.builders import (
    make_customer,
    make_facts,
    make_line,
    make_product,
    make_purchase,
    make_shop,
    make_token,
    make_user,
)

CUTS = tuple(Decimal(price) for price in (10, 20, 30, 40))


def basket(moment: str, *lines: tuple[str, int, str], discounted: bool | None = False) -> Basket:
    held = tuple(Line(f"product:{category}", category, pieces, Decimal(price)) for category, pieces, price in lines)
    return Basket(datetime.fromisoformat(moment), discounted, held)


def test_shares_are_of_the_lines_and_carry_their_n() -> None:
    """Three lines of tea, one of snacks, one that nobody put into a category."""
    found = preferences(
        [
            basket("2026-03-02T09:00", ("Tea", 1, "5"), ("Tea", 2, "15"), ("Snacks", 1, "15")),
            basket("2026-03-09T10:00", ("Tea", 1, "15"), ("", 5, "99")),
            basket("2026-03-10T20:00"),
        ],
        cuts=CUTS,
    )
    assert [(part.code, part.n, part.share) for part in found.categories.rows] == [
        ("Tea", 3, 0.75),
        ("Snacks", 1, 0.25),
    ]
    assert {part.code: part.n for part in found.bands.rows} == {
        "lowest": 1, "low": 3, "middle": 0, "high": 0, "highest": 1,
    }  # fmt: skip
    assert found.bands.favourite == "low"
    # Two of three orders were placed on a Monday, two in the morning; one has no lines and no size.
    assert (found.weekdays.favourite, found.dayparts.favourite) == (0, "morning")
    assert (found.baskets, found.pieces) == (2, None)


def test_two_of_anything_cannot_tell() -> None:
    found = preferences([basket("2026-03-02T09:00", ("Tea", 1, "5"), ("Tea", 1, "5"))], cuts=CUTS)
    assert (found.categories.n, found.categories.rows, found.bands.rows) == (2, (), ())
    assert (found.categories.favourite, found.weekdays.rows, found.full_price) == (None, (), None)


def test_an_equal_score_is_no_favourite() -> None:
    found = preferences([basket(f"2026-03-0{day}T09:00") for day in (2, 3, 4)], cuts=None)
    assert found.weekdays.n == 3
    assert found.weekdays.favourite is None


def test_midnight_sharp_is_a_date_without_an_hour() -> None:
    found = preferences([basket(f"2026-03-0{day}T00:00") for day in (2, 3, 4)], cuts=None)
    assert (found.weekdays.n, found.dayparts.n) == (3, 0)


def test_a_price_on_a_cut_lies_below_it() -> None:
    prices = ("10", "10.01", "40", "41")
    assert [band(Decimal(price), CUTS) for price in prices] == ["lowest", "low", "high", "highest"]


def test_full_price_is_counted_where_it_can_be_seen() -> None:
    seen = [basket("2026-03-02T09:00", discounted=one) for one in (False, True, False, None)]
    found = preferences(seen, cuts=None)
    assert (found.priced, found.full_price) == (3, pytest.approx(2 / 3))


# --- from the tables --------------------------------------------------------------------------------------------------


def the_book() -> Book:
    book = book_of("CNY")
    assert book is not None
    return book


@pytest.fixture
def shop():
    return make_shop("tmall")


@pytest.mark.django_db
def test_the_tables_tell_moment_price_and_discount(shop) -> None:
    item = CatalogueItem.objects.create(name="Longjing", category="Tea")
    tea, ann = make_product(shop, "tea", category="Leaves", item=item), make_customer("Ann")
    full = make_purchase(ann, shop, "2026-03-02", "40")
    make_line(full, tea, "40", quantity=2)
    cheap = make_purchase(ann, shop, "2026-03-09", "30")
    make_line(cheap, tea, "40", quantity=2)
    make_line(make_purchase(ann, shop, "2026-03-10", "40", refunded_amount=Decimal(40)), tea, "40")
    make_line(make_purchase(make_customer("Bob"), shop, "2026-03-10", "9"), tea, "9")
    first, second = tastes._baskets(ann, the_book())
    assert (first.moment.hour, first.moment.weekday(), first.discounted) == (12, 0, False)
    assert second.discounted
    assert first.lines == (Line(f"item:{item.pk}", "Tea", 2, Decimal(20)),)


@pytest.mark.django_db
def test_price_bands_are_fifths_of_the_book(shop) -> None:
    product = make_product(shop, "tea")
    order = make_purchase(make_customer("Ann"), shop, "2026-03-02")
    for price in range(1, 50):
        make_line(order, product, str(price))
    assert tastes._price_cuts(the_book()) == ()
    make_line(order, product, "50")
    abroad = make_shop("de", currency="EUR")
    make_line(make_purchase(make_customer("Eva"), abroad, "2026-03-02"), make_product(abroad), "9999")
    assert tastes._price_cuts(the_book()) == (10, 20, 30, 40)


@pytest.fixture
def fans(shop):
    """Ten bought tea and a cup, thirty soap; Ann bought tea, twice, and soap."""
    tea, cup, soap = (make_product(shop, sku, name=sku.title(), category="Home") for sku in ("tea", "cup", "soap"))
    for number in range(40):
        order = make_purchase(make_customer(f"C{number}"), shop, "2026-03-01")
        for product in (tea, cup) if number < 10 else (soap,):
            make_line(order, product, "10")
    ann = make_customer("Ann")
    for day in ("2026-03-01", "2026-03-08"):
        make_line(make_purchase(ann, shop, day), tea, "10")
    make_line(make_purchase(ann, shop, "2026-03-15"), soap, "10")
    return ann


@pytest.mark.django_db
def test_the_suggestion_is_what_they_lack_and_others_have(fans) -> None:
    found = tastes.taste(fans)
    assert found
    (one,) = found.suggestions
    assert (one.product.name, one.because.name) == ("Cup", "Tea")
    assert (one.pair.together, one.pair.first_n, one.pair.baskets) == (10, 11, 41)


@pytest.mark.django_db
def test_the_panel_says_what_they_like_and_what_nobody_can_tell(client: Client, fans) -> None:
    client.force_login(make_user("agent"))
    page = client.get(reverse("segmentation:preferences_panel", args=[fans.pk])).content.decode()
    assert "Home" in page
    assert "Sundays" in page
    assert "91% of the 11 buyers of “Tea” have it" in page
    newcomer = make_customer("New")
    page = client.get(reverse("segmentation:preferences_panel", args=[newcomer.pk])).content.decode()
    assert "Nothing bought yet." in page
    once = make_customer("Once")
    make_purchase(once, fans.orders.first().shop, "2026-03-01")
    page = client.get(reverse("segmentation:preferences_panel", args=[once.pk])).content.decode()
    assert page.count("cannot tell") >= 4
    shell = client.get(reverse("customers:detail", args=[fans.pk])).content.decode()
    assert reverse("segmentation:preferences_panel", args=[fans.pk]) in shell


@pytest.mark.django_db
def test_somebody_is_measured_in_the_book_of_their_facts(fans) -> None:
    abroad = make_shop("de", currency="EUR")
    make_purchase(fans, abroad, "2026-04-01")
    assert getattr(tastes.home_of(fans), "code", None) == "EUR"
    make_facts(fans)
    fans.refresh_from_db()
    assert getattr(tastes.home_of(fans), "code", None) == "CNY"


@pytest.mark.django_db
def test_the_door_of_preferences(client: Client, fans) -> None:
    headers = {"Authorization": f"Bearer {make_token('customers:read')}"}
    body = client.get(f"/api/v1/customers/{fans.pk}/preferences", headers=headers).json()
    assert (body["book"], body["currency"], body["orders"], body["lines"]) == ("CNY", "CNY", 3, 3)
    assert body["categories"] == {"n": 3, "rows": [{"code": "Home", "n": 3, "share": 1.0}]}
    assert body["price_cuts"] == ["10.0000"] * 4
    assert [one["product"]["name"] for one in body["suggestions"]] == ["Cup"]
    newcomer = make_customer("New")
    assert client.get(f"/api/v1/customers/{newcomer.pk}/preferences", headers=headers).status_code == 404
