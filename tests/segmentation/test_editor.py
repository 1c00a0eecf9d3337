"""The rule editor in a real browser: what is clicked and typed becomes the rule, and the counts follow."""

from datetime import date

import pytest
from playwright.sync_api import expect

from segmentation.models import Segment
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop, make_user
from tests.live import LiveSite

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def store() -> None:
    """Ann bought twice long ago, Bob once long ago, Cid yesterday."""
    shop = make_shop("tmall")
    for name, days in [("Ann", ["2025-01-01", "2025-02-01"]), ("Bob", ["2025-02-01"]), ("Cid", ["2026-03-30"])]:
        who = make_customer(name)
        for day in days:
            make_purchase(who, shop, day)
    refresh(as_of=date(2026, 3, 31))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("width", [1440, 390])
def test_a_rule_is_built_and_its_counts_follow(live_site: LiveSite, width: int) -> None:
    page = live_site.page(make_user("operator"), width=width)
    page.goto("/segments/new/")
    figure = page.locator("#preview .figure-value")
    expect(figure).to_have_text("3")

    page.get_by_role("button", name="+ Add a condition").click()
    page.get_by_role("checkbox", name="Lost").check(force=True)
    expect(figure).to_have_text("2")
    page.get_by_role("button", name="+ Add a condition").click()
    page.get_by_label("What", exact=True).nth(1).select_option(label="Paid orders")
    page.get_by_label("Value", exact=True).last.fill("2")
    expect(figure).to_have_text("1")
    # Alone, two people are lost and one bought at least twice.
    expect(page.locator(".rule-count").nth(0)).to_have_text("2")
    expect(page.locator(".rule-count").nth(1)).to_have_text("1")
    expect(page.locator("#preview")).to_contain_text("Ann")
    expect(page.locator("#preview")).not_to_contain_text("Bob")

    page.get_by_label("Customers who fit").first.select_option("any")
    expect(figure).to_have_text("2")
    page.get_by_label("Customers who fit").first.select_option("none")
    expect(figure).to_have_text("1")
    page.get_by_label("Customers who fit").first.select_option("all")
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.get_by_label("Name", exact=True).fill("Lost regulars")
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Lost regulars")
    assert live_site.complaints == []
    segment = Segment.objects.get()
    assert segment.size == 1
    assert segment.rule == {
        "all": [
            {"field": "stage", "op": "in", "value": ["lost"]},
            {"field": "orders", "op": "gte", "value": 2},
        ]
    }


@pytest.mark.usefixtures("store")
def test_nested_groups_survive_being_edited(live_site: LiveSite) -> None:
    rule = {
        "any": [
            {
                "all": [
                    {"field": "orders", "op": "between", "value": [2, 9]},
                    {"field": "city", "op": "in", "value": ["x"]},
                ]
            },
            {"not": {"any": [{"field": "last_paid_on", "op": "gte", "value": "2026-01-01"}]}},
            {"field": "email_ok", "op": "is", "value": False},
            {"field": "net_amount", "op": "lte", "value": "99.50"},
        ]
    }
    segment = Segment.objects.create(name="Nested", rule=rule, book="CNY")
    page = live_site.page(make_user("operator"))
    page.goto(f"/segments/{segment.pk}/edit/")
    expect(page.locator("#preview .figure-value")).to_have_text("3")
    page.get_by_role("button", name="Save segment").click()
    page.wait_for_url(f"**/segments/{segment.pk}/")
    segment.refresh_from_db()
    assert segment.rule == rule


@pytest.mark.usefixtures("store")
def test_what_is_not_filled_in_is_not_saved(live_site: LiveSite) -> None:
    page = live_site.page(make_user("operator"))
    page.goto("/segments/new/")
    page.get_by_label("Name", exact=True).fill("Half done")
    page.get_by_role("button", name="+ Add a condition").click()
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New segment")
    assert not Segment.objects.exists()


@pytest.mark.usefixtures("store")
def test_cells_are_chosen_by_keyboard(live_site: LiveSite) -> None:
    page = live_site.page(make_user("operator"))
    page.goto("/insights/rfm/")
    page.get_by_role("checkbox", name="R5 F1").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Make a segment of the chosen cells").click()
    expect(page.locator(".rule-line")).to_have_count(2)
    assert live_site.complaints == []
