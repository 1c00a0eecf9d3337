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
            {
                "orders": {
                    "filter": {"category": ["Gone by now"], "paid": True, "product": ["A1", "item:7"]},
                    "count": {"op": "between", "value": [1, 3]},
                    "within_days": 90,
                }
            },
            {"was": {"kind": "stage", "value": ["active", "silent"], "on": "2026-03-01"}},
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
@pytest.mark.parametrize("width", [1440, 390])
def test_what_somebody_bought_is_asked_for_by_keyboard(live_site: LiveSite, width: int) -> None:
    page = live_site.page(make_user("operator"), width=width)
    page.goto("/segments/new/")
    figure = page.locator("#preview .figure-value")
    page.get_by_role("button", name="+ Add a condition").press("Enter")
    page.get_by_label("What", exact=True).select_option(label="Orders (has bought …)")
    expect(figure).to_have_text("3")
    page.get_by_label("times", exact=True).fill("2")
    expect(figure).to_have_text("1")
    page.get_by_label("in the last … days").fill("60")
    expect(figure).to_have_text("0")
    page.get_by_label("times", exact=True).fill("1")
    expect(figure).to_have_text("1")
    page.get_by_text("Only those with …").press("Enter")
    platforms = page.get_by_role("group", name="Platform")
    platforms.get_by_role("checkbox", name="Tmall").press("Space")
    expect(figure).to_have_text("0")
    words = "paid orders at least 1 time (Platform: Tmall; in the last 60 days)"
    expect(page.locator(".rule-words")).to_contain_text(words)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    platforms.get_by_role("checkbox", name="Tmall").press("Space")
    platforms.get_by_role("checkbox", name="Own site").press("Space")
    expect(figure).to_have_text("1")
    page.get_by_label("Name", exact=True).fill("Bought lately")
    page.get_by_role("button", name="Save segment").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Bought lately")
    asked = {"filter": {"platform": ["own"]}, "count": {"op": "gte", "value": 1}, "within_days": 60}
    assert Segment.objects.get().rule == {"all": [{"orders": asked}]}
    assert live_site.complaints == []


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
    page.get_by_role("button", name="Look at it first").click()
    expect(page.locator(".rule-line")).to_have_count(2)
    page.go_back()
    page.get_by_role("checkbox", name="R5 F1").check()
    page.get_by_role("button", name="Make a segment of the chosen cells").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("R5 F1")
    assert live_site.complaints == []
