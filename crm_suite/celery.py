"""The Celery application. Queues, routes and the beat's ticks stand in settings."""

import os

from celery import Celery, Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_suite.settings")

DELIVERY_LIMIT = 120  # seconds; far below the visibility time-out, so that no message is worked on twice at once

app = Celery("crm_suite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class DeliveryLimit:
    """Ends a delivery task that hangs. Imports and analysis may take as long as their data are large."""

    def annotate(self, task: "Task[..., object]") -> dict[str, int] | None:
        return {"time_limit": DELIVERY_LIMIT} if task.name.startswith("campaigns.tasks.") else None
