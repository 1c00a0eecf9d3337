"""Setting the store's rules of sending: each change is stored with what stood there before."""

from datetime import time
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from campaigns.delivery.claim import call_back
from campaigns.delivery.wake import wake
from campaigns.models import Campaign, ChannelPolicy, ChannelPrice, SendLimits
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput


class Limits(TypedDict, total=False):
    """The columns of SendLimits."""

    approve_above_people: int | None
    approve_above_cost: Decimal | None
    month_budget: Decimal | None
    complaints_warn: Decimal
    complaints_stop: Decimal
    bounces_stop: Decimal
    guard_from: int


@transaction.atomic
def set_policy(
    *, channel: str, cap: int, cap_days: int, quiet_from: time, quiet_until: time, by: User | None
) -> ChannelPolicy:
    """Caps and quiet hours of a channel; what waits because of the old ones is looked at again. Raises BadInput."""
    row = ChannelPolicy.objects.filter(channel=channel).first() or ChannelPolicy(channel=channel)
    before = _seen(row) if row.pk else {}
    row.cap, row.cap_days, row.quiet_from, row.quiet_until = cap, cap_days, quiet_from, quiet_until
    _store(row)
    _audit("policy", channel, before, _seen(row), by)
    _call_back(channel, ("quiet_hours", "frequency_cap"))
    return row


@transaction.atomic
def reset_policy(*, channel: str, by: User | None) -> None:
    """Back to the defaults. Where they hold already nothing changes."""
    row = ChannelPolicy.objects.filter(channel=channel).first()
    if row is None:
        return
    before = _seen(row)
    row.delete()
    _audit("policy", channel, before, {}, by)
    _call_back(channel, ("quiet_hours", "frequency_cap"))


@transaction.atomic
def set_price(*, channel: str, currency: str, price: Decimal | None, by: User | None) -> None:
    """What one billed part costs from the next launch on; None: back to the default. Raises BadInput."""
    row = ChannelPrice.objects.filter(channel=channel, currency=currency).first()
    before = {"price": str(row.price)} if row else {}
    if price is None:
        ChannelPrice.objects.filter(channel=channel, currency=currency).delete()
    else:
        row = row or ChannelPrice(channel=channel, currency=currency)
        row.price = price
        _store(row)
    _audit("price", f"{channel}:{currency}", before, {} if price is None else {"price": str(price)}, by)


@transaction.atomic
def set_limits(*, by: User | None, **given: Unpack[Limits]) -> SendLimits:
    """Approval, budget and guards; what is not given stays. Raises BadInput."""
    row = SendLimits.objects.select_for_update().first() or SendLimits()
    before = _seen(row)
    for name, value in given.items():
        setattr(row, name, value)
    if row.complaints_warn > row.complaints_stop:
        raise BadInput(_("Warn at a lower share of complaints than the one that stops."), code="complaints_warn")
    _store(row)
    _audit("limits", "store", before, _seen(row), by)
    return row


def _store(row: models.Model) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), code="rule") from error
    row.save()


def _seen(row: models.Model) -> dict[str, Any]:
    hidden = {"id", "channel", "currency"}
    return {f.name: _plain(getattr(row, f.name)) for f in row._meta.concrete_fields if f.name not in hidden}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, int) else str(value)


def _audit(what: str, target: str, before: dict[str, Any], after: dict[str, Any], by: User | None) -> None:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if names:
        changes = {name: [before.get(name), after.get(name)] for name in names}
        audit(action=f"rules.{what}", actor=by, target=f"rules:{target}", changes=changes)


def _call_back(channel: str, reasons: tuple[str, ...]) -> None:
    """Of campaigns under way: what waits for a rule that may no longer hold goes through the gate again."""
    running = Campaign.objects.filter(channel=channel, state=Campaign.State.RUNNING).values_list("pk", flat=True)
    for pk in running:
        if call_back(campaign_id=pk, reasons=reasons):
            transaction.on_commit(lambda pk=pk: wake("deliver", pk))  # type: ignore[misc]
