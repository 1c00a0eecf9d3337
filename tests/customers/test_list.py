"""The list finds whom it should, and always leaves out somebody who does not match."""

import csv
import io
from datetime import date

import pytest
from django.http import QueryDict
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import run
from customers import exports
from customers.books import books
from customers.filters import CustomerFilter
from customers.selectors import last_purchases, people_of
from tests.builders import make_customer, make_facts, make_identity, make_shop, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    """Mei: lost, rich, on JD. Lei: active, small, on Tmall. Eve: another currency. Bob: demo. Nobody: never bought."""
    make_shop("tmall"), make_shop("uk", currency="GBP"), make_shop("demo", book="CNY demo", is_demo=True)
    people = {
        "mei": make_customer("韩梅梅", phone="+8613800138000", email="mei@example.com", city="Hangzhou"),
        "lei": make_customer("Li Lei", phone="+8613900139111", email="lei@example.org", city="Beijing"),
        "eve": make_customer("Eve"),
        "bob": make_customer("Bob", is_demo=True),
        "new": make_customer("Nobody Yet"),
    }
    make_facts(
        people["mei"], stage="lost", group="must_keep", orders=9, net_amount=3420, platforms=["jd"], email_ok=True,
        last_paid_on=date(2025, 1, 5), r_score=1, f_score=5, m_score=5,
    )  # fmt: skip
    make_facts(
        people["lei"], stage="active", group="new_small", orders=2, net_amount=80, platforms=["tmall"], sms_ok=True,
        last_paid_on=date(2026, 1, 5), r_score=5, f_score=2, m_score=1,
    )  # fmt: skip
    make_facts(people["eve"], book="GBP", stage="lost", orders=5)
    make_facts(people["bob"], book="CNY demo", stage="lost", orders=5)
    make_facts(people["new"], book="", stage="prospect")
    make_identity(people["mei"], "meimei_1988", kind="platform", scope="jd")
    make_identity(people["mei"], "+8613700137000", kind="phone", scope="")
    return people


class Asker:
    def __init__(self, user):
        self.user = user


def found(query, role="operator"):
    book, asker = books()[0], Asker(make_user(role))
    everywhere = CustomerFilter(QueryDict(query), queryset=people_of(book), request=asker)
    in_book = CustomerFilter(QueryDict(query), queryset=people_of(book), request=asker, book=book)
    assert not everywhere.errors, everywhere.errors
    names = sorted(customer.name for customer in everywhere.qs)
    assert sorted(customer.name for customer in in_book.qs) == names
    return names


def test_a_book_shows_its_buyers_and_those_who_never_bought(cast):
    assert found("") == ["Li Lei", "Nobody Yet", "韩梅梅"]


@pytest.mark.parametrize(
    "query",
    [
        "stage=lost", "group=must_keep", "platform=jd", "orders_min=3", "net_min=100",
        "last_to=2025-12-31&orders_min=1",
        "reachable=email", "r_score=1", "f_score=5", "m_score=5", "city=hangzhou", "stage=lost&stage=dormant",
        "group=&stage=lost&platform=", "q=梅", "q=meimei_1988", "q=137 0013 7000", "q=138 0013 8000", "q=8000",
        "q=MEI@example.com",
    ],
)  # fmt: skip
def test_only_mei(cast, query):
    assert found(query) == ["韩梅梅"]


@pytest.mark.parametrize(
    "query", ["stage=active", "reachable=sms", "net_max=100&orders_min=1", "last_from=2026-01-01", "q=li"]
)
def test_only_lei(cast, query):
    assert found(query) == ["Li Lei"]


def test_reachable_by_neither(cast):
    assert found("reachable=none") == ["Nobody Yet"]
    assert found("reachable=any") == ["Li Lei", "韩梅梅"]


def test_the_number_of_a_customer_finds_them(cast):
    assert found(f"q={cast['lei'].pk}") == ["Li Lei"]


