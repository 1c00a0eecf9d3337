"""Handles that move: the counts, the shares, the marks and what would be put in force follow them."""

from datetime import date
from random import Random

import pytest

from customers.models import Shop
from segmentation import options
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop, make_user
from tests.live import LiveSite

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

DAY = date(2026, 3, 31)
MONTHS = ("2025-11", "2025-12", "2026-01", "2026-02", "2026-03")
DAYS = [f"{month}-{day:02}" for month in MONTHS for day in range(1, 29)]


@pytest.fixture
def store() -> Shop:
    shop, dice = make_shop("tmall", platform="tmall", name="Tea house"), Random(7)
    make_shop("jd", platform="jd", name="Tea on JD")
    for number in range(60):
        who = make_customer(f"C{number}")
        for day in sorted(dice.sample(DAYS, dice.choice([1, 1, 2, 3, 4]))):
            make_purchase(who, shop, day, str(dice.choice([20, 80, 400])))
    refresh(as_of=DAY)
    return shop


def test_a_handle_is_moved_by_the_keyboard_and_the_counts_follow(live_site: LiveSite, store: Shop) -> None:
    page = live_site.page(make_user("operator"))
    page.goto("/insights/lifecycle/calibrate/")
    page.wait_for_selector('[data-handle="p30"]:not([hidden])')
    before = {code: page.text_content(f'[data-stage="{code}"]') for code in ("new", "active", "silent", "lost")}
    start = int(page.input_value("#id_p30"))

    page.focus('[data-handle="p30"]')
    for _press in range(5):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"document.querySelector('[data-kept=p30]').value === '{start - 5}'")

    after = {code: page.text_content(f'[data-stage="{code}"]') for code in before}
    assert int(str(after["silent"])) > int(str(before["silent"]))
    assert after["lost"] == before["lost"]
    assert f'{{"x": {start - 5}' in str(page.text_content("script#coming-back-chart")).replace('"x":', '"x": ')
    assert page.locator('[data-chart="coming-back-chart"] svg').count() == 1

    page.fill("#id_p60", "1")
    assert page.is_disabled("[data-put-in-force]")
    page.fill("#id_p60", "90")
    page.fill("#id_p90", "120")
    page.click("[data-put-in-force]")
    page.wait_for_url("**/insights/lifecycle/")
    assert options.measuring("CNY").bounds == (start - 5, 90, 120)
    assert live_site.complaints == []


def test_it_works_without_a_script_and_on_a_phone(live_site: LiveSite, store: Shop) -> None:
    page = live_site.page(make_user("operator"), width=390)
    page.goto("/insights/lifecycle/calibrate/?at_once=1&p30=10&p60=20&p90=60")
    assert page.input_value("#id_p30") == "10"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert live_site.complaints == []
