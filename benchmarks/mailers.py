"""How such letters are usually sent from Django: `python -m benchmarks.mailers WAY MESSAGES` prints the seconds.

The same people, a letter of the same size with the same blank, into the same sink. Each is given what its documentation
recommends: post_office queues in batches and sends from two processes with five threads; `send_messages` keeps one
connection for 500 letters; Celery has two workers. None of them looks at permission, caps, hours, pauses or budgets.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.mail_settings"

import django

django.setup()

from celery import Celery  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.mail import EmailMultiAlternatives, get_connection, send_mail  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.template import Context, Template  # noqa: E402

from campaigns.texts.rendering import render  # noqa: E402
from customers.models import Customer  # noqa: E402

if TYPE_CHECKING:
    from redis import Redis

SENDER, SUBJECT = "news@shop.example", "News"
DONE = "rival:done"
app = Celery("rival", broker=settings.CELERY_BROKER_URL)
app.conf.update(
    task_ignore_result=True, worker_prefetch_multiplier=100, broker_transport_options={},
    task_default_queue="rival", worker_hijack_root_logger=False,
)  # fmt: skip


@lru_cache(maxsize=1)
def _letter() -> tuple[Template, Template]:
    from benchmarks.delivery import BODY

    fields = {"name": "@@", "unsubscribe_url": "https://crm.example/u/1/"}
    copy = render(template_body=BODY, subject=SUBJECT, customer_fields=fields)
    return Template(copy.text.replace("@@", "{{ name }}")), Template(copy.html.replace("@@", "{{ name }}"))


def _written(name: str) -> tuple[str, str]:
    text, html = _letter()
    return text.render(Context({"name": name})), html.render(Context({"name": name}))


def _people(count: int) -> list[tuple[str, str]]:
    return list(Customer.objects.order_by("pk").values_list("name", "email")[:count])


def _in_steps(people: Sequence[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    rest = iter(people)
    while step := list(islice(rest, size)):
        yield step


def post_office(count: int) -> float:
    """Queue, then send: both are part of getting a letter out."""
    from post_office import mail, models

    call_command("migrate", "post_office", verbosity=0)
    models.Email.objects.all().delete()
    begun = time.perf_counter()
    for step in _in_steps(_people(count), 500):
        letters = []
        for name, address in step:
            text, html = _written(name)
            letters.append({"recipients": [address], "sender": SENDER, "subject": SUBJECT, "message": text,
                            "html_message": html})  # fmt: skip
        mail.send_many(letters)
    sent, failed, requeued = mail.send_queued(processes=2)
    assert (sent, failed, requeued) == (count, 0, 0)
    return time.perf_counter() - begun


def send_messages(count: int) -> float:
    begun = time.perf_counter()
    sent = 0
    for step in _in_steps(_people(count), 500):
        letters = []
        for name, address in step:
            text, html = _written(name)
            letters.append(EmailMultiAlternatives(SUBJECT, text, SENDER, [address], alternatives=[(html, "text/html")]))
        sent += get_connection().send_messages(letters)
    assert sent == count
    return time.perf_counter() - begun


@app.task(name="rival.send")
def send_one(name: str, address: str) -> None:
    text, html = _written(name)
    send_mail(SUBJECT, text, SENDER, [address], html_message=html)
    _redis().incr(DONE)


def _redis() -> "Redis":
    from redis import Redis

    return Redis.from_url(settings.REDIS_URL)


def celery_send_mail(count: int) -> float:
    store = _redis()
    store.delete(DONE)
    command = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "-A",
        "benchmarks.mailers",
        "worker",
        "-Q",
        "rival",
        "-c",
        "2",
    ]
    with subprocess.Popen([*command, "--without-gossip", "--without-mingle", "-l", "ERROR"]) as worker:
        try:
            send_one.delay("warm", "up@shop.example")
            _wait_for(store, 1)
            people = _people(count)
            begun = time.perf_counter()
            for name, address in people:
                send_one.delay(name, address)
            _wait_for(store, count + 1)
            return time.perf_counter() - begun
        finally:
            worker.terminate()


def _wait_for(store: "Redis", count: int) -> None:
    until = time.monotonic() + 300
    while int(store.incrby(DONE, 0)) < count:
        assert time.monotonic() < until, "the workers of send_mail do not finish"
        time.sleep(0.02)


WAYS = {"post_office": post_office, "send_messages": send_messages, "celery_send_mail": celery_send_mail}

if __name__ == "__main__":
    way, messages = sys.argv[1:]
    print(WAYS[way](int(messages)))
