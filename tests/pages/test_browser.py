"""The frame in a real Chromium: scripts under the policy, keyboard, narrow screens, charts."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crm_suite.jobs.models import Job
from tests.builders import make_user
from tests.live import LiveSite

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = ["/", "/jobs/", "/settings/", "/settings/team/", "/settings/team/new/", "/developers/tokens/", "/preferences/",
         "/developers/tokens/new/", "/settings/activity/", "/accounts/2fa/", "/accounts/password/change/"]  # fmt: skip

CHART = {
    "type": "stacked",
    "title": "Returning customers bring most",
    "x": ["2026-01", "2026-02"],
    "x_name": "month",
    "y_name": "revenue",
    "series": [
        {"name": "New", "data": [1200, 900], "color": "stage-new"},
        {"name": "=Returning", "data": [3000, None]},
    ],
}
CARD = """
<section data-chart-card>
  <button data-chart-tool="table">table</button><button data-chart-tool="csv">csv</button>
  <button data-chart-tool="png">png</button>
  <div class="chart-box" data-chart="sample"></div><div data-chart-table hidden></div>
  <script type="application/json" id="sample">%s</script>
</section>"""


def sideways(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_no_page_scrolls_sideways_on_a_phone_and_no_script_is_refused(live_site: LiveSite, language: str) -> None:
    page = live_site.page(make_user("owner"), language=language, width=390, height=844)
    for address in PAGES:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert (address, sideways(page)) == (address, 0)
    assert live_site.complaints == []


def test_signing_in_by_hand_in_chinese(live_site: LiveSite) -> None:
    mei = make_user("analyst", email="mei@example.com")
    page = live_site.page(language="en")
    page.goto("/jobs/")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.fill("#id_login", "mei@example.com")
    page.fill("#id_password", "correct horse battery")
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/jobs/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    assert mei.is_active and live_site.complaints == []


def test_the_keyboard_is_enough(live_site: LiveSite) -> None:
    page = live_site.page(make_user("owner"))
    page.goto("/")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs/")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("g h")
    assert page.input_value("#search") == "g h"
    page.goto("/settings/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()


def test_the_navigation_opens_over_the_page_on_a_phone(live_site: LiveSite) -> None:
    page = live_site.page(make_user("owner"), width=390, height=844)
    page.goto("/")
    home = page.locator(".shell-nav a[aria-current]")
    expect(home).not_to_be_in_viewport()
    page.locator(".nav-toggle").click()
    expect(home).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(home).not_to_be_in_viewport()


def test_a_chosen_theme_outlives_the_page(live_site: LiveSite) -> None:
    page = live_site.page(make_user("owner"))
    page.goto("/")
    page.get_by_role("button", name="Account").click()
    with page.expect_response("**/theme/"):
        page.locator("button[value=dark]").click()
    page.goto("/jobs/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_menu_of_jobs_follows_a_running_job(live_site: LiveSite) -> None:
    job = Job.objects.create(kind="x", title="Import of orders.csv", state="running", total=10, done=1)
    page = live_site.page(make_user("owner"))
    page.goto("/")
    expect(page.locator("#jobs-badge")).to_have_text("1")
    page.locator("#jobs-menu > button").click()
    expect(page.locator("#job-drawer")).to_contain_text("1 of 10")
    Job.objects.filter(pk=job.pk).update(state="done", done=10)
    expect(page.locator("#job-drawer")).to_contain_text("Done", timeout=8_000)
    expect(page.locator("#jobs-badge")).to_be_hidden()


def test_a_chart_has_its_table_its_file_and_its_picture(live_site: LiveSite, tmp_path: Path) -> None:
    page = live_site.page(make_user("owner"))
    page.goto("/jobs/")
    page.evaluate(
        """html => {
          const content = document.querySelector("#content");
          content.innerHTML = html;
          content.dispatchEvent(new CustomEvent("htmx:afterSettle", {bubbles: true}));
        }""",
        CARD % json.dumps(CHART),
    )
    expect(page.locator("[data-chart] svg")).to_be_visible()
    page.get_by_role("button", name="table").click()
    assert page.locator("[data-chart-table] tr").all_inner_texts() == [
        "month\tNew\t=Returning",
        "2026-01\t1,200\t3,000",
        "2026-02\t900\t—",
    ]
    with page.expect_download() as download:
        page.get_by_role("button", name="csv").click()
    download.value.save_as(tmp_path / "chart.csv")
    text = (tmp_path / "chart.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(StringIO(text)))
    assert rows == [["month", "New", "'=Returning"], ["2026-01", "1200", "3000"], ["2026-02", "900", ""]]
    page.get_by_role("button", name="table").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="png").click()
    download.value.save_as(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert live_site.complaints == []
