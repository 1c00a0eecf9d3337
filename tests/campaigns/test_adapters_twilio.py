"""Twilio: what is asked, what becomes of each answer, and news that is only believed with its signature."""

from base64 import b64decode
from urllib.parse import urlencode

import pytest

from campaigns.channels import twilio
from campaigns.channels.base import ChannelDown, Event, Outcome, Receipt
from campaigns.channels.kinds import Account, Hook, HookRefused
from tests.campaigns.vendor import Vendor, sms

CALLBACK = "https://crm.example/hooks/twilio-1/secret/"


def account(vendor: Vendor, *, callback: str = CALLBACK, **settings: str) -> Account:
    known = {"endpoint": vendor.url, "account_sid": "AC1", "sender": "MG1"}
    return Account("twilio-1", "sms", known | settings, {"auth_token": "token"}, callback)


def send(vendor: Vendor, **settings: str) -> Receipt:
    channel = twilio.TwilioChannel(account(vendor, **settings))
    try:
        (receipt,) = channel.send(sms("Hi", to=["+14155550100"]))
    finally:
        channel.close()
    return receipt


def test_a_message_goes_with_our_token_in_its_callback(vendor: Vendor) -> None:
    vendor.says((201, {"sid": "SM9", "status": "queued", "error_code": None}))
    receipt = send(vendor)
    asked = vendor.asked[0]
    assert asked.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert asked.form == {
        "To": "+14155550100", "Body": "Hi", "MessagingServiceSid": "MG1",
        "StatusCallback": f"{CALLBACK}?reference=ref-1",
    }  # fmt: skip
    assert b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"AC1:token"
    assert (receipt.outcome, receipt.provider_message_id) == (Outcome.ACCEPTED, "SM9")


def test_a_number_is_a_sender_too_and_a_private_address_is_no_callback(vendor: Vendor) -> None:
    vendor.says((201, {"sid": "SM9"}))
    send(vendor, sender="+14155550199", callback="http://127.0.0.1:8000/hooks/twilio-1/secret/")
    assert vendor.asked[0].form == {"To": "+14155550100", "Body": "Hi", "From": "+14155550199"}


@pytest.mark.parametrize(
    ("status", "code", "outcome", "reason"),
    [
        (400, 21211, Outcome.REFUSED, "no_such_address"),
        (400, 21614, Outcome.REFUSED, "no_such_address"),
        (400, 21610, Outcome.REFUSED, "provider_refused"),  # unsubscribed at Twilio: the number exists
        (400, 21606, Outcome.BLOCKED, "provider_auth"),
        (401, 20003, Outcome.BLOCKED, "provider_auth"),
        (403, 20005, Outcome.BLOCKED, "provider_auth"),
        (429, 20429, Outcome.RETRY, "provider_busy"),
        (400, 99999, Outcome.REFUSED, "provider_refused"),
        (500, 20500, Outcome.UNKNOWN, "no_answer"),
        (503, 20503, Outcome.RETRY, "provider_busy"),
    ],
)
def test_codes(vendor: Vendor, status: int, code: int, outcome: Outcome, reason: str) -> None:
    vendor.says((status, {"code": code, "message": "words", "status": status}, {"Retry-After": "7"}))
    receipt = send(vendor)
    assert (receipt.outcome, receipt.reason) == (outcome, reason)
    assert receipt.no_such_address is (reason == "no_such_address")
    assert outcome is not Outcome.RETRY or receipt.retry_after == 7


def test_the_signature_is_that_of_the_documentation() -> None:
    # "Validating requests" of Twilio's helper libraries (twilio.com/docs/usage/security), the example of their tests.
    form = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
        "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio.signature(token="12345", url=url, form=form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def news(vendor: Vendor, form: dict[str, str], *, query: str = "", sign: str | None = None) -> list[Event]:
    url = CALLBACK + (f"?{query}" if query else "")
    given = twilio.signature(token="token", url=url, form=form) if sign is None else sign
    hook = Hook("POST", {"x-twilio-signature": given}, query, urlencode(form).encode())
    return twilio.parse(account(vendor), hook)


def test_statuses_find_their_message_by_token(vendor: Vendor) -> None:
    form = {"MessageSid": "SM9", "MessageStatus": "delivered", "To": "+14155550100"}
    (event,) = news(vendor, form, query="reference=ref-1")
    assert (event.kind, event.reference, event.event_id) == ("delivered", "ref-1", "SM9:delivered")
    (by_sid,) = news(vendor, form)
    assert by_sid.reference == "SM9"
    (lost,) = news(vendor, form | {"MessageStatus": "undelivered", "ErrorCode": "30005"})
    assert (lost.kind, lost.data["gone"]) == ("rejected", True)
    (later,) = news(vendor, form | {"MessageStatus": "undelivered", "ErrorCode": "30003"})
    assert (later.kind, later.data["gone"]) == ("undelivered", False)


def test_a_reply_keeps_its_text_with_blanks_and_empty_fields(vendor: Vendor) -> None:
    form = {"MessageSid": "SM3", "SmsStatus": "received", "From": "+14155550100", "Body": " Stop + go ", "Empty": ""}
    (event,) = news(vendor, form)
    assert (event.kind, event.address, event.data["text"]) == ("reply", "+14155550100", " Stop + go ")


@pytest.mark.parametrize("sign", ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "é"])
def test_a_wrong_signature_is_not_believed(vendor: Vendor, sign: str) -> None:
    with pytest.raises(HookRefused) as refusal:
        news(vendor, {"MessageSid": "SM9", "MessageStatus": "delivered"}, sign=sign)
    assert refusal.value.status == 401


def test_a_changed_address_or_body_is_not_believed(vendor: Vendor) -> None:
    form = {"MessageSid": "SM9", "MessageStatus": "delivered"}
    right = twilio.signature(token="token", url=CALLBACK, form=form)
    with pytest.raises(HookRefused):
        news(vendor, form, query="reference=another", sign=right)
    with pytest.raises(HookRefused):
        news(vendor, form | {"MessageStatus": "failed"}, sign=right)


def test_the_connection_test_asks_for_the_account(vendor: Vendor) -> None:
    channel = twilio.TwilioChannel(account(vendor))
    vendor.says((200, {"status": "active", "friendly_name": "Shop"}))
    assert channel.check() == "Shop"
    for answer in ((200, {"status": "suspended"}), (401, {"code": 20003, "message": "no"})):
        vendor.says(answer)
        with pytest.raises(ChannelDown):
            channel.check()
