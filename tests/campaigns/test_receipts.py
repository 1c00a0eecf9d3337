"""What became of a copy: in whichever order the news comes, doubled, early or late, the end is the same."""

from itertools import permutations

import pytest
from django.utils import timezone

from campaigns.channels.base import Event
from campaigns.models import Message, Provider as Carrier
from campaigns.news import inbox, receipts
from campaigns.news.receipts import Known
from crm_suite.access.models import AuditEvent
from customers.models import Customer, CustomerFacts, Suppression
from customers.selectors import refusal
from tests.campaigns.delivery_cast import deliver, message_to, prepared, reachable, reborn, small_shop
from tests.campaigns.provider import Provider
from touchpoints.models import Touchpoint

NEWS = ("accepted", "sent", "undelivered", "delivered", "rejected", "complaint")
ORDERS = list(permutations(["accepted", "sent", "delivered", "rejected"]))


# --- the rule, without a database -------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["sending", "retry_wait", "unknown", "unresolved", "accepted"])
def test_every_order_of_all_news_ends_alike(start: str) -> None:
    ends = set()
    for order in permutations(NEWS):
        known = Known(start, "no_answer" if start.startswith("un") else "", True)
        for kind in (*order, *order):
            before = receipts.rank_of(known)
            _outcome, known = receipts.judge(known, kind)
            assert receipts.rank_of(known) >= before
        ends.add(known)
    assert ends == {Known("undelivered", "rejected", True)}


@pytest.mark.parametrize(
    ("news", "end"),
    [
        (("sent", "undelivered", "delivered"), ("delivered", "")),
        (("accepted", "sent", "undelivered"), ("undelivered", "undelivered")),
        (("sent", "complaint", "undelivered"), ("delivered", "")),
        (("accepted", "sent"), ("accepted", "")),
    ],
)
def test_the_highest_word_counts(news: tuple[str, ...], end: tuple[str, str]) -> None:
    for order in permutations(news):
        known = Known("unknown", "no_answer", True)
        for kind in order:
            known = receipts.judge(known, kind)[1]
        assert known[:2] == end


@pytest.mark.parametrize("state", ["queued", "failed", "skipped", "expired", "cancelled", "held_out"])
def test_no_news_makes_anything_of_what_never_left(state: str) -> None:
    assert receipts.judge(Known(state, "", True), "delivered")[0] == "not_sent"
    assert receipts.judge(Known("retry_wait", "", False), "delivered")[0] == "not_sent"


# --- and with one -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ann(db: None) -> Customer:
    return reachable("Ann")


@pytest.fixture
def bystander(db: None) -> Customer:
    return reachable("Bystander")


@pytest.fixture
def message(provider: Provider, ann: Customer, bystander: Customer) -> Message:
    return message_to(deliver(prepared(shop=small_shop())), ann)


@pytest.fixture
def carrier(message: Message) -> Carrier:
    return Carrier.objects.get(code="smtp")


def hear(carrier: Carrier, message: Message, *kinds: str, **data: object) -> int:
    events = [
        Event(f"{kind}-{timezone.now().timestamp()}", kind, reference=str(message.token), data=data) for kind in kinds
    ]
    inbox.store_events(provider=carrier, events=events)
    return inbox.apply_events()


@pytest.mark.parametrize("at_once", [True, False])
def test_all_orders_end_alike_in_one_batch_and_in_many(message: Message, carrier: Carrier, at_once: bool) -> None:
    for order in ORDERS:
        reborn(message, state="unknown", reason="no_answer")
        for kinds in [(*order, *order)] if at_once else [(kind,) for kind in (*order, *order)]:
            hear(carrier, message, *kinds)
        message.refresh_from_db()
        assert (message.state, message.reason) == ("undelivered", "rejected"), order


def test_a_receipt_settles_a_doubt_and_tells_of_it(message: Message, carrier: Carrier) -> None:
    for state in ("unknown", "unresolved", "sending", "retry_wait"):
        reborn(message, state=state, reason="no_answer")
        hear(carrier, message, "delivered")
        message.refresh_from_db()
        assert (message.state, message.reason) == ("delivered", "")
        assert Touchpoint.objects.filter(dedupe_key=f"message:{message.pk}:sent").count() == 1


def test_the_providers_own_number_finds_the_copy_too(message: Message, carrier: Carrier) -> None:
    Message.objects.filter(pk=message.pk).update(provider_message_id="<7@vendor.example>")
    inbox.store_events(provider=carrier, events=[Event("e-1", "delivered", reference="<7@vendor.example>")])
    assert inbox.apply_events() == 1
    message.refresh_from_db()
    assert message.state == "delivered"


def test_an_address_that_does_not_exist_is_not_written_to_again(
    message: Message, carrier: Carrier, ann: Customer, bystander: Customer
) -> None:
    hear(carrier, message, "rejected", code="5.1.1", words="no such user", gone=True)
    message.refresh_from_db()
    assert (message.state, message.reason, message.detail) == ("undelivered", "rejected", "5.1.1 no such user")
    assert refusal(customer_id=ann.pk, channel="email") == "suppressed"
    assert refusal(customer_id=bystander.pk, channel="email") is None
    assert Suppression.objects.get().reason == "bounced"


@pytest.mark.parametrize(("kind", "data"), [("undelivered", {"gone": True}), ("rejected", {"gone": False})])
def test_what_may_pass_and_what_was_about_the_text_blocks_nobody(
    message: Message, carrier: Carrier, ann: Customer, kind: str, data: dict[str, object]
) -> None:
    hear(carrier, message, kind, **data)
    assert refusal(customer_id=ann.pk, channel="email") is None


def test_the_address_that_bounced_is_blocked_and_not_the_one_that_came_after_it(
    message: Message, carrier: Carrier, ann: Customer
) -> None:
    Customer.objects.filter(pk=ann.pk).update(email="ann@new.example")
    hear(carrier, message, "rejected", gone=True)
    assert Suppression.objects.get().address_digest == message.address_digest
    assert refusal(customer_id=ann.pk, channel="email") is None


def test_a_complaint_blocks_and_counts_once(message: Message, carrier: Carrier, ann: Customer) -> None:
    assert hear(carrier, message, "complaint") == 1
    hear(carrier, message, "complaint")
    message.refresh_from_db()
    assert message.state == "delivered"
    assert message.responses.filter(kind="complaint").count() == 1
    assert Suppression.objects.get().reason == "complained"
    assert refusal(customer_id=ann.pk, channel="email") == "suppressed"


def test_an_opt_out_at_the_provider_is_one_with_us(message: Message, carrier: Carrier, ann: Customer) -> None:
    hear(carrier, message, "unsubscribed")
    assert ann.consents.filter(channel="email", granted=False).exists()
    assert message.responses.filter(kind="unsubscribe").count() == 1


def test_whoever_shares_the_address_is_not_written_to_either(
    message: Message, carrier: Carrier, ann: Customer, bystander: Customer
) -> None:
    heir = reachable("Heir", email=ann.email)
    hear(carrier, message, "rejected", gone=True)
    reach = dict(CustomerFacts.objects.values_list("customer__name", "email_ok"))
    assert reach == {"Ann": False, "Heir": False, "Bystander": True}
    assert refusal(customer_id=heir.pk, channel="email") == "suppressed"
    assert AuditEvent.objects.filter(action="suppression.add").count() == 1
