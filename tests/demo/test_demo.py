"""Loading and removing the demo shop in a store that has people of its own."""

from contextlib import closing
from datetime import datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from campaigns.delivery import locks
from campaigns.models import Campaign, Message, PlanEntry, Template
from campaigns.results.reporting import report
from crm_suite.demo import services
from crm_suite.demo.clock import OFFSET
from crm_suite.jobs import services as jobs
from crm_suite.jobs.models import Job
from crm_suite.lib.errors import WrongState
from customers import identities
from customers.identities import Person, match_people
from customers.models import Consent, Customer, CustomerFacts, Identity, Shop, Suppression
from customers.services import refresh_reach
from orders.importers import applying
from orders.models import Order, OrderLine, Product, Refund
from segmentation.analysis import parts
from segmentation.models import AnalysisRun, LabelChange, Segment
from tests.builders import make_consent, make_customer, make_identity, make_shop
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

SMALL = 400
#: Tables of the rooms; the demo may leave nothing in any of them.
ROOMS = ("customers", "orders", "touchpoints", "segmentation", "campaigns")


#: What keeps itself: whom the next run has to look at, counts that triggers keep, sizes that were counted meanwhile.
KEPT_BY_ITSELF = {"segmentation_touched", "segmentation_labeltally", "segmentation_segmentsize"}


def row_counts() -> dict[str, int]:
    return {
        model._meta.db_table: model._base_manager.count()
        for room in ROOMS
        for model in apps.get_app_config(room).get_models()
        if model._meta.db_table not in KEPT_BY_ITSELF
    }


@pytest.fixture
def real_store():
    """A shop with one customer, one order and what hangs on them; the segment bears a name that the demo wants too."""
    shop = make_shop("corner", name="Corner shop")
    wang = make_customer("王芳", phone="+8613800138000", email="wang@shop.example")
    make_identity(wang, "wang_88", scope=shop.code)
    make_consent(wang, "sms")
    moment = timezone.now()
    order = Order.objects.create(
        shop=shop, external_id="1", customer=wang, state="paid", placed_at=moment, paid_at=moment,
        paid_on=moment.date(), total_amount=Decimal(80), paid_amount=Decimal(80),
    )  # fmt: skip
    product = Product.objects.create(shop=shop, sku="A", name="Tea")
    OrderLine.objects.create(order=order, line_no=1, product=product, quantity=1, unit_price=80, amount=80)
    Refund.objects.create(
        shop=shop, external_id="r1", customer=wang, amount=5, refunded_at=moment, refunded_on=moment.date()
    )
    Segment.objects.create(name="Champions", rule={"all": []})
    refresh_reach()
    Template.objects.create(name="Spring", channel="email", subject="Hi", body="Hi")
    return shop


def test_it_brings_every_kind_of_thing(real_store):
    done = services.load_demo(customers=SMALL)

    assert done["customers"] == SMALL == Customer.objects.filter(is_demo=True).count()
    assert done["orders"] == Order.objects.filter(shop__is_demo=True).count() > 800
    shops = Shop.objects.filter(is_demo=True)
    assert {shop.book for shop in shops} == {"CNY demo"}
    assert {shop.platform for shop in shops} == {"tmall", "jd", "youzan"}
    assert Product.objects.filter(shop__in=shops).values("name").distinct().count() == 120
    states = set(Order.objects.filter(shop__in=shops).values_list("state", flat=True))
    assert {"completed", "closed", "refunded"} <= states
    assert Campaign.objects.filter(is_demo=True, state="finished").count() == 12
    assert Campaign.objects.filter(is_demo=True).exclude(unplanned_reason="").count() == 2
    assert Segment.objects.filter(is_demo=True).count() == 6
    assert {template.channel for template in Template.objects.filter(is_demo=True)} == {"email", "sms"}
    for stage in ("order", "pay", "ship", "receive", "marketing", "browse", "consult", "after_sale", "use"):
        assert Touchpoint.objects.filter(stage=stage, customer__is_demo=True).exists(), stage


