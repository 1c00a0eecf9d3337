"""Many copies over one SMTP connection: what each one's fate is when something goes wrong in the middle."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from campaigns.channels import smtp
from campaigns.channels.base import Envelope, Outcome
from campaigns.channels.smtp import SmtpChannel

CUT = "cut"


@dataclass
class Server:
    """Answers as told for a recipient (`rcpt`; `data` and `text` once, by name), else it takes everything.

    `arrived`: the texts that were accepted, as (recipient, subject).
    """

    rcpt: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    extensions: str = "PIPELINING"
    most: int = 10**6  # texts per connection, then 421
    arrived: list[tuple[str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    is_lenient: bool = False  # says 354 although it knows nobody to give the text to
    hangs_up: bool = False  # instead of answering RSET


class _Talk:
    def __init__(self, server: Server, connection: socket.socket) -> None:
        self.server, self.stream = server, connection.makefile("rwb")
        self.recipients: list[str] = []
        self.taken, self.is_open, self.has_sender = 0, True, False

    def say(self, answer: str) -> None:
        if answer == CUT:
            self.is_open = False
            return
        self.stream.write(f"{answer}\r\n".encode())
        self.stream.flush()
        self.is_open = not answer.startswith("421")

    def run(self) -> None:
        self.say("220 hi")
        while self.is_open and (line := self.stream.readline().decode()):
            self.server.heard.append(line.strip())
            self._command(line.strip())

    def _command(self, line: str) -> None:
        word, argument = line[:4].upper(), line.partition("<")[2].rstrip(">").partition("@")[0]
        if word == "EHLO":
            self.say(f"250-me\r\n250 {self.server.extensions}")
        elif word == "MAIL":
            if self.taken >= self.server.most:
                self.say("421 4.7.0 too many on one connection")
            elif self.has_sender:
                self.say("503 5.5.1 nested MAIL")
            else:
                self.has_sender = True
                self.say("250 ok")
        elif word == "RCPT":
            answer = self.server.rcpt.get(argument) or "250 ok"
            self.recipients += [argument] if answer.startswith("2") else []
            self.say(answer)
        elif word == "DATA":
            self._data()
        else:
            self.recipients, self.has_sender = [], False
            self.say("221 bye" if word == "QUIT" else CUT if self.server.hangs_up else "250 fine")
            self.is_open = self.is_open and word != "QUIT"

    def _data(self) -> None:
        who = self.recipients[0] if self.recipients else ""
        welcome = self.server.data.pop(who, None) or ("354 go" if who or self.server.is_lenient else "503 no")
        self.say(welcome)
        if not welcome.startswith("354"):
            return
        lines: list[str] = []
        while (line := self.stream.readline().decode()) not in (".\r\n", ""):
            lines.append(line)
        if line == "":
            self.is_open = False
            return
        answer = self.server.text.pop(who, None) or ("250 2.0.0 taken" if who else "554 nobody")
        if answer.startswith("250") or answer == CUT:
            subject = next((line[9:].strip() for line in lines if line.startswith("Subject:")), "")
            self.server.arrived.append((who, subject))
        self.taken += 1
        self.recipients, self.has_sender = [], False
        self.say(answer)


@contextmanager
def serving(server: Server) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            server.connections += 1
            with connection, suppress(OSError):
                talk = _Talk(server, connection)
                talk.run()
                talk.stream.close()

    threading.Thread(target=accept, daemon=True).start()
    yield f"smtp://127.0.0.1:{listener.getsockname()[1]}?batch=200"
    listener.close()


def _letter(name: str) -> Envelope:
    return Envelope(
        reference=name, key=f"{name}.0", to=f"{name}@shop.example", text=f"Dear {name}", subject=f"For {name}",
        html="<p>hi</p>", sender="news@shop.example", sender_name="Shop",
    )  # fmt: skip


def _send(server: Server, *names: str) -> dict[str, tuple[Outcome, str]]:
    with serving(server) as url:
        channel = SmtpChannel(url)
        receipts = channel.send([_letter(name) for name in names])
        channel.close()
    assert [receipt.reference for receipt in receipts] == list(names)
    return {receipt.reference: (receipt.outcome, receipt.reason) for receipt in receipts}


TAKEN, BUSY = (Outcome.ACCEPTED, ""), (Outcome.RETRY, "provider_busy")
UNTOUCHED, DOUBT = (Outcome.RETRY, "unreachable"), (Outcome.UNKNOWN, "no_answer")
GONE = (Outcome.REFUSED, "no_such_address")

both_ways = pytest.mark.parametrize("extensions", ["PIPELINING", "HELP"])


@both_ways
def test_all_copies_go_over_one_connection_each_to_its_own(extensions: str) -> None:
    server = Server(extensions=extensions)
    assert _send(server, "ann", "bob", "eve") == {"ann": TAKEN, "bob": TAKEN, "eve": TAKEN}
    assert server.arrived == [("ann", "For ann"), ("bob", "For bob"), ("eve", "For eve")]
    assert server.connections == 1


@both_ways
@pytest.mark.parametrize("lenient", [False, True])
def test_a_refused_recipient_harms_nobody_beside_it(extensions: str, lenient: bool) -> None:
    """Also where the server says 354 to nobody: DATA had been sent before the refusal was known."""
    server = Server(rcpt={"bob": "550 5.1.1 unknown"}, extensions=extensions, is_lenient=lenient)
    assert _send(server, "ann", "bob", "eve") == {"ann": TAKEN, "bob": GONE, "eve": TAKEN}
    assert server.arrived == [("ann", "For ann"), ("eve", "For eve")]


@both_ways
def test_a_refused_text_harms_nobody_beside_it(extensions: str) -> None:
    server = Server(text={"bob": "554 5.6.0 spam"}, data={"eve": "451 4.3.0 later"}, extensions=extensions)
    refused = (Outcome.REFUSED, "provider_refused")
    assert _send(server, "ann", "bob", "eve", "joe") == {"ann": TAKEN, "bob": refused, "eve": BUSY, "joe": TAKEN}
    assert server.arrived == [("ann", "For ann"), ("joe", "For joe")]


@both_ways
def test_a_cut_after_a_text_leaves_this_one_in_doubt_and_no_other(extensions: str) -> None:
    server = Server(text={"bob": CUT}, extensions=extensions)
    fates = _send(server, "ann", "bob", "eve", "joe")
    assert fates == {"ann": TAKEN, "bob": DOUBT, "eve": UNTOUCHED, "joe": UNTOUCHED}
    assert server.arrived == [("ann", "For ann"), ("bob", "For bob")]


@both_ways
def test_a_cut_before_a_text_is_no_doubt_and_is_tried_once_more(extensions: str) -> None:
    server = Server(data={"bob": CUT}, extensions=extensions)
    assert _send(server, "ann", "bob", "eve") == {"ann": TAKEN, "bob": TAKEN, "eve": TAKEN}
    assert server.arrived == [("ann", "For ann"), ("bob", "For bob"), ("eve", "For eve")]
    assert server.connections == 2


@both_ways
def test_a_server_that_takes_only_so_many_per_connection_is_called_again(extensions: str) -> None:
    server = Server(most=2, extensions=extensions)
    names = ["ann", "bob", "eve", "joe", "kim"]
    assert _send(server, *names) == dict.fromkeys(names, TAKEN)
    assert [name for name, _subject in server.arrived] == names
    assert server.connections == 3


@both_ways
def test_goodbye_after_a_text_is_a_definite_no_for_it(extensions: str) -> None:
    server = Server(text={"bob": "421 4.3.2 closing"}, extensions=extensions)
    assert _send(server, "ann", "bob", "eve") == {"ann": TAKEN, "bob": BUSY, "eve": TAKEN}
    assert [name for name, _subject in server.arrived] == ["ann", "eve"]


@both_ways
def test_what_cannot_be_addressed_or_written_is_left_out_before_anything_begins(extensions: str) -> None:
    server = Server(extensions=extensions)
    letters = [
        _letter("ann"),
        Envelope(reference="x", key="x", to="a b@c", text="x", sender="n@s.example"),
        _letter("eve"),
    ]
    broken = Envelope(reference="y", key="y", to="y@s.example", text="\ud800", sender="n@s.example")
    with serving(server) as url:
        channel = SmtpChannel(url)
        receipts = channel.send([*letters, broken])
        channel.close()
    assert [(r.outcome, r.reason) for r in receipts] == [
        TAKEN, (Outcome.REFUSED, "invalid_address"), TAKEN, (Outcome.REFUSED, "render")
    ]  # fmt: skip
    assert [name for name, _subject in server.arrived] == ["ann", "eve"]


def test_nobody_gets_an_empty_text_when_time_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the next copy had gone out already; an end of text now would be a text of nothing."""
    server = Server()
    monkeypatch.setattr(smtp, "BEGIN_SECONDS", -1.0)
    assert _send(server, "ann", "bob") == {"ann": BUSY, "bob": BUSY}
    assert server.arrived == []


