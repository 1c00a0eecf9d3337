"""How fast a campaign leaves the house: `python -m benchmarks.delivery [--messages 5000] [--rounds 3]`.

Real Celery workers (two processes, as in docker-compose.yml) send a campaign with every gate on: permission, caps,
quiet hours, pace, pause, budget. Three ways: a commit for each message, 20 at a time over keyed HTTP, and 200 at a time
over SMTP. In the same run and taking turns, the same people get the same letter through django-post_office, Django's
`send_messages` and Celery with `send_mail`; and two floors: a bare socket and smtplib with prebuilt bytes. The database
is the run's own, on the disk with fsync. Read the ratios: the machine makes the rest.
"""

import argparse
import os
import smtplib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.management import call_command

from benchmarks import sinks
from benchmarks.scratch import scratch_servers

if TYPE_CHECKING:
    from campaigns.models import Campaign

BODY = "# Hi {{ name | default: 'friend' }}\n\n" + "Look at [this](https://shop.example/a) and **that**.\n\n" * 30
SMS = "{{ name | default: '您' }}好，新品到店"
PATIENCE = 900.0  # seconds for one campaign
#: Ways of ours: channel, provider, messages per commit, messages per second that it has to reach.
OURS = {
    "one-message commits, SMTP": ("email", "smtp-1", 1, 400),
    "20-message commits, keyed HTTP": ("sms", "gateway-20", 20, 900),
    "200-message commits, SMTP": ("email", "smtp-200", 200, 2500),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with sinks.running() as ports, scratch_servers():
        call_command("migrate", verbosity=0)
        gather(options.messages, ports)
        with workers():
            _measure(ports[0], options.messages, options.rounds)


def _measure(port: int, count: int, rounds: int) -> None:
    letter = _letter()
    ways: dict[str, Callable[[], float]] = {
        "bare socket, pipelined, prebuilt": lambda: _bare(port, letter, count),
        "smtplib, one connection, prebuilt": lambda: _smtplib(port, letter, count),
        **{name: _own_way(name, count) for name in OURS},
        "django-post_office, 2 × 5 threads": lambda: _rival("post_office", count, port),
        "Django send_messages, by 500": lambda: _rival("send_messages", count, port),
        "Celery, send_mail each, 2 workers": lambda: _rival("celery_send_mail", count, port),
    }
    print(f"{count:,} messages, {len(letter):,} bytes a letter, load of the machine {os.getloadavg()[0]:.1f}")
    _own_way("200-message commits, SMTP", count)()  # the workers have come up and know the letter
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _round in range(rounds):
        for name, way in ways.items():
            found[name].append(count / way())
            print(f"  {name}: {found[name][-1]:,.0f}/s", flush=True)
    _report({name: statistics.median(rates) for name, rates in found.items()})
    print(f"statements per claimed batch: {claim_statements()}; load of the machine {os.getloadavg()[0]:.1f}")


def _report(rates: dict[str, float]) -> None:
    office = rates["django-post_office, 2 × 5 threads"]
    print(f"{'way':38}{'messages/s':>12}{'goal':>8}{'÷ post_office':>15}")
    for name, rate in rates.items():
        goal = f"{OURS[name][3]:,}" if name in OURS else ""
        print(f"{name:38}{rate:12,.0f}{goal:>8}{rate / office:15.2f}")


def gather(count: int, ports: tuple[int, int]) -> None:
    """People who may be written to in both channels, and a provider for each of our ways."""
    from datetime import time as clock

    from django.utils import timezone

    from campaigns.models import ChannelPolicy, Provider
    from customers.models import Consent, Customer, CustomerFacts, Shop
    from customers.services import refresh_reach

    Shop.objects.create(
        code="bench", name="Bench", currency="CNY", email_from="news@shop.example", sms_signature="小店"
    )
    ChannelPolicy.objects.create(channel="sms", cap=2, quiet_from=clock(3), quiet_until=clock(3))  # no night here
    people = Customer.objects.bulk_create(
        Customer(name=f"Person {number}", email=f"p{number}@shop.example", phone=f"+8613{number:09d}", country="CN")
        for number in range(count)
    )
    Consent.objects.bulk_create(
        Consent(customer=person, channel=channel, granted=True, source="bench", occurred_at=timezone.now())
        for person in people for channel in ("email", "sms")
    )  # fmt: skip
    CustomerFacts.objects.bulk_create(CustomerFacts(customer=person, book="CNY", orders=2) for person in people)
    refresh_reach()
    mail, sms = ports
    for size in (1, 200):
        settings = {"host": "127.0.0.1", "port": str(mail), "security": "none", "batch_size": str(size)}
        Provider.objects.create(code=f"smtp-{size}", name="Mail", channel="email", kind="smtp", settings=settings)
    Provider.objects.create(
        code="gateway-20", name="Gateway", channel="sms", kind="http",
        settings={"url": f"http://127.0.0.1:{sms}/", "idempotency": "key", "batch_size": "20"},
    )  # fmt: skip


@contextmanager
def workers() -> Iterator["subprocess.Popen[bytes]"]:
    """Celery as the product runs it: two processes for delivery."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "crm_suite",
        "worker",
        "-Q",
        "delivery,default",
        "-c",
        "2",
    ]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    with subprocess.Popen([*command, "--without-gossip", "--without-mingle", "-l", "ERROR"], env=environment) as worker:
        try:
            yield worker
        finally:
            worker.terminate()


def frozen(*, channel: str, provider: str) -> "Campaign":
    """A campaign to everybody whose audience is frozen, about to be sent by this provider. Former messages are gone."""
    from django.db import connection

    from campaigns.delivery import materialise
    from campaigns.models import Campaign, Link, Provider
    from customers.models import Shop
    from segmentation.models import Segment

    with connection.cursor() as cursor:  # the cap, and the size of the tables, are the same in every round
        cursor.execute("TRUNCATE campaigns_message, touchpoints_touchpoint CASCADE")
    Provider.objects.update(is_active=False)
    Provider.objects.filter(code=provider).update(is_active=True)
    segment, _new = Segment.objects.get_or_create(name="Everybody", defaults={"rule": {"all": []}, "book": "CNY"})
    campaign = Campaign.objects.create(
        code=f"bench-{time.time_ns()}", name="Bench", shop=Shop.objects.get(), channel=channel, segment=segment,
        segment_rule={"all": []}, state="preparing", holdout_percent=0, subject="News",
        body=BODY if channel == "email" else SMS,
    )  # fmt: skip
    Link.objects.create(campaign=campaign, position=1, url="https://shop.example/a")
    assert materialise.materialise(campaign_id=campaign.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE campaigns_message")
    return campaign


def send(campaign: "Campaign") -> float:
    """Seconds from the wake-up of both workers until nothing is open."""
    from campaigns.delivery.wake import wake
    from campaigns.models import Message

    waiting = campaign.messages.filter(state__in=Message.OPEN)
    begun = time.perf_counter()
    for _worker in range(2):
        wake("deliver", campaign.pk)
    while waiting.exists():
        assert time.perf_counter() - begun < PATIENCE, "the workers do not finish"
        time.sleep(0.02)
    return time.perf_counter() - begun


def _own_way(name: str, count: int) -> Callable[[], float]:
    channel, provider, _size, _goal = OURS[name]

    def way() -> float:
        campaign = frozen(channel=channel, provider=provider)
        taken = send(campaign)
        accepted = campaign.messages.filter(state="accepted").count()
        assert accepted == count, f"{accepted} of {count} accepted"
        return taken

    return way


def claim_statements() -> int:
    """How many statements taking a batch costs, begin and commit aside."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from campaigns.delivery import claim

    campaign = frozen(channel="email", provider="smtp-200")
    with CaptureQueriesContext(connection) as asked:
        assert claim.claim(campaign_id=campaign.pk)
    return sum(
        query["sql"].split()[0] in ("WITH", "SELECT", "UPDATE", "INSERT", "EXECUTE") for query in asked.captured_queries
    )


def _rival(way: str, count: int, port: int) -> float:
    command = [sys.executable, "-m", "benchmarks.mailers", way, str(count)]
    environment = os.environ | {"PYTHONWARNINGS": "ignore", "SMTP_URL": f"smtp://127.0.0.1:{port}"}
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return float(answer.stdout.split()[-1])


def _letter() -> bytes:
    """One of the campaign's own messages, for the ways that send prebuilt bytes."""
    from campaigns.channels import mime
    from campaigns.channels.base import Envelope
    from campaigns.texts.rendering import SAMPLE_FIELDS, render

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


if __name__ == "__main__":
    main()