def test_who_sees_masks_cannot_try_out_the_hidden_part(cast):
    assert found("q=mei@") == ["韩梅梅"] == found("q=001380")
    assert found("q=mei@", role="analyst") == [] == found("q=001380", role="analyst")
    assert found("q=mei@example.com", role="analyst") == ["韩梅梅"] == found("q=8000", role="analyst")


def rows_of(response):
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_an_analyst_exports_masks_and_an_owner_clear_text(client, cast):
    client.force_login(make_user("analyst"))
    masked = rows_of(client.get(reverse("customers:export"), {"book": "CNY", "stage": "lost"}))
    assert [(row["Full name"], row["Phone"], row["E-mail"]) for row in masked] == [
        ("韩*", "138****8000", "m***@example.com")
    ]
    client.force_login(make_user("owner"))
    clear = rows_of(client.get(reverse("customers:export"), {"book": "CNY", "q": "13800138000"}))
    assert [(row["Full name"], row["Phone"], row["Net amount"]) for row in clear] == [
        ("韩梅梅", "+8613800138000", "3420.00")
    ]
    events = AuditEvent.objects.filter(action="customer.export").order_by("id")
    assert [event.changes["clear"] for event in events] == [False, True]
    assert "138" not in str(events[1].changes)


def test_an_agent_exports_nothing(client, cast):
    client.force_login(make_user("agent"))
    assert client.get(reverse("customers:export")).status_code == 403
    assert client.get(reverse("customers:list")).status_code == 403


def test_a_long_list_becomes_a_job_whose_file_is_what_the_person_may_see(client, cast, monkeypatch, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(exports, "STREAMED", 2)
    client.force_login(make_user("analyst"))
    response = client.get(reverse("customers:export"), {"book": "CNY"})
    assert response.url == reverse("jobs:list")
    job = Job.objects.get(kind=exports.KIND)
    run(job_id=job.pk, work=exports.write_export)
    job.refresh_from_db()
    assert (job.state, job.total, job.result) == ("done", 3, {"rows": 3, "clear": False})
    text = (tmp_path / job.result_file).read_text(encoding="utf-8-sig")
    assert "138****8000" in text
    assert "13800138000" not in text


def test_the_list_page_pages_through_everybody_once(client, cast):
    for number in range(120):
        make_facts(make_customer(f"Buyer {number:03}"), orders=number % 7, last_paid_on=date(2025, 6, 1 + number % 28))
    client.force_login(make_user("operator"))
    names, query = [], "?book=CNY&sort=-facts__orders"
    while query:
        listing = client.get(reverse("customers:list") + query).context["listing"]
        names += [customer.name for customer in listing]
        query = listing.next_url or ""
    assert len(names) == len(set(names)) == 123


def test_the_list_costs_the_same_number_of_queries_however_long(client, cast, django_assert_max_num_queries):
    client.force_login(make_user("operator"))
    for number in range(60):
        make_facts(make_customer(f"Buyer {number}"), last_paid_on=date(2025, 6, 1))
    with django_assert_max_num_queries(20):
        assert client.get(reverse("customers:list"), {"book": "CNY"}).status_code == 200


def test_a_list_of_a_stage_starts_where_its_buyers_bought(cast):
    book = books()[0]
    lost = CustomerFilter(QueryDict("stage=lost"), queryset=people_of(book), request=None, book=book).qs
    assert "BETWEEN" in str(lost.query)
    days = set(lost.values_list("facts__last_paid_on", flat=True))
    assert last_purchases(book, label="stage", values=["lost"]) == (min(days), max(days))
    several = last_purchases(book, label="stage", values=["dormant", "lost", "active"])
    assert several == (date(2025, 1, 5), date(2026, 1, 5))
    assert last_purchases(book, label="group", values=["champions"]) is None
    both = QueryDict("stage=prospect&stage=lost")
    prospects = CustomerFilter(both, queryset=people_of(book), request=None, book=book)
    assert {customer.name for customer in prospects.qs} == {"Nobody Yet", *(customer.name for customer in lost)}
