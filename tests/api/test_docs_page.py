"""The documentation page in a real browser: Swagger UI must live with our content security policy."""

from collections.abc import Iterator

import pytest

from tests.builders import make_user
from tests.live import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module", autouse=True)
def cleaning_beside_a_browser() -> Iterator[None]:
    """The tables are emptied after the window is closed, while its event loop still stands in this thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


def test_it_draws_every_address_and_breaks_no_policy(live_site: LiveSite):
    page = live_site.page(make_user("analyst"))
    page.goto("/api/docs/")
    page.wait_for_selector(".opblock", timeout=30_000)
    assert page.locator(".opblock").count() > 25
    assert page.get_by_text("by-external-id").count() > 0
    assert live_site.complaints == []
