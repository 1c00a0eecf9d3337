"""The page of a running import, in a real browser."""

import pytest
from playwright.sync_api import expect

from crm_suite.jobs.models import Job
from orders.models import ImportFile
from tests.builders import make_shop, make_user
from tests.live import LiveSite

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_the_bar_moves_inside_its_page_and_the_report_follows(live_site: LiveSite) -> None:
    job = Job.objects.create(kind="import_orders", title="Import spring.csv", state="running", total=200, done=50)
    file = ImportFile.objects.create(
        shop=make_shop(), job=job, name="spring.csv", path="x", size=1, sha256="0" * 64, state="running"
    )
    page = live_site.page(make_user("owner"))
    page.goto(f"/orders/imports/{file.pk}/")

    Job.objects.filter(pk=job.pk).update(done=120)
    expect(page.locator("main")).to_contain_text("120 of 200")
    expect(page.get_by_role("navigation").first).to_be_visible()

    ImportFile.objects.filter(pk=file.pk).update(state="done", counts={})
    Job.objects.filter(pk=job.pk).update(state="done", done=200)
    expect(page.locator("main")).to_contain_text("Done")
    expect(page.get_by_role("navigation").first).to_be_visible()
    expect(page.locator("main h1, main h2").first).to_be_visible()
    assert live_site.complaints == []
