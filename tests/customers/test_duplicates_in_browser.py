"""Pairs are decided by keyboard, one after the other, without leaving the page."""

from collections.abc import Callable

import pytest

from customers.duplicates import find_pairs, open_pairs
from customers.models import CustomerMerge, DuplicatePair
from tests.builders import make_customer, make_user
from tests.live import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def wait_for(page, condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("nothing happened for five seconds")


def test_two_keys_decide_two_pairs(live_site: LiveSite) -> None:
    for number in range(2):
        for _ in range(2):
            make_customer(f"李雷{number}", phone=f"+861380013800{number}")
    find_pairs()
    first, second = open_pairs().order_by("-score", "-id")
    page = live_site.page(make_user("operator"))
    page.goto("/customers/duplicates/")
    page.keyboard.press("j")
    page.keyboard.press("2")
    page.keyboard.press("y")
    wait_for(page, CustomerMerge.objects.exists)
    assert CustomerMerge.objects.get().kept_id == first.second_id
    page.get_by_text("is part of").wait_for()
    wait_for(page, lambda: bool(page.evaluate(f"document.activeElement.id === 'pair-{second.pk}'")))
    page.keyboard.press("n")
    wait_for(page, lambda: DuplicatePair.objects.filter(state="different").exists())
    page.get_by_text("are not proposed again").wait_for()
    assert live_site.complaints == []