def test_the_figures_hold_together(real_store):
    services.load_demo(customers=SMALL)

    demo = Order.objects.filter(shop__is_demo=True)
    lines = OrderLine.objects.filter(order__in=demo).aggregate(total=Sum("amount"))["total"]
    assert lines == demo.aggregate(total=Sum("total_amount"))["total"]
    refunds = Refund.objects.filter(shop__is_demo=True).aggregate(total=Sum("amount"))["total"]
    assert refunds == demo.aggregate(total=Sum("refunded_amount"))["total"]
    assert not demo.filter(paid_amount=0, state__in=["paid", "shipped", "completed"]).exists()
    assert not demo.filter(placed_at__gt=timezone.now()).exists()
    paid = demo.paid().aggregate(total=Sum("net_amount"))["total"]
    assert CustomerFacts.objects.filter(book="CNY demo").aggregate(total=Sum("net_amount"))["total"] == paid


def test_customers_are_measured_and_their_past_stages_known(real_store):
    services.load_demo(customers=SMALL)

    facts = CustomerFacts.objects.filter(customer__is_demo=True)
    assert facts.count() == SMALL
    assert set(facts.values_list("stage", flat=True)) >= {"prospect", "silent", "dormant", "lost"}
    assert AnalysisRun.objects.filter(book="CNY demo", state="done").count() == len(services.DAYS_AGO)
    days = LabelChange.objects.filter(customer__is_demo=True, kind="stage").values_list("on", flat=True).distinct()
    assert len(days) >= 2


def test_the_plan_reaches_from_the_past_into_the_coming_weeks(real_store):
    services.load_demo(customers=SMALL)

    today = timezone.now().astimezone(OFFSET).date()
    entries = PlanEntry.objects.filter(shop__is_demo=True)
    assert entries.filter(day=today, state="planned").exists()
    assert entries.filter(day__gt=today, state="planned").count() >= 6
    assert entries.filter(day__lt=today, campaign__state="finished").count() == 10
    assert not entries.filter(state="skipped", skip_reason="").exists()
    late = [one for one in Campaign.objects.filter(is_demo=True, plan_entry__isnull=False) if is_late(one)]
    assert len(late) == 2


def is_late(campaign: Campaign) -> bool:
    assert isinstance(campaign.started_at, datetime) and campaign.plan_entry is not None
    return campaign.started_at.astimezone(OFFSET).date() > campaign.plan_entry.day


def test_the_report_counts_what_the_demo_wrote(real_store):
    services.load_demo(customers=SMALL)

    for campaign in Campaign.objects.filter(is_demo=True):
        found = report(campaign=campaign)
        rows = Message.objects.filter(campaign=campaign)
        assert found.audience == rows.count() == campaign.audience_size
        assert found.treated + found.holdout + found.excluded_total == found.audience
        assert found.sent == rows.filter(sent_at__isnull=False).count()


def test_removing_it_leaves_the_store_as_it_was(real_store):
    before = row_counts()
    services.load_demo(customers=SMALL)
    assert row_counts()["orders_order"] > before["orders_order"]

    services.remove_demo()

    assert row_counts() == before
    order = Order.objects.get(shop=real_store, customer__name="王芳")
    assert order.lines.count() == 1
    assert not Shop.objects.filter(is_demo=True).exists()


def test_removing_does_not_take_real_people_who_touch_it(real_store):
    services.load_demo(customers=SMALL)
    invented = Customer.objects.filter(is_demo=True)[0]
    wang = Customer.objects.get(name="王芳")
    li = make_customer("李雷", merged_into=invented)
    Order.objects.create(
        shop=real_store, external_id="2", customer=invented, state="created", placed_at=timezone.now(), total_amount=1
    )
    demo_order = Order.objects.filter(shop__is_demo=True)[0]
    Order.objects.filter(pk=demo_order.pk).update(customer=wang)
    Touchpoint.objects.create(
        customer=wang, stage="order", kind="x", direction="in", channel="shop", occurred_at=timezone.now(),
        order=demo_order, dedupe_key="theirs",
    )  # fmt: skip

    services.remove_demo()

    li.refresh_from_db()
    assert li.merged_into is None
    assert Order.objects.get(external_id="2").customer is None
    assert Customer.objects.filter(name="王芳").exists()
    assert not Touchpoint.objects.filter(dedupe_key="theirs").exists()


