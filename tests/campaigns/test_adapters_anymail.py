"""Mail vendors: what each is sent, what becomes of its answers, and news in its own words."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from typing import Any
from urllib.parse import unquote_plus

import pytest

from campaigns.channels import anymail, mailnews
from campaigns.channels.base import ChannelDown, Envelope, Event, Outcome, Receipt
from campaigns.channels.kinds import Account, Hook, HookRefused
from campaigns.channels.mailvendors import VENDORS, missing
from tests.campaigns.vendor import Vendor

LETTER = Envelope(
    reference="ref-1", key="ref-1.0", to="ann@shop.example", text="Hi Ann", subject="News 新品", html="<p>Hi Ann</p>",
    sender="news@shop.example", sender_name="小店", unsubscribe_url="https://crm.example/u/1/",
)  # fmt: skip
SECRETS = {"api_key": "hidden-key", "api_secret": "hidden-secret", "signing_key": "sign"}
#: What each vendor answers when it has taken a message.
TAKEN: dict[str, Any] = {
    "mailgun": {"id": "<m1@mg>", "message": "Queued. Thank you."},
    "postmark": {"ErrorCode": 0, "Message": "OK", "MessageID": "m1", "To": "ann@shop.example"},
    "brevo": {"messageId": "m1"},
    "sendgrid": b"",
    "mailjet": {"Messages": [{"Status": "success", "To": [{"Email": "ann@shop.example", "MessageID": 1}]}]},
    "sparkpost": {"results": {"id": "m1", "total_accepted_recipients": 1, "total_rejected_recipients": 0}},
    "mailersend": b"",
    "mandrill": [{"email": "ann@shop.example", "status": "sent", "_id": "m1"}],
    "mailtrap": {"success": True, "message_ids": ["m1"]},
    "resend": {"id": "m1"},
    "postal": {"status": "success", "data": {"messages": {"ann@shop.example": {"id": 1, "token": "t"}}}},
    "unisender_go": {"status": "success", "job_id": "m1", "emails": ["ann@shop.example"]},
    "scaleway": {"emails": [{"id": "m1", "mail_rcpt": "ann@shop.example", "status": "new"}]},
}


def account(vendor: Vendor, name: str, **settings: str) -> Account:
    known = {"vendor": name, "api_url": f"{vendor.url}/api/", "domain": "mg.shop.example", "project": "p1"}
    return Account("mail-1", "email", known | settings, SECRETS, "https://crm.example/hooks/mail-1/secret/")


def send(vendor: Vendor, name: str, letter: Envelope = LETTER, **settings: str) -> Receipt:
    channel = anymail.AnymailChannel(account(vendor, name, **settings))
    channel.open()
    try:
        (receipt,) = channel.send([letter])
    finally:
        channel.close()
    return receipt


@pytest.mark.parametrize("name", VENDORS)
def test_every_vendor_takes_a_letter(vendor: Vendor, name: str) -> None:
    headers = {"X-Message-Id": "m1", "Content-Type": "text/plain"} if name in ("mailersend", "sendgrid") else {}
    vendor.says((202 if name in ("mailersend", "sendgrid") else 200, TAKEN[name], headers))
    receipt = send(vendor, name)
    asked = vendor.asked[0]
    assert receipt.outcome is Outcome.ACCEPTED, receipt
    assert receipt.provider_message_id and asked.method == "POST"
    sent = unquote_plus(asked.body.decode(errors="replace"))
    assert "ann@shop.example" in sent and "Hi Ann" in sent
    assert "List-Unsubscribe" in sent and "One-Click" in sent
    # Its news has to find the message: by our token, or by the vendor's number from this answer.
    assert "ref-1" in sent or name in ("mailersend", "postal")


def test_our_message_id_and_token_travel_with_it(vendor: Vendor) -> None:
    vendor.says((202, b""))
    send(vendor, "sendgrid")
    sent = vendor.asked[0].json
    assert sent["headers"]["Message-ID"] == "<ref-1.0@shop.example>"
    assert sent["custom_args"][mailnews.TOKEN] == "ref-1"
    assert vendor.asked[0].headers["authorization"] == "Bearer hidden-key"


@pytest.mark.parametrize("field", ["subject", "sender_name"])
def test_no_value_begins_a_header_of_its_own(vendor: Vendor, field: str) -> None:
    vendor.says((202, b""))
    fields = {name: getattr(LETTER, name) for name in LETTER.__slots__}
    send(vendor, "sendgrid", Envelope(**(fields | {field: "x\r\nBcc: eve@evil.example"})))
    sent = vendor.asked[0].json
    assert "bcc" not in sent["personalizations"][0] and not any(
        "\n" in str(value) for value in sent["headers"].values()
    )
    assert "\n" not in sent["subject"] and "\n" not in sent["from"].get("name", "")


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        ((401, {"Message": "bad token"}), Outcome.BLOCKED, "provider_auth"),
        ((402, {}), Outcome.BLOCKED, "provider_auth"),
        ((422, {"ErrorCode": 405, "Message": "no credits"}), Outcome.BLOCKED, "provider_auth"),
        (
            (422, {"ErrorCode": 300, "Message": "Invalid 'To' address: 'ann@shop.example'."}),
            Outcome.REFUSED,
            "no_such_address",
        ),
        ((422, {"ErrorCode": 11, "Message": "words"}), Outcome.REFUSED, "provider_refused"),
        ((429, {}), Outcome.RETRY, "provider_busy"),
        ((500, {}), Outcome.UNKNOWN, "no_answer"),
        ((503, {}), Outcome.RETRY, "provider_busy"),
        ((200, b"<html>"), Outcome.UNKNOWN, "no_answer"),
        ("cut", Outcome.UNKNOWN, "no_answer"),
    ],
)
def test_answers(vendor: Vendor, answer: Any, outcome: Outcome, reason: str) -> None:
    vendor.says(answer)
    receipt = send(vendor, "postmark")
    assert (receipt.outcome, receipt.reason) == (outcome, reason), receipt
    assert receipt.no_such_address is (reason == "no_such_address")
    assert "hidden" not in receipt.detail


def test_where_nobody_is_nothing_was_taken(vendor: Vendor) -> None:
    receipt = send(vendor, "brevo", api_url="http://127.0.0.1:9/")
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, "unreachable")


def test_an_address_on_the_vendors_own_list_is_refused(vendor: Vendor) -> None:
    vendor.says((200, [{"email": "ann@shop.example", "status": "rejected", "reject_reason": "unsub", "_id": "m1"}]))
    receipt = send(vendor, "mandrill")
    assert (receipt.outcome, receipt.no_such_address) == (Outcome.REFUSED, False)


def test_settings_that_are_missing_are_said_before_anything_is_begun(vendor: Vendor) -> None:
    bare = Account("mail-1", "email", {"vendor": "mailgun"})
    with pytest.raises(ChannelDown):
        anymail.AnymailChannel(bare).open()
    assert set(missing({"vendor": "mailjet"})) == {"api_secret"} and missing({"vendor": "brevo"}) == {}


def mailgun(event: str, *, severity: str = "permanent", at: float = 0.0, key: str = "sign") -> Hook:
    stamp = str(int(time.time() + at))
    signature = hmac.new(key.encode(), f"{stamp}tok".encode(), hashlib.sha256).hexdigest()
    body = {
        "signature": {"timestamp": stamp, "token": "tok", "signature": signature},
        "event-data": {
            "event": event, "severity": severity, "id": "e1", "timestamp": 1700000000.5,
            "recipient": "ann@shop.example",
            "user-variables": {mailnews.TOKEN: "ref-1"}, "message": {"headers": {"message-id": "m1@mg"}},
            "reason": "bounce", "delivery-status": {"code": 550, "message": "no such user"},
        },
    }  # fmt: skip
    return Hook("POST", {"content-type": "application/json"}, "", json.dumps(body).encode())


def news(vendor: Vendor, name: str, hook: Hook) -> list[Event]:
    return mailnews.parse(account(vendor, name), hook)


@pytest.mark.parametrize(
    ("event", "severity", "kind", "gone"),
    [
        ("delivered", "permanent", "delivered", False),
        ("failed", "permanent", "rejected", True),
        ("failed", "temporary", "undelivered", False),
        ("complained", "permanent", "complaint", False),
        ("unsubscribed", "permanent", "unsubscribed", False),
    ],
)
def test_mailgun_tells(vendor: Vendor, event: str, severity: str, kind: str, gone: bool) -> None:
    (found,) = news(vendor, "mailgun", mailgun(event, severity=severity))
    assert (found.kind, found.reference, found.data["gone"]) == (kind, "ref-1", gone)
    assert found.occurred_at is not None and found.occurred_at.year == 2023


def test_mailgun_is_only_believed_with_its_signature_and_in_time(vendor: Vendor) -> None:
    for hook in (mailgun("delivered", key="other"), mailgun("delivered", at=-400), mailgun("delivered", at=400)):
        with pytest.raises(HookRefused) as refusal:
            news(vendor, "mailgun", hook)
        assert refusal.value.status == 401
    with pytest.raises(HookRefused):
        news(vendor, "mailgun", Hook("POST", {"content-type": "application/json"}, "", b"{}"))


def test_opened_and_clicked_are_ours_to_count(vendor: Vendor) -> None:
    assert news(vendor, "mailgun", mailgun("opened")) == []


def posted(**fields: Any) -> Hook:
    return Hook("POST", {"content-type": "application/json"}, "", json.dumps(fields).encode())


def test_postmark_tells_soft_from_hard(vendor: Vendor) -> None:
    known = {"RecordType": "Bounce", "ID": 42, "MessageID": "m1", "Email": "ann@shop.example", "Metadata": {}}
    (hard,) = news(vendor, "postmark", posted(**known, Type="HardBounce"))
    (soft,) = news(vendor, "postmark", posted(**known, Type="SoftBounce"))
    (spam,) = news(vendor, "postmark", posted(**known | {"RecordType": "SpamComplaint"}, Type="SpamComplaint"))
    assert [(e.kind, e.data["gone"]) for e in (hard, soft, spam)] == [
        ("rejected", True), ("undelivered", False), ("complaint", False),
    ]  # fmt: skip
    assert hard.reference == "m1" and len({hard.event_id, soft.event_id, spam.event_id}) == 3


def test_brevo_tells_soft_from_hard(vendor: Vendor) -> None:
    known = {"email": "ann@shop.example", "message-id": "m1", "ts_event": 1700000000}
    (hard,) = news(vendor, "brevo", posted(**known, event="hard_bounce"))
    (soft,) = news(vendor, "brevo", posted(**known, event="soft_bounce"))
    assert [(e.kind, e.data["gone"]) for e in (hard, soft)] == [("rejected", True), ("undelivered", False)]


def test_resend_is_checked_by_svix_scheme(vendor: Vendor) -> None:
    key = b64encode(b"whatever this is").decode()
    body = json.dumps({"type": "email.delivered", "created_at": "2023-11-14T22:13:20.000Z", "data": {
        "email_id": "m1", "to": ["ann@shop.example"], "headers": [],
    }}).encode()  # fmt: skip

    def call(at: float = 0.0, sign_with: bytes = b"whatever this is") -> list[Event]:
        stamp = str(int(time.time() + at))
        right = hmac.new(sign_with, f"msg_1.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "svix-id": "msg_1",
            "svix-timestamp": stamp,
            "svix-signature": f"v1,!! v1,{b64encode(right).decode()}",
        }
        known = account(vendor, "resend")
        signed = Account(known.code, "email", known.settings, {"signing_key": f"whsec_{key}", "api_key": "k"})
        return mailnews.parse(signed, Hook("POST", headers | {"content-type": "application/json"}, "", body))

    (event,) = call()
    assert (event.kind, event.reference) == ("delivered", "m1")
    with pytest.raises(HookRefused):
        call(at=-400.0)
    with pytest.raises(HookRefused):
        call(sign_with=b"another")


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.hook_view])
def test_rubbish_is_refused_by_every_vendor(vendor: Vendor, name: str) -> None:
    for body in (b"", b"x", b"[5]", b'{"a": 1'):
        with pytest.raises(HookRefused) as refusal:
            news(vendor, name, Hook("POST", {"content-type": "application/json"}, "", body))
        assert refusal.value.status in (400, 401)


def test_a_vendor_without_news_says_so(vendor: Vendor) -> None:
    with pytest.raises(HookRefused):
        news(vendor, "scaleway", posted(a=1))
