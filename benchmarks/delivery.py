"""How fast a campaign leaves the house: `python -m benchmarks.delivery [--messages 2000]`.

Three ways into the same SMTP sink, in the same run, taking turns, medians of three: a bare socket that pipelines
prebuilt bytes, smtplib over one connection with prebuilt bytes, and a real campaign through claim, gate, journal and
result. The database is the run's own, on the disk with fsync. Read the ratios: the machine makes the rest.
"""

import argparse
import smtplib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from django.core.management import call_command

from benchmarks.scratch import scratch_servers

SINK = """
import asyncio, sys

async def session(reader, writer):
    writer.write(b"220 sink\\r\\n")
    while line := await reader.readline():
        word = line[:4].upper()
        if word == b"EHLO":
            writer.write(b"250-sink\\r\\n250 PIPELINING\\r\\n")
        elif word == b"DATA":
            writer.write(b"354 go\\r\\n")
            await reader.readuntil(b"\\r\\n.\\r\\n")
            writer.write(b"250 taken\\r\\n")
        elif word == b"QUIT":
            break
        else:
            writer.write(b"250 ok\\r\\n")
    writer.close()

async def main():
    server = await asyncio.start_server(session, "127.0.0.1", 0, limit=2**22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        try:
            with scratch_servers(SMTP_URL=f"smtp://127.0.0.1:{port}"):
                _measure(port, options.messages, options.rounds)
        finally:
            sink.terminate()


def _measure(port: int, count: int, rounds: int) -> None:
    call_command("migrate", verbosity=0)
    _people(count)
    letter = _letter()
    ways: dict[str, Callable[[], float]] = {
        "bare socket, pipelined, prebuilt": lambda: _bare(port, letter, count),
        "smtplib, one connection, prebuilt": lambda: _smtplib(port, letter, count),
        "a campaign, 1 lane": lambda: _campaign(count, lanes=1),
        "a campaign, 8 lanes": lambda: _campaign(count, lanes=8),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _round in range(rounds):
        for name, way in ways.items():
            found[name].append(count / way())
    _report({name: statistics.median(rates) for name, rates in found.items()}, len(letter))


def _report(rates: dict[str, float], size: int) -> None:
    floor, library, *_ours = rates.values()
    print(f"{'way':36}{'messages/s':>12}{'÷ bare':>9}{'÷ smtplib':>11}   ({size} bytes each)")
    for name, rate in rates.items():
        print(f"{name:36}{rate:12,.0f}{rate / floor:9.2f}{rate / library:11.2f}")


def _people(count: int) -> None:
    from django.utils import timezone

    from customers.models import Consent, Customer, CustomerFacts, Shop
    from customers.services import refresh_reach

    Shop.objects.create(code="bench", name="Bench", currency="CNY", email_from="news@shop.example")
    people = Customer.objects.bulk_create(
        Customer(name=f"Person {number}", email=f"p{number}@shop.example") for number in range(count)
    )
    Consent.objects.bulk_create(
        Consent(customer=person, channel="email", granted=True, source="bench", occurred_at=timezone.now())
        for person in people
    )
    CustomerFacts.objects.bulk_create(CustomerFacts(customer=person, book="CNY", orders=2) for person in people)
    refresh_reach()


BODY = "# Hi {{ name | default: 'friend' }}\n\n" + "Look at [this](https://shop.example/a) and **that**.\n\n" * 30


def _letter() -> bytes:
    """One of the campaign's own messages, for the ways that send prebuilt bytes."""
    from campaigns.channels import mime
    from campaigns.channels.base import Envelope
    from campaigns.rendering import SAMPLE_FIELDS, render

    copy = render(template_body=BODY, subject="News", customer_fields=SAMPLE_FIELDS)
    envelope = Envelope(
        reference="r", key="k", to="p1@shop.example", text=copy.text, subject=copy.subject, html=copy.html,
        sender="news@shop.example", sender_name="Bench", unsubscribe_url="https://crm.example/u/1/",
    )  # fmt: skip
    return mime.build(envelope, message_id="<k@shop.example>")


def _bare(port: int, letter: bytes, count: int) -> float:
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        answers.readline()
        connection.sendall(b"EHLO bench\r\n")
        while answers.readline()[3:4] == b"-":
            pass
        begun = time.perf_counter()
        for _number in range(count):
            connection.sendall(b"MAIL FROM:<news@shop.example>\r\nRCPT TO:<p@shop.example>\r\nDATA\r\n")
            for _answer in range(3):
                answers.readline()
            connection.sendall(letter + b".\r\n")
            answers.readline()
        return time.perf_counter() - begun


def _smtplib(port: int, letter: bytes, count: int) -> float:
    with smtplib.SMTP("127.0.0.1", port) as client:
        begun = time.perf_counter()
        for _number in range(count):
            client.sendmail("news@shop.example", ["p@shop.example"], letter)
        return time.perf_counter() - begun


def _campaign(count: int, *, lanes: int) -> float:
    """From the first claim to the last result; freezing the audience comes before."""
    from django.db import connection

    from campaigns import services
    from campaigns.delivery import run
    from campaigns.models import Message, Template
    from customers.models import Shop
    from segmentation.models import Segment

    Message.objects.all().delete()  # of the round before: the cap is not what is measured
    segment, _new = Segment.objects.get_or_create(name="Everybody", defaults={"rule": {"all": []}, "book": "CNY"})
    template, _new = Template.objects.get_or_create(
        name="Bench", defaults={"channel": "email", "subject": "News", "body": BODY}
    )
    campaign = services.create_campaign(
        name="Bench", shop=Shop.objects.get(), channel="email", segment=segment, template=template,
        holdout_percent=0, unplanned_reason="benchmark", by=None,
    )  # fmt: skip
    services.launch_campaign(campaign=campaign, by=None)
    run.prepare(campaign_id=campaign.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE campaigns_message")
    begun = time.perf_counter()
    while run.deliver(campaign_id=campaign.pk, lanes=lanes, seconds=600):
        pass
    taken = time.perf_counter() - begun
    accepted = Message.objects.filter(campaign=campaign, state="accepted").count()
    assert accepted == count, f"{accepted} of {count} accepted"
    return taken


if __name__ == "__main__":
    main()
