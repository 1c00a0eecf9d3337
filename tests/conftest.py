"""What every test may ask for: the run's servers, a browser where there is one, a site that it can open."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import translation

from tests import servers
from tests.live import LiveSite, launch

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

# A shared machine may pause any example; what an example takes is no property of the code.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

# Playwright keeps an event loop in its thread until the run ends; Django takes that for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.stop()


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Rate limits and cached figures of one test are none of the next one's business."""
    cache.clear()


@pytest.fixture(autouse=True)
def english() -> None:
    """A page that one test read in Chinese leaves Chinese active in this thread."""
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture
def redis_url() -> str:
    """Address of this worker's own database in the real Valkey, emptied."""
    import redis

    redis.from_url(settings.REDIS_URL).flushdb()
    return str(settings.REDIS_URL)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The program of a Chromium. Without one the test is skipped, or fails where CRM_REQUIRE_BROWSER=1."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return Path(found)
    if os.environ.get("CRM_REQUIRE_BROWSER") == "1":
        pytest.fail("No Chromium found, and CRM_REQUIRE_BROWSER=1 demands one.")
    pytest.skip("no Chromium found (install chromium, or set CHROMIUM to its path)")


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator["Browser"]:
    """One real Chromium for the whole run."""
    yield from launch(chromium)


@pytest.fixture
def live_site(browser: "Browser", live_server: "LiveServer", monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveSite]:
    """The running site in a browser: `live_site.page(user)` opens a window in which that user is signed in."""
    monkeypatch.setattr(settings, "SITE_URL", live_server.url)
    site = LiveSite(url=live_server.url, browser=browser)
    yield site
    site.close()
