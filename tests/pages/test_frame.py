"""The frame of every page: health, language, theme, navigation, the first steps, demo data."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Message, Template
from crm_suite.access.models import AuditEvent, User
from crm_suite.jobs.models import BeatTick, Job
from crm_suite.pages import health, navigation, selectors
from crm_suite.pages.onboarding import facts, steps_for
from crm_suite.pages.settings_cards import CARDS
from segmentation.models import Segment
from tests.builders import make_campaign, make_customer, make_message, make_shop, make_user

pytestmark = pytest.mark.django_db


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_the_process_lives(client: Client) -> None:
    assert client.get("/livez").content == b"ok"


def test_ready_means_that_every_migration_is_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/readyz").json() == {"status": "ok", "database": True, "migrations": True}
    selectors._migrated.clear()
    monkeypatch.setattr(selectors, "unapplied_migrations", lambda: ["orders.0002_new"])
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["migrations"]) == (503, False)


def test_a_database_that_is_away_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def cursor(self) -> None:
            raise OperationalError

    monkeypatch.setattr(selectors, "connection", Away())
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, False)


def test_the_language_is_chosen_before_signing_in(client: Client) -> None:
    assert 'lang="en"' in client.get("/accounts/login/").content.decode()
    answer = client.post("/language/", {"language": "zh-hans", "next": "/accounts/login/"})
    assert answer["Location"] == "/accounts/login/"
    assert 'lang="zh-hans"' in client.get("/accounts/login/").content.decode()


def test_the_language_of_a_person_goes_with_them(client: Client) -> None:
    mei = make_user("analyst")
    client.force_login(mei)
    client.post("/language/", {"language": "zh-hans", "next": "/jobs/"})
    elsewhere = Client()
    elsewhere.force_login(User.objects.get(pk=mei.pk))
    assert 'lang="zh-hans"' in elsewhere.get("/").content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_language_switch_leads_nowhere_else(client: Client, target: str) -> None:
    assert client.post("/language/", {"language": "en", "next": target})["Location"] == "/"


def test_an_unknown_language_or_theme_is_refused() -> None:
    mei = signed_in("analyst")
    assert mei.post("/language/", {"language": "xx"}).status_code == 400
    assert mei.post("/theme/", {"theme": "pink"}).status_code == 400


def test_the_theme_is_kept() -> None:
    mei = signed_in("analyst")
    assert mei.post("/theme/", {"theme": "dark"}).status_code == 204
    assert 'data-theme="dark"' in mei.get("/").content.decode()


def test_preferences_are_saved(client: Client) -> None:
    mei = make_user("analyst")
    client.force_login(mei)
    client.post("/preferences/", {"first_name": "Mei", "last_name": "", "language": "zh-hans", "theme": "light"})
    mei.refresh_from_db()
    assert (mei.first_name, mei.language, mei.theme) == ("Mei", "zh-hans", "light")


def links() -> list[navigation.Link]:
    entries = navigation.NAVIGATION
    return [link for entry in entries for link in (entry.links if isinstance(entry, navigation.Section) else [entry])]


def test_every_entry_of_the_navigation_leads_somewhere() -> None:
    names = [link.url_name for link in links()] + [card.url_name for card in CARDS]
    assert all(reverse(name).startswith("/") for name in names)


def test_no_two_entries_share_a_shortcut() -> None:
    keys = [link.keys for link in links() if link.keys]
    assert len(keys) == len(set(keys))


def test_people_see_only_what_they_may_open() -> None:
    owner, agent = (signed_in(role).get("/").content.decode() for role in ("owner", "agent"))
    for name in ("pages:team", "customers:list", "orders:list", "segmentation:rfm", "orders:import_list"):
        assert f'href="{reverse(name)}"' in owner
        assert f'href="{reverse(name)}"' not in agent
    assert f'href="{reverse("pages:settings")}"' in agent


def test_the_settings_page_shows_only_what_one_may_set() -> None:
    owner, analyst = (signed_in(role).get("/settings/").content.decode() for role in ("owner", "analyst"))
    assert "Who may come in, and as what." in owner
    assert "Who may come in, and as what." not in analyst and "Your own language" in analyst


def test_the_first_steps_find_out_what_is_done() -> None:
    make_user("owner")
    assert not any(facts().values())
    make_shop()
    Segment.objects.create(name="VIP", rule={})
    Template.objects.create(name="Hello", channel="sms", body="Hi")
    assert {step for step, done in facts().items() if done} == {"shop", "segment", "template"}


def test_demo_data_are_nobodys_first_step() -> None:
    make_user("owner")
    make_shop(is_demo=True)
    Segment.objects.create(name="demo", rule={}, is_demo=True)
    assert not any(facts().values())


def test_the_card_names_the_next_step_and_goes_when_all_is_done() -> None:
    owner = make_user("owner")
    make_shop()
    steps = steps_for(owner)
    assert steps.next_step is not None and str(steps.next_step.title) == "Import orders"
    assert (steps.done, steps.finished) == (1, False)
    assert steps_for(make_user("agent")).steps == []


def test_home_without_a_shop_asks_for_one() -> None:
    page = signed_in("owner").get("/").content.decode()
    assert "Start with your own shop" in page and 'hx-trigger="load"' not in page
    assert "No shop yet" in signed_in("agent").get("/").content.decode()


def test_home_with_a_shop_calls_the_panels_that_one_may_see() -> None:
    make_shop()
    owner, agent = (signed_in(role).get("/").content.decode() for role in ("owner", "agent"))
    for panel in ("orders:kpi_panel", "segmentation:stage_panel", "campaigns:last_panel"):
        assert f'hx-get="{reverse(panel)}"' in owner
        assert f'hx-get="{reverse(panel)}"' not in agent


def test_home_of_somebody_without_panels_begins_with_the_search() -> None:
    make_shop()
    owner, agent = (signed_in(role).get("/").content.decode() for role in ("owner", "agent"))
    assert "Find a customer" in agent and "Find a customer" not in owner


def test_the_banner_stands_while_a_demo_shop_exists() -> None:
    owner = signed_in("owner")
    assert "Remove demo data" not in owner.get("/").content.decode()
    make_shop(is_demo=True)
    assert "Remove demo data" in owner.get("/").content.decode()
    assert "Remove demo data" not in signed_in("analyst").get("/").content.decode()


def test_demo_data_are_removed_by_one_job_at_a_time() -> None:
    owner = signed_in("owner")
    assert owner.get("/demo/remove/").status_code == 405
    owner.post("/demo/remove/")
    owner.post("/demo/load/")
    assert list(Job.objects.values_list("kind", flat=True)) == ["demo_remove"]
    assert AuditEvent.objects.filter(action="demo.remove").exists()


def test_only_an_owner_removes_demo_data() -> None:
    assert signed_in("operator").post("/demo/remove/").status_code == 403
    assert not Job.objects.exists()


def words_of(name: str) -> tuple[str, str]:
    part = next(part for part in health.report() if str(part.name) == name)
    return part.words, part.tone


def test_the_system_page_says_who_is_silent(redis_url: str) -> None:
    assert words_of("Scheduler") == ("never seen", "bad")
    assert words_of("Workers") == ("no worker answers", "bad")
    BeatTick.objects.create(task="tick", slot=timezone.now())
    words, tone = words_of("Scheduler")
    assert words in ("last seen 0 s ago", "last seen 1 s ago") and tone == "good"
    assert words_of("Database")[0].startswith("PostgreSQL ")
    assert words_of("Broker")[1] == "good"


def test_the_system_page_says_whether_mail_reaches_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SMTP_URL", "")
    assert words_of("E-mail") == ("no provider is named", "doubt")
    monkeypatch.setattr(settings, "SMTP_URL", "smtp://crm:secret@mail.example.com:587")
    assert words_of("E-mail") == ("goes out through smtp://mail.example.com:587", "good")
    monkeypatch.setattr(settings, "SMS_URL", "http://127.0.0.1:8025/sms")
    monkeypatch.setattr(settings, "SIMULATED_CHANNELS", ["sms"])
    assert words_of("SMS")[0] == "goes to the simulator: nobody real is written to"
    assert words_of("E-mail")[0].startswith("goes out through ")


def test_the_system_page_says_what_is_in_doubt_for_long() -> None:
    assert words_of("Messages in doubt") == ("none", "good")
    message = make_message(
        make_campaign(make_shop()), make_customer(), "unknown", reason="no_answer", sent_at=timezone.now()
    )
    assert words_of("Messages in doubt") == ("1, none of them old", "good")
    Message.objects.filter(pk=message.pk).update(sent_at=timezone.now() - timedelta(hours=25))
    words, tone = words_of("Messages in doubt")
    assert words.startswith("1 are old, the oldest waits since") and tone == "doubt"


def test_a_part_that_is_broken_does_not_break_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    assert words_of("Broker") == ("does not answer (ConnectionError)", "bad")


def test_an_open_job_shows_its_progress_and_a_finished_one_its_end() -> None:
    owner = signed_in("owner")
    running = Job.objects.create(
        kind="x", title="Import of orders.csv", state="running", total=200, done=50, started_at=timezone.now()
    )
    Job.objects.create(kind="x", title="Old import", state="failed", message="no such column")
    page = owner.get("/jobs/").content.decode()
    assert "50 of 200" in page and f'hx-get="/jobs/{running.pk}/"' in page and "no such column" in page
    drawer = owner.get("/jobs/drawer/").content.decode()
    assert "every 2s" in drawer and 'style="width: 25%"' in drawer
    Job.objects.filter(pk=running.pk).update(state="done", finished_at=timezone.now())
    assert "every 2s" not in owner.get("/jobs/drawer/").content.decode()
    assert "hx-get" not in owner.get(f"/jobs/{running.pk}/").content.decode()


def test_a_page_that_does_not_exist_and_one_that_is_not_ones_own(client: Client) -> None:
    agent = signed_in("agent")
    missing, forbidden = agent.get("/nowhere/"), agent.get("/settings/team/")
    assert (missing.status_code, forbidden.status_code) == (404, 403)
    assert "nothing at this address" in missing.content.decode()
    assert "may not open this page" in forbidden.content.decode()
    assert "nothing at this address" in client.get("/nowhere/").content.decode()
