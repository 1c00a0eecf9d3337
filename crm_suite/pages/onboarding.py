"""The way from an empty installation to the first planned campaign. Each step finds out by itself whether it is done.

Demo data do not count: the card is about the person's own shop.
"""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, QuerySet, Value
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, PlanEntry, Template
from crm_suite.access.models import User
from customers.models import Shop
from orders.models import Order
from segmentation.models import AnalysisRun, Segment


@dataclass(frozen=True)
class Step:
    title: str | Promise
    text: str | Promise
    action: str | Promise
    url_name: str
    permission: str
    done: bool


@dataclass(frozen=True)
class Steps:
    """All steps in order."""

    steps: list[Step]

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def finished(self) -> bool:
        return self.done == len(self.steps)

    @property
    def next_step(self) -> Step | None:
        return next((step for step in self.steps if not step.done), None)


def facts() -> dict[str, bool]:
    """Which steps are done, in one query."""
    real = Shop.objects.filter(is_demo=False)
    questions: dict[str, QuerySet[Shop] | QuerySet[Order] | QuerySet[AnalysisRun] | QuerySet[Segment]
                         | QuerySet[Template] | QuerySet[PlanEntry] | QuerySet[Campaign]] = {
        "shop": real,
        "orders": Order.objects.filter(shop__in=real),
        "analysis": AnalysisRun.objects.filter(state=AnalysisRun.State.DONE, book__in=real.values("book")),
        "segment": Segment.objects.filter(is_demo=False, archived_at=None),
        "template": Template.objects.filter(is_demo=False),
        "plan": PlanEntry.objects.filter(shop__in=real),
        "campaign": Campaign.objects.filter(is_demo=False),
    }  # fmt: skip
    asked = {name: Exists(question.order_by()) for name, question in questions.items()}
    # One row to hang the questions on: there is always a person who asks.
    row = User.objects.annotate(one=Value(1), **asked).values(*asked).first()
    return {name: bool(row and row[name]) for name in asked}


def steps_for(user: User | AnonymousUser) -> Steps:
    """The steps that this person may take, with what is done already."""
    found = facts()
    steps = [
        Step(
            _("Name your shop"), _("Its currency and time zone decide how days and amounts are counted."),
            _("Add a shop"), "customers:shop_new", "customers.manage_shops", found["shop"],
        ),
        Step(
            _("Import orders"), _("A CSV or Excel export of your platform is enough; customers come with the orders."),
            _("Import a file"), "orders:import_new", "orders.import_orders", found["orders"],
        ),
        Step(
            _("Let the shop be measured"), _("RFM scores and lifecycle stages by your own repurchase curve."),
            _("Open RFM"), "segmentation:rfm", "segmentation.view_insights", found["analysis"],
        ),
        Step(
            _("Save a segment"), _("A group of people worth speaking to, such as those about to fall asleep."),
            _("New segment"), "segments:new", "segmentation.add_segment", found["segment"],
        ),
        Step(
            _("Write a template"), _("The text of an e-mail or SMS, with the customer's name and your link."),
            _("New template"), "campaigns:template_new", "campaigns.add_template", found["template"],
        ),
        Step(
            _("Plan a campaign"), _("Put it on the calendar; a holdout shows later whether it worked."),
            _("Open the calendar"), "campaigns:calendar", "campaigns.add_planentry",
            found["plan"] or found["campaign"],
        ),
    ]  # fmt: skip
    return Steps([step for step in steps if user.has_perm(step.permission)])
