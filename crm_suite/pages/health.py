"""The state of the installation in words: what works, what was last heard of, what waits."""

import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import django
import redis
from celery import current_app
from django.conf import settings
from django.db import connection
from django.db.models import Max, Min
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, ngettext, pgettext_lazy

from campaigns.delivery import beat
from campaigns.models import Message
from campaigns.providers.connections import connections
from campaigns.running import doubts
from crm_suite.jobs.models import BeatTick, Job
from crm_suite.pages.selectors import unapplied_migrations
from crm_suite.templatetags.crm import duration, number

PING = 0.8  # seconds that workers have to answer
SILENT = timedelta(minutes=2)  # a beat that ticks every ten seconds and was not heard of for so long has stopped
LATE = timedelta(minutes=5)  # a message or a job that is due for so long says that nobody works
FULL = 0.9  # share of the disk


@dataclass(frozen=True)
class Part:
    """One part: what it is, its state in words, and good, doubt or bad."""

    name: str | Promise
    words: str
    tone: str = "good"
    advice: str = ""


def report() -> list[Part]:
    """Every part, asked at this moment. A part that cannot be asked says so instead of ending the report."""
    return [_asked(name, question) for name, question in QUESTIONS]


def _asked(name: str | Promise, question: Callable[[], tuple[str, str, str]]) -> Part:
    try:
        words, tone, advice = question()
    except Exception as error:  # the page is for the case that something is broken
        return Part(name, _("does not answer (%(error)s)") % {"error": type(error).__name__}, "bad")
    return Part(name, words, tone, advice)


def ago(moment: datetime) -> str:
    """“4 s ago”."""
    return _("%(time)s ago") % {"time": duration((timezone.now() - moment).total_seconds())}


def _database() -> tuple[str, str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        server, size = cursor.fetchone() or ("", 0)
    missing = unapplied_migrations()
    words = _("PostgreSQL %(version)s, %(size)s") % {"version": server.split()[0], "size": filesizeformat(size)}
    if missing:
        advice = ngettext(
            "%(n)s migration is missing: run `manage.py migrate`.",
            "%(n)s migrations are missing: run `manage.py migrate`.",
            len(missing),
        ) % {"n": len(missing)}
        return words, "bad", advice
    return words, "good", ""


def _broker() -> tuple[str, str, str]:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
        facts = client.info()
    size = filesizeformat(facts.get("used_memory", 0))
    name = "Valkey" if "valkey_version" in facts else "Redis"
    server = facts.get("valkey_version") or facts.get("redis_version", "")
    return _("%(name)s %(version)s, %(size)s in memory") % {"name": name, "version": server, "size": size}, "good", ""


def _workers() -> tuple[str, str, str]:
    answers = current_app.control.ping(timeout=PING)
    if not answers:
        return _("no worker answers"), "bad", _("Imports, analysis and sending stand still until one is started.")
    names = ", ".join(sorted(name.split("@")[0] for answer in answers for name in answer))
    return _("%(n)s answered just now: %(names)s") % {"n": len(answers), "names": names}, "good", ""


def _beat() -> tuple[str, str, str]:
    last = BeatTick.objects.aggregate(last=Max("at"))["last"]
    silent = last is None or timezone.now() - last > SILENT
    advice = _("Without it nothing that is scheduled starts.") if silent else beat.alarm()
    words = _("last seen %(ago)s") % {"ago": ago(last)} if last else _("never seen")
    return words, "bad" if advice else "good", advice


def _messages() -> tuple[str, str, str]:
    due = Message.objects.filter(
        state__in=["queued", "retry_wait"], due_at__lte=timezone.now(), campaign__state="running"
    )
    oldest = due.aggregate(oldest=Min("due_at"))["oldest"]
    if oldest is None:
        return _("none is due"), "good", ""
    late = timezone.now() - oldest > LATE
    waiting = _("the oldest is due since %(time)s") % {"time": duration((timezone.now() - oldest).total_seconds())}
    return waiting, "doubt" if late else "good", ""


def _doubts() -> tuple[str, str, str]:
    waiting, alarm = doubts.count(), doubts.alarm()
    if alarm is None:
        return _("%(n)s, none of them old") % {"n": number(waiting)} if waiting else _("none"), "good", ""
    words = _("%(n)s are old, the oldest waits since %(time)s") % {
        "n": number(alarm.n), "time": duration((timezone.now() - alarm.oldest).total_seconds()),
    }  # fmt: skip
    return words, "doubt", _("Deliverability lists them, and what can be done.")


def _jobs() -> tuple[str, str, str]:
    waiting = Job.objects.filter(state=Job.State.QUEUED).aggregate(oldest=Min("created_at"))["oldest"]
    running = Job.objects.filter(state=Job.State.RUNNING).count()
    words = _("%(n)s running") % {"n": number(running)}
    if waiting is None:
        return _("%(running)s, none waits") % {"running": words}, "good", ""
    late = timezone.now() - waiting > LATE
    text = _("%(running)s, the oldest waits since %(time)s") % {
        "running": words,
        "time": duration((timezone.now() - waiting).total_seconds()),
    }
    return text, "doubt" if late else "good", ""


def _channel(setting: str) -> tuple[str, str, str]:
    found = next(one for one in connections() if one.setting == setting)
    if not found.is_configured:
        return _("no provider is named"), "doubt", _("Set %(setting)s.") % {"setting": setting}
    if found.is_simulator:
        return _("goes to the simulator: nobody real is written to"), "good", ""
    return _("goes out through %(place)s") % {"place": found.place}, "good", ""


def _mail() -> tuple[str, str, str]:
    return _channel("SMTP_URL")


def _sms() -> tuple[str, str, str]:
    return _channel("SMS_URL")


def _disk() -> tuple[str, str, str]:
    usage = shutil.disk_usage(Path(settings.CRM_VAR))
    full = 1 - usage.free / usage.total > FULL
    words = _("%(free)s of %(total)s free") % {
        "free": filesizeformat(usage.free),
        "total": filesizeformat(usage.total),
    }
    return words, "doubt" if full else "good", ""


def product_version() -> str:
    """The version of this product, from its package or its project file."""
    try:
        return version("crm-suite")
    except PackageNotFoundError:
        import tomllib

        project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())
        return str(project["project"]["version"])


def _versions() -> tuple[str, str, str]:
    words = f"CRM Suite {product_version()} · Django {django.get_version()} · Python {platform.python_version()}"
    return words, "good", ""


QUESTIONS: tuple[tuple[str | Promise, Callable[[], tuple[str, str, str]]], ...] = (
    (gettext_lazy("Database"), _database),
    (gettext_lazy("Broker"), _broker),
    (gettext_lazy("Workers"), _workers),
    (gettext_lazy("Scheduler"), _beat),
    (gettext_lazy("Messages waiting"), _messages),
    (gettext_lazy("Messages in doubt"), _doubts),
    (gettext_lazy("Jobs"), _jobs),
    (pgettext_lazy("channel", "E-mail"), _mail),
    (gettext_lazy("SMS"), _sms),
    (gettext_lazy("Disk"), _disk),
    (gettext_lazy("Versions"), _versions),
)