def test_a_real_and_an_invented_customer_never_share_a_key(real_store):
    services.load_demo(customers=SMALL)
    invented = Customer.objects.filter(is_demo=True).exclude(phone="").exclude(email="")[0]

    person = Person(kind="platform", scope="corner", value="new", phone=invented.phone, email=invented.email)
    (pk,) = match_people(people=[person], source="test").values()

    assert pk != invented.pk
    assert not Customer.objects.get(pk=pk).is_demo
    assert not Identity.objects.filter(customer=invented, kind__in=["phone", "email"], scope="").exists()


def test_opting_out_in_the_past_counts_today(real_store):
    services.load_demo(customers=1_200)

    gone = Suppression.objects.filter(is_demo=True)
    assert gone.exists()
    withdrawn = Consent.objects.filter(customer__is_demo=True, granted=False, channel="email").values("customer")
    assert not CustomerFacts.objects.filter(customer__in=withdrawn, email_ok=True).exists()
    assert CustomerFacts.objects.filter(customer__is_demo=True, email_ok=True).exists()


def test_loading_twice_replaces_the_first(real_store):
    services.load_demo(customers=SMALL)
    first = row_counts()
    mark = Customer.objects.filter(is_demo=True).order_by("pk").values_list("pk", flat=True)[0]
    services.load_demo(customers=SMALL)

    assert not Customer.objects.filter(pk=mark).exists()
    assert row_counts()["customers_customer"] == first["customers_customer"]
    assert row_counts()["customers_shop"] == first["customers_shop"]


def test_names_that_are_taken_stay_their_owners(real_store):
    services.load_demo(customers=SMALL)

    assert Segment.objects.get(name="Champions").is_demo is False
    assert Segment.objects.get(name="Champions (demo)").is_demo is True


def test_its_lock_is_nobody_elses():
    spaces = [jobs.LOCK_SPACE, applying.LOCK_SPACE, identities.LOCK_SPACE, parts.LOCK_SPACE, locks.CAMPAIGN_SPACE]
    assert services.LOCK[0] not in spaces and len(set(spaces)) == len(spaces)


def test_only_one_loads_at_a_time():
    other = connection.copy()
    with closing(other), other.cursor() as somebody_else:
        somebody_else.execute("SELECT pg_advisory_lock(%s, %s)", services.LOCK)
        with pytest.raises(WrongState):
            services.load_demo(customers=SMALL)
        with pytest.raises(WrongState):
            services.remove_demo()
    assert not Shop.objects.exists()


def test_the_jobs_load_and_remove_it(real_store):
    from crm_suite.demo import tasks

    load = jobs.submit(kind="demo_remove", title="Remove")
    services.load_demo(customers=SMALL)
    tasks.remove(load.pk)

    load.refresh_from_db()
    assert load.state == Job.State.DONE and load.result["rows"] > 1_000
    assert Shop.objects.get() == real_store


def test_progress_is_told_step_by_step(real_store):
    said: list[tuple[int | None, int | None]] = []

    def tell(*, done: int | None = None, total: int | None = None, message: str | None = None) -> None:
        said.append((done, total))

    services.load_demo(customers=SMALL, progress=tell)
    steps = [done for done, _total in said if done is not None]
    total = next(total for _done, total in said if total)
    assert steps == sorted(steps) and steps[-1] == total


def test_the_command_says_what_it_did(real_store):
    said = StringIO()
    call_command("demo", customers=SMALL, stdout=said)
    call_command("demo", remove=True, stdout=said)
    assert "Loaded the demo shop: 400 customers" in said.getvalue()
    assert "Removed the demo shop" in said.getvalue()
    with pytest.raises(CommandError):
        call_command("demo", customers=5, stdout=said)
