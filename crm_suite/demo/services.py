"""Loading and removing the demo shop: twenty thousand invented people, in one book of their own, flagged row by row."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Protocol

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Attempt, Campaign, Message, Template
from crm_suite.demo.clock import ZONE
from crm_suite.demo.copying import update_statistics
from crm_suite.demo.people import Ints
from crm_suite.demo.removal import delete_set
from crm_suite.demo.world import World, invent_world
from crm_suite.demo.write_contacts import log_begins, write_contacts
from crm_suite.demo.write_marketing import write_campaigns, write_plan, write_toolbox
from crm_suite.demo.write_orders import WrittenOrders, write_orders, write_products
from crm_suite.demo.write_people import write_people
from crm_suite.lib.errors import WrongState
from crm_suite.lib.locks import held_if_free
from customers.models import Consent, Customer, Identity, Platform, Shop, Suppression
from orders.models import Order, OrderLine
from segmentation.clv.services import refresh_value
from segmentation.growth_store import refresh_growth
from segmentation.models import (
    AnalysisOptions,
    AnalysisRun,
    GroupPolicy,
    GrowthMonth,
    Segment,
    SpendEntry,
    ValueModel,
)
from segmentation.services import refresh
from touchpoints.models import Touchpoint
from touchpoints.services import record_order_touchpoints

BOOK = "CNY demo"
CUSTOMERS = 20_000
LOCK = (1004, 1)
#: Analyses of the past, so that migration between stages has something to show.
DAYS_AGO = (60, 30, 0)

SHOPS = [
    ("demo-tmall", "茶里天猫旗舰店 Tea Lane Tmall", Platform.TMALL),
    ("demo-jd", "茶里京东店 Tea Lane JD", Platform.JD),
    ("demo-youzan", "茶里小店 Tea Lane own shop", Platform.YOUZAN),
]


class Teller(Protocol):
    """How far it has come; crm_suite.jobs.services.Progress is one."""

    def __call__(self, *, done: int | None = None, total: int | None = None, message: str | None = None) -> None: ...


def load_demo(*, customers: int = CUSTOMERS, progress: Teller | None = None) -> dict[str, int]:
    """Make the demo shop anew, up to this minute; what is left of an earlier one goes first.

    Nobody watching: all or nothing, so that a Ctrl-C leaves no half a shop. With `progress` it is written step by
    step, so that the steps can be seen; a job that was interrupted begins again.
    Returns the numbers of customers, orders and messages. Raises WrongState while somebody else loads or removes it.
    """
    tell = progress or _silent
    with held_if_free(*LOCK) as mine, nullcontext() if progress else transaction.atomic():
        _refuse_if_busy(mine)
        _remove(tell)
        world = invent_world(customers=customers, now=timezone.now())
        return _write(world, tell)


def remove_demo(*, progress: Teller | None = None) -> dict[str, int]:
    """Remove every demo row and nothing else. Returns {"rows": how many went}. Raises WrongState as above."""
    with held_if_free(*LOCK) as mine:
        _refuse_if_busy(mine)
        return {"rows": _remove(progress or _silent)}


def _silent(*, done: int | None = None, total: int | None = None, message: str | None = None) -> None:
    """Nobody is watching."""


def _refuse_if_busy(mine: bool) -> None:
    if not mine:
        raise WrongState(_("The demo shop is being loaded or removed at this moment."), code="demo_busy")


def _write(world: World, tell: Teller) -> dict[str, int]:
    steps = 4 + len(DAYS_AGO)
    tell(done=0, total=steps, message=_("Customers"))
    with transaction.atomic():
        shops = [_make_shop(code, name, platform) for code, name, platform in SHOPS]
        customer_ids = write_people(world, shops)
    tell(done=1, message=_("Orders"))
    with transaction.atomic():
        orders = write_orders(world, shops, customer_ids, write_products(world, shops))
    tell(done=2, message=_("Touchpoints"))
    with transaction.atomic():
        _write_touchpoints(world, orders, shops, customer_ids)
    tell(done=3, message=_("Campaigns"))
    with transaction.atomic():
        tools = write_toolbox(shops)
        write_plan(world, tools)
        messages = write_campaigns(world, tools, customer_ids)
    _analyse(world, tell, steps)
    return {"customers": len(customer_ids), "orders": len(orders.ids), "messages": messages}


def _make_shop(code: str, name: str, platform: Platform) -> Shop:
    return Shop.objects.create(
        code=code, name=name, platform=platform, currency="CNY", timezone=ZONE, book=BOOK, is_demo=True,
        sms_signature="茶里", email_from="hello@shop.example.com",
    )  # fmt: skip


#: Tables whose content has just changed by much.
WRITTEN = (Customer, Identity, Consent, Order, OrderLine, Touchpoint, Message, Attempt)


def _write_touchpoints(world: World, orders: WrittenOrders, shops: list[Shop], customer_ids: Ints) -> None:
    begun = int((orders.moment < log_begins(world.clock)).sum())  # orders stand in the order of time
    for first in range(begun, len(orders.ids), 10_000):
        record_order_touchpoints(order_ids=orders.ids[first : first + 10_000])
    write_contacts(world, orders, shops, customer_ids)


def _analyse(world: World, tell: Teller, steps: int) -> None:
    update_statistics(*WRITTEN)
    for number, ago in enumerate(DAYS_AGO):
        tell(done=steps - len(DAYS_AGO) + number, message=_("Scores and stages"))
        refresh(book=BOOK, as_of=world.clock.today - timedelta(days=ago))
    # What beat would ask for within minutes: nobody should look at empty pages first.
    refresh_growth(book=BOOK)
    refresh_value(book=BOOK)
    tell(done=steps)


#: What is kept by book, and would outlive its shops.
OF_THE_BOOK = (AnalysisRun, AnalysisOptions, GroupPolicy, GrowthMonth, SpendEntry, ValueModel)


def _remove(tell: Teller) -> int:
    """Shops take orders, plan and campaigns with them; people take what is known of them."""
    sets: list[QuerySet[Any]] = [
        Campaign.objects.filter(is_demo=True),
        Shop.objects.filter(is_demo=True),
        Customer.objects.filter(is_demo=True),
        Suppression.objects.filter(is_demo=True),
        *(kept.objects.filter(book=BOOK) for kept in OF_THE_BOOK),
        Segment.objects.filter(is_demo=True),
        Template.objects.filter(is_demo=True),
    ]
    tell(message=_("Removing the demo shop"))
    with transaction.atomic():
        # Somebody real who was joined to an invented person stays, as somebody of their own.
        Customer.objects.filter(is_demo=False, merged_into__is_demo=True).update(merged_into=None)
        return sum(delete_set(rows) for rows in sets)