def test_the_connection_is_kept_from_batch_to_batch_and_a_dead_one_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    with serving(server) as url:
        channel = SmtpChannel(url)
        for name in ("ann", "bob"):
            assert channel.send([_letter(name)])[0].outcome is Outcome.ACCEPTED
        assert server.connections == 1
        monkeypatch.setattr(smtp, "IDLE_SECONDS", 0.0)
        assert channel.send([_letter("eve")])[0].outcome is Outcome.ACCEPTED
        assert server.connections == 2
        channel.close()


def test_the_next_copys_commands_travel_with_the_text() -> None:
    """One round trip for each copy: the server has them before it has said anything about the text."""
    listener = socket.create_server(("127.0.0.1", 0))
    packets: list[bytes] = []

    def serve() -> None:
        connection, _address = listener.accept()
        with connection:
            connection.sendall(b"220 hi\r\n")
            for answer in (
                b"250-me\r\n250 PIPELINING\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n",
                b"250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n", b"250 taken\r\n", b"221 bye\r\n",
            ):  # fmt: skip
                packets.append(connection.recv(65536))
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    channel = SmtpChannel(f"smtp://127.0.0.1:{listener.getsockname()[1]}", batch_size=2)
    receipts = channel.send([_letter("ann"), _letter("bob")])
    channel.close()
    thread.join(5)
    listener.close()
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED] * 2
    assert packets[2].endswith(
        b"\r\n.\r\nMAIL FROM:<news@shop.example>\r\nRCPT TO:<bob@shop.example>\r\nDATA\r\n"
    ) and packets[2].startswith(b"From:")


@pytest.mark.parametrize(
    ("query", "given", "size"), [("", None, 1), ("?batch=200", None, 200), ("?batch=20", 5, 5), ("?batch=x", None, 1),
                                 ("?batch=9999", None, 500), ("?batch=0", None, 1)],
)  # fmt: skip
def test_the_batch_is_the_stores_choice_within_bounds(query: str, given: int | None, size: int) -> None:
    assert SmtpChannel(f"smtp://127.0.0.1:25{query}", batch_size=given).batch_size == size


@both_ways
def test_a_refusal_holds_although_the_server_hangs_up_after_it(extensions: str) -> None:
    server = Server(rcpt={"bob": "550 5.1.1 unknown"}, hangs_up=True, extensions=extensions)
    assert _send(server, "ann", "bob", "eve") == {"ann": TAKEN, "bob": GONE, "eve": TAKEN}
    assert [name for name, _subject in server.arrived] == ["ann", "eve"]
    assert sum("bob@" in line for line in server.heard) == 1
