"""What the adapters make of a provider's answers, and what they never let through."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy

import pytest
from pytest_django.fixtures import Settings

from campaigns.channels import mime
from campaigns.channels.base import ChannelDown, Envelope, Outcome
from campaigns.channels.http import HttpChannel
from campaigns.channels.smtp import SmtpChannel
from crm_suite.management.commands import up
from tests.campaigns.provider import Provider

LETTER = Envelope(
    reference="ref-1", key="ref-1.0", to="ann@shop.example", text="Hi\n.\n.. Ann", subject="News", html="<p>Hi</p>",
    sender="news@shop.example", sender_name="Shop", unsubscribe_url="https://crm.example/u/1/",
)  # fmt: skip


def _send(url: str, **changes: str) -> tuple[Outcome, str]:
    fields = {name: getattr(LETTER, name) for name in LETTER.__slots__} | changes
    channel = SmtpChannel(url)
    try:
        (receipt,) = channel.send([Envelope(**fields)])
    finally:
        channel.close()
    return receipt.outcome, receipt.reason


@contextmanager
def server(*answers: str, greeting: str = "220 hi", extensions: str = "") -> Iterator[tuple[str, list[str]]]:
    """An SMTP server that reads a script: the n-th command gets the n-th answer; "cut" closes the connection."""
    heard: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket, script: Iterator[str]) -> None:
        with connection, connection.makefile("rwb") as stream:
            stream.write(f"{greeting}\r\n".encode())
            stream.flush()
            while line := stream.readline().decode():
                heard.append(line.strip())
                if line.upper().startswith("EHLO"):
                    answer = f"250-me\r\n250 {extensions or 'HELP'}"
                elif line.upper().startswith(("RSET", "QUIT")):
                    answer = "250 fine"
                else:
                    answer = next(script, "cut")
                if answer == "cut":
                    return
                stream.write(f"{answer}\r\n".encode())
                stream.flush()
                if answer.startswith("354"):
                    while (text := stream.readline()) not in (b".\r\n", b""):
                        heard.append(text.decode().rstrip("\r\n"))
                    answer = next(script, "cut")
                    if answer == "cut":
                        return
                    stream.write(f"{answer}\r\n".encode())
                    stream.flush()

    def accept() -> None:
        script = iter(answers)
        try:
            while True:
                connection, _address = listener.accept()
                serve(connection, script)
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    yield f"smtp://127.0.0.1:{listener.getsockname()[1]}", heard
    listener.close()


@pytest.mark.parametrize(
    ("answers", "outcome", "reason"),
    [
        (["250 ok", "250 ok", "354 go", "250 taken"], Outcome.ACCEPTED, ""),
        (["250 ok", "450 4.2.0 greylisted"], Outcome.RETRY, "provider_busy"),
        (["421 4.3.2 closing"], Outcome.RETRY, "provider_busy"),
        (["250 ok", "550 5.1.1 no such user"], Outcome.REFUSED, "no_such_address"),
        (["250 ok", "550 5.7.1 policy"], Outcome.REFUSED, "provider_refused"),
        (["250 ok", "250 ok", "354 go", "554 5.6.0 spam"], Outcome.REFUSED, "provider_refused"),
        (["250 ok", "250 ok", "354 go", "451 4.3.0 later"], Outcome.RETRY, "provider_busy"),
        (["530 5.7.0 sign in first"], Outcome.BLOCKED, "provider_auth"),
        (["250 ok", "250 ok", "354 go", "cut"], Outcome.UNKNOWN, "no_answer"),
        (["250 ok", "cut", "250 ok", "cut"], Outcome.RETRY, "unreachable"),
        (["cut", "250 ok", "250 ok", "354 go", "250 taken"], Outcome.ACCEPTED, ""),  # an idle connection was closed
    ],
)
@pytest.mark.parametrize("extensions", ["", "PIPELINING"])
def test_smtp_answers(answers: list[str], outcome: Outcome, reason: str, extensions: str) -> None:
    if extensions and outcome is not Outcome.ACCEPTED and "354 go" not in answers and "cut" not in answers:
        answers = [*answers, *["503 5.5.1 not now"] * (3 - len(answers))]  # what follows a refusal in one packet
    with server(*answers, extensions=extensions) as (url, _heard):
        assert _send(url) == (outcome, reason)


def test_a_recipient_refused_behind_a_willing_server_gets_no_text() -> None:
    with server("250 ok", "550 5.1.1 unknown", "354 go", "554 no recipients", extensions="PIPELINING") as (url, heard):
        assert _send(url) == (Outcome.REFUSED, "no_such_address")
    assert "Subject: News" not in heard and "RSET" in [line.upper() for line in heard]


def test_a_line_with_a_dot_stays_in_the_text(provider: Provider) -> None:
    assert _send(provider.smtp_url)[0] is Outcome.ACCEPTED
    raw = provider.rows()[-1]["body"].encode()
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Subject"] == "News"
    assert message.get_body(("plain",)).get_content().splitlines() == ["Hi", ".", ".. Ann"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "to",
    ["ann@shop.example\r\nRCPT TO:<eve@evil.example>", "ann@shop.example>", "a b@shop.example", "ann", "a@b@c",
     "安@shop.example", ""],
)  # fmt: skip
def test_an_address_cannot_carry_a_command(provider: Provider, to: str) -> None:
    before = len(provider.rows())
    assert _send(provider.smtp_url, to=to) == (Outcome.REFUSED, "invalid_address")
    assert len(provider.rows()) == before


@pytest.mark.parametrize("field", ["subject", "sender_name", "unsubscribe_url"])
@pytest.mark.parametrize(
    "end",
    ["\r\nBcc: eve@evil.example", "\nBcc: eve@evil.example", "\r\n\r\nbody", "\x0bBcc: x", "\u2028Bcc: x", "\x00"],
)
def test_no_value_begins_a_header_of_its_own(field: str, end: str) -> None:
    fields = {name: getattr(LETTER, name) for name in LETTER.__slots__}
    raw = mime.build(Envelope(**(fields | {field: f"x{end}"})), message_id="<1@x>")
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Bcc"] is None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("subject", ["News", "新品到店 " * 12, "Ünïcode", "=?utf-8?q?x?=", "a" * 300])
def test_a_subject_arrives_as_it_was_written(subject: str) -> None:
    raw = mime.build(Envelope(reference="r", key="k", to="a@b", text="x", subject=subject), message_id="<1@x>")
    head = raw.partition(b"\r\n\r\n")[0]
    assert head.isascii() and all(len(line) < 998 for line in head.split(b"\r\n"))
    if not subject.startswith("=?"):
        assert message_from_bytes(raw, policy=policy.default)["Subject"] == subject.strip()


def test_nobody_there_is_said_before_anything_is_begun() -> None:
    with pytest.raises(ChannelDown):
        SmtpChannel("smtp://127.0.0.1:9").open()
    with server(greeting="554 go away") as (url, _heard), pytest.raises(ChannelDown):
        SmtpChannel(url).open()


def _sms(provider: Provider, key: str, to: str = "+8613800138000") -> tuple[Outcome, str]:
    channel = HttpChannel(provider.sms_url, callback="")
    (receipt,) = channel.send([Envelope(reference=key, key=key, to=to, text="【小店】hi")])
    channel.close()
    return receipt.outcome, receipt.reason


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [("ok", Outcome.ACCEPTED), ("5xx", Outcome.UNKNOWN), ("4xx", Outcome.RETRY), ("reset", Outcome.UNKNOWN),
     ("drop-after-accept", Outcome.UNKNOWN)],
)  # fmt: skip
def test_sms_answers(provider: Provider, mode: str, outcome: Outcome) -> None:
    provider.behave(mode)
    assert _sms(provider, f"key-{mode}")[0] is outcome


def test_the_same_key_is_sent_once_and_another_key_again(provider: Provider) -> None:
    provider.behave("drop-after-accept")
    assert _sms(provider, "same")[0] is Outcome.UNKNOWN
    provider.behave("ok")
    assert _sms(provider, "same")[0] is Outcome.ACCEPTED
    assert _sms(provider, "other")[0] is Outcome.ACCEPTED
    assert [row["key"] for row in provider.rows()][-2:] == ["same", "other"]


def test_a_number_that_does_not_exist_is_refused(provider: Provider) -> None:
    assert _sms(provider, "gone", to="+861000012345") == (Outcome.REFUSED, "provider_refused")


def test_a_closed_port_is_a_definite_no() -> None:
    channel = HttpChannel("http://127.0.0.1:9/sms", callback="")
    (receipt,) = channel.send([Envelope(reference="r", key="k", to="+8613800138000", text="x")])
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, "unreachable")


def test_only_what_the_simulator_stands_behind_counts_as_simulated(settings: Settings) -> None:
    settings.SMTP_URL, settings.SMS_URL = "smtp://localhost", ""  # the shop's own relay, and no SMS gateway
    environment: dict[str, str] = {}
    assert up.Command()._add_simulator(environment)
    assert environment["SIMULATED_CHANNELS"] == "sms"
