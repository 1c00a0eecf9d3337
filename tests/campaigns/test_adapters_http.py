"""The HTTP gateway: what its answers, its silence and its news mean."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time

import pytest

from campaigns.channels import http
from campaigns.channels.base import ChannelDown, Outcome, Receipt
from campaigns.channels.calling import Caller, Verdict
from campaigns.channels.kinds import Account, Hook, HookRefused
from campaigns.channels.registry import KINDS
from tests.campaigns.vendor import Vendor, sms


def send(url: str, *texts: str, **options: object) -> list[Receipt]:
    channel = http.HttpChannel(url, callback="https://crm.example/hooks/x/y/", **options)  # type: ignore[arg-type]
    try:
        return channel.send(sms(*texts))
    finally:
        channel.close()


def taken(*numbers: int) -> tuple[int, object]:
    return 200, {"results": [{"reference": f"ref-{n}", "status": "accepted", "id": f"g-{n}"} for n in numbers]}


def test_a_name_and_a_password_travel_in_the_header_and_not_in_the_address(vendor: Vendor) -> None:
    vendor.says(taken(1))
    (receipt,) = send(vendor.url.replace("http://", "http://shop:p%40ss@") + "/sms", "Hi")
    asked = vendor.asked[0]
    assert receipt.outcome is Outcome.ACCEPTED and receipt.provider_message_id == "g-1"
    assert asked.path == "/sms" and asked.headers["authorization"] == "Basic c2hvcDpwQHNz"
    assert asked.json["callback"] == "https://crm.example/hooks/x/y/"
    assert asked.json["messages"] == [{"reference": "ref-1", "key": "ref-1.0", "to": "+8613800138000", "text": "Hi"}]


def test_a_header_of_the_shop_is_sent_along(vendor: Vendor) -> None:
    vendor.says(taken(1))
    send(vendor.url, "Hi", header="Authorization: Bearer abc")
    assert vendor.asked[0].headers["authorization"] == "Bearer abc"


def test_credentials_of_this_machine_are_not_given_away(
    vendor: Vendor, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine 127.0.0.1 login root password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    vendor.says(taken(1))
    send(vendor.url, "Hi")
    assert "authorization" not in vendor.asked[0].headers


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (302, Outcome.BLOCKED, "provider_auth"),
        (400, Outcome.REFUSED, "provider_refused"),
        (401, Outcome.BLOCKED, "provider_auth"),
        (402, Outcome.BLOCKED, "provider_auth"),
        (403, Outcome.BLOCKED, "provider_auth"),
        (408, Outcome.UNKNOWN, "no_answer"),
        (429, Outcome.RETRY, "provider_busy"),
        (500, Outcome.UNKNOWN, "no_answer"),
        (502, Outcome.UNKNOWN, "no_answer"),
        (503, Outcome.RETRY, "provider_busy"),
        (504, Outcome.UNKNOWN, "no_answer"),
    ],
)
def test_a_status_for_one_message(vendor: Vendor, status: int, outcome: Outcome, reason: str) -> None:
    vendor.says((status, b"words", {"Retry-After": "30", "Location": "http://elsewhere.example/"}))
    (receipt,) = send(vendor.url, "Hi")
    assert (receipt.outcome, receipt.reason) == (outcome, reason)
    assert len(vendor.asked) == 1  # no redirect is followed: it would take the texts elsewhere
    assert receipt.retry_after == (30 if outcome is Outcome.RETRY else None)


def test_answers_are_matched_by_reference_and_what_is_left_out_is_in_doubt(vendor: Vendor) -> None:
    vendor.says((200, {"results": [
        {"reference": "ref-3", "status": "accepted", "id": "g-3"},
        {"reference": "ref-1", "status": "refused", "code": "no_such_number"},
        {"reference": "foreign", "status": "accepted"},
    ]}))  # fmt: skip
    first, second, third = send(vendor.url, "a", "b", "c")
    assert (first.outcome, first.no_such_address) == (Outcome.REFUSED, True)
    assert (second.outcome, second.reason) == (Outcome.UNKNOWN, "no_answer")
    assert (third.outcome, third.provider_message_id) == (Outcome.ACCEPTED, "g-3")


def test_with_a_key_one_bad_number_fails_alone(vendor: Vendor) -> None:
    vendor.says((400, b"one of them"), taken(1), (400, b"this one"), taken(3))
    outcomes = [receipt.outcome for receipt in send(vendor.url, "a", "b", "c", idempotency="key")]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REFUSED, Outcome.ACCEPTED]
    keys = [message["key"] for asked in vendor.asked for message in asked.json["messages"]]
    assert keys == ["ref-1.0", "ref-2.0", "ref-3.0", "ref-1.0", "ref-2.0", "ref-3.0"]  # the same ones


@pytest.mark.parametrize("promise", ["none", "lookup"])
def test_without_a_key_a_refused_batch_is_in_doubt_unless_it_names_them(vendor: Vendor, promise: str) -> None:
    vendor.says((400, b"one of them"))
    assert {receipt.outcome for receipt in send(vendor.url, "a", "b", idempotency=promise)} == {Outcome.UNKNOWN}
    assert len(vendor.asked) == 1
    vendor.says((400, {"results": [{"reference": "ref-2", "status": "refused", "code": "no_such_number"}]}))
    first, second = send(vendor.url, "a", "b", idempotency=promise)
    assert (first.outcome, second.outcome) == (Outcome.UNKNOWN, Outcome.REFUSED)


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, {"results": 5}), (200, []), "cut"])
def test_what_cannot_be_read_is_a_doubt(vendor: Vendor, answer: object) -> None:
    vendor.says(answer)
    (receipt,) = send(vendor.url, "Hi")
    assert (receipt.outcome, receipt.reason) == (Outcome.UNKNOWN, "no_answer")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/"])
def test_where_nobody_is_nothing_was_taken(url: str) -> None:
    (receipt,) = send(url, "Hi")
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, "unreachable")


def test_a_failed_handshake_took_nothing(vendor: Vendor) -> None:
    (receipt,) = send(vendor.url.replace("http://", "https://"), "Hi")  # a server without TLS
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, "unreachable")


def test_an_answer_of_a_byte_now_and_then_is_a_doubt_in_good_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.channels.calling.CALL_SECONDS", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _address = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _step in range(100):
                try:
                    connection.sendall(b"1\r\nx\r\n")
                except OSError:
                    return
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    begun = time.monotonic()
    verdict = Caller().call("POST", f"http://127.0.0.1:{listener.getsockname()[1]}/", data=b"x")
    listener.close()
    assert isinstance(verdict, Verdict) and verdict.outcome is Outcome.UNKNOWN
    assert time.monotonic() - begun < 5


def test_a_bad_certificate_is_known_before_anything_is_said() -> None:
    from campaigns.channels.calling import silence

    refused = ssl.SSLCertVerificationError("certificate verify failed")
    assert silence(OSError(refused)).outcome is Outcome.RETRY
    assert silence(OSError(ssl.SSLEOFError("cut off"))).outcome is Outcome.UNKNOWN


def test_a_gateway_with_a_memory_can_be_asked(vendor: Vendor) -> None:
    channel = http.HttpChannel(vendor.url, callback="", idempotency="lookup")
    vendor.says((200, {"results": [
        {"reference": "a", "status": "accepted", "id": "g-1"}, {"reference": "b", "status": "absent"},
        {"reference": "c", "status": "who knows"}, {"reference": "foreign", "status": "absent"},
    ]}))  # fmt: skip
    assert channel.lookup(["a", "b", "c", "d"]) == {"a": "g-1", "b": None}
    assert vendor.asked[0].json == {"lookup": ["a", "b", "c", "d"]}
    vendor.says((500, b""))
    with pytest.raises(ChannelDown):
        channel.lookup(["a"])


def test_the_connection_test_hears_a_refusal(vendor: Vendor) -> None:
    channel = http.HttpChannel(vendor.url, callback="")
    vendor.says((405, b""))  # it answers, and needs not know HEAD
    assert channel.check() == ""
    vendor.says((401, b""))
    with pytest.raises(ChannelDown):
        channel.check()


BODY = json.dumps({"events": [
    {"type": "receipt", "reference": "ref-1", "status": "delivered", "at": 1700000000},
    {"type": "receipt", "reference": "ref-2", "status": "failed", "code": "no_such_number"},
    {"type": "receipt", "reference": "ref-3", "status": "on holiday"},
    {"type": "reply", "id": "r-1", "from": "+8613800138000", "text": "TD"},
]}).encode()  # fmt: skip


def hook(key: str = "", *, at: float = 0.0, body: bytes = BODY, sign: str | None = None) -> Hook:
    stamp = str(int(time.time() + at))
    right = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return Hook("POST", {"x-crm-timestamp": stamp, "x-crm-signature": right if sign is None else sign}, "", body)


def believes(key: str = "") -> Account:
    return Account("gate", "sms", secrets={"signing_key": key})


def test_news_is_read() -> None:
    events = http.parse(believes(), Hook("POST", {}, "", BODY))
    assert [(e.kind, e.reference) for e in events] == [
        ("delivered", "ref-1"), ("rejected", "ref-2"), ("other", "ref-3"), ("reply", ""),
    ]  # fmt: skip
    assert events[1].data["gone"] is True and events[0].data["gone"] is False
    assert events[0].occurred_at is not None and events[0].occurred_at.year == 2023
    assert (events[3].event_id, events[3].address, events[3].data) == ("r-1", "+8613800138000", {"text": "TD"})
    assert len({event.event_id for event in events}) == 4
    assert events == http.parse(believes(), Hook("POST", {}, "", BODY))


def test_with_a_key_only_signed_news_is_believed() -> None:
    assert len(http.parse(believes("k"), hook("k"))) == 4
    forged = [
        Hook("POST", {}, "", BODY), hook("other"), hook("k", sign=""), hook("k", sign="é" * 64),
        Hook("POST", hook("k").headers, "", BODY.replace(b"TD", b"hi")),
    ]  # fmt: skip
    for one in forged:
        with pytest.raises(HookRefused) as refusal:
            http.parse(believes("k"), one)
        assert (refusal.value.status, refusal.value.code) == (401, "signature")


@pytest.mark.parametrize("at", [-301, -3600, 400])
def test_old_news_and_news_from_the_future_is_not_believed(at: int) -> None:
    with pytest.raises(HookRefused) as refusal:
        http.parse(believes("k"), hook("k", at=at))
    assert (refusal.value.status, refusal.value.code) == (401, "stale")
    assert http.parse(believes("k"), hook("k", at=-290))


@pytest.mark.parametrize("stamp", ["nan", "inf", "-inf", "", "x"])
def test_a_time_that_is_none_is_not_believed(stamp: str) -> None:
    right = hmac.new(b"k", f"{stamp}.".encode() + BODY, hashlib.sha256).hexdigest()
    with pytest.raises(HookRefused):
        http.parse(believes("k"), Hook("POST", {"x-crm-timestamp": stamp, "x-crm-signature": right}, "", BODY))


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"events": [5]}', b'{"events": {}, "x": 1}x', b"[" * 100_000])
def test_unreadable_news_is_refused(body: bytes) -> None:
    with pytest.raises(HookRefused) as refusal:
        http.parse(believes(), Hook("POST", {}, "", body))
    assert refusal.value.status == 400


def test_the_settings_of_a_gateway_reach_its_adapter() -> None:
    chosen = {"url": "http://127.0.0.1:9/sms", "idempotency": "none", "batch_size": "7"}
    adapter = KINDS["http"].open(Account("gate", "sms", chosen))
    assert (adapter.name, adapter.idempotency, adapter.batch_size) == ("gate", "none", 7)
