"""Every task has a queue, and every queue has a worker that consumes it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings

from crm_suite.celery import app as our_app
from crm_suite.management.processes import commands

HOUSE = Path(__file__).resolve().parents[2]
OURS = re.compile(r"^(crm_suite|customers|orders|touchpoints|segmentation|campaigns)\.")


def our_tasks(app: Celery) -> list[str]:
    app.loader.import_default_modules()
    return sorted(name for name in app.tasks if OURS.match(name))


def queue_of(app: Celery, task: str) -> str:
    route = app.amqp.router.route({}, task)
    return str(getattr(route["queue"], "name", route["queue"]))


def queues_in(lines: Iterable[str]) -> set[str]:
    """Queues named behind `-Q` in worker commands."""
    found = [re.search(r"-Q[\s=,\"']+([a-z,]+)", line) for line in lines]
    return {queue for match in found if match for queue in match[1].split(",")}


def unserved(app: Celery, consumed: set[str]) -> dict[str, str]:
    """Tasks whose queue nobody consumes."""
    queues = {task: queue_of(app, task) for task in our_tasks(app)}
    return {task: queue for task, queue in queues.items() if queue not in consumed}


@pytest.fixture
def workers() -> Mapping[str, str]:
    return commands(host="127.0.0.1", port=8000, simulator=None)


def test_every_task_is_consumed_by_a_worker_of_up(workers: Mapping[str, str]) -> None:
    assert our_tasks(our_app)
    assert unserved(our_app, queues_in(workers.values())) == {}


def test_every_task_is_consumed_by_a_worker_of_the_containers() -> None:
    compose = (HOUSE / "docker-compose.yml").read_text().splitlines()
    assert unserved(our_app, queues_in(compose)) == {}


def test_a_planted_task_for_a_queue_without_a_worker_is_found(workers: Mapping[str, str]) -> None:
    app = Celery("planted", set_as_current=False)
    app.conf.task_routes = {"orders.tasks.*": {"queue": "forgotten"}}
    app.conf.task_create_missing_queues = True

    @app.task(name="orders.tasks.planted")
    def planted() -> None: ...

    assert unserved(app, queues_in(workers.values()))["orders.tasks.planted"] == "forgotten"


def test_beat_wakes_only_tasks_that_exist() -> None:
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(our_tasks(our_app))


def test_no_task_is_sent_with_a_far_due_time() -> None:
    """Due times live in columns: a broker redelivers what waits longer than its visibility timeout."""
    sources = [path for path in HOUSE.glob("*/**/*.py") if OURS.match(f"{path.relative_to(HOUSE).parts[0]}.")]
    guilty = [str(path) for path in sources if re.search(r"\b(eta|countdown)\s*=", path.read_text())]
    assert guilty == []
