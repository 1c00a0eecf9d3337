"""The search box and a customer's tabs, by keyboard and by address, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from customers.models import Customer
from tests.builders import make_customer, make_facts, make_identity, make_purchase, make_shop, make_user
from tests.live import LiveSite

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mei() -> Customer:
    shop = make_shop("tmall")
    mei = make_customer("韩梅梅", phone="+8613800138000")
    make_facts(mei, stage="active", orders=1)
    make_identity(mei, "tb_mei_88")
    make_purchase(mei, shop, "2026-03-02")
    make_customer("韩梅")
    return mei


def test_a_person_is_found_and_opened_without_the_mouse(live_site: LiveSite, mei: Customer) -> None:
    page = live_site.page(make_user("operator"))
    page.goto("/customers/")
    page.keyboard.press("/")
    page.keyboard.type("梅梅")
    expect(page.locator(".search-results")).to_contain_text("韩梅梅")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/customers/{mei.pk}/")
    assert live_site.complaints == []


def test_enter_opens_what_fits_exactly(live_site: LiveSite, mei: Customer) -> None:
    page = live_site.page(make_user("operator"))
    order = mei.orders.get()
    page.goto("/customers/")
    for typed, opened in (("tb_mei_88", f"/customers/{mei.pk}/"), (order.external_id, f"/orders/{order.pk}/")):
        page.keyboard.press("/")
        page.keyboard.type(typed)
        expect(page.locator(".search-results a[data-exact]")).to_have_count(1)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{opened}")


@pytest.mark.parametrize("width", [390, 1440])
def test_a_tab_is_opened_by_its_address_and_names_it(live_site: LiveSite, mei: Customer, width: int) -> None:
    page = live_site.page(make_user("owner"), width=width)
    page.goto(f"/customers/{mei.pk}/?tab=orders")
    expect(page.locator("#pane-orders")).to_contain_text(mei.orders.get().external_id)
    page.goto(f"/customers/{mei.pk}/#segments")
    expect(page.locator("#pane-segments")).to_contain_text("No live segment yet")
    expect(page).to_have_url(re.compile(r"\?tab=segments$"))
    page.get_by_role("link", name="Write a note").click()
    expect(page.locator("#note-text")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert live_site.complaints == []
