from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from crm_suite.jobs import services
from crm_suite.jobs.models import BeatTick


@shared_task
def forget_results() -> None:
    """Beat, every hour: delete result files that have waited for long enough."""
    services.forget_results()


@shared_task
def sweep() -> None:
    """Beat, every 30 s: wake jobs that nobody is working on; forget ticks of yesterday."""
    services.sweep()
    BeatTick.objects.filter(at__lt=timezone.now() - timedelta(days=1)).delete()
