from celery import shared_task

from crm_suite.jobs.services import run
from segmentation import baskets, growth_store, schedule, services, tagging
from segmentation.analysis.parts import help_with
from segmentation.clv import services as value_services


@shared_task
def run_analysis(job_id: int) -> None:
    run(job_id=job_id, work=services.carry_out_refresh)


@shared_task
def help_analysis(run_id: int) -> None:
    """Take ranges of customers of a run that another worker leads."""
    help_with(run_id)


@shared_task
def touched() -> None:
    """Beat, every 5 minutes: queue the analysis of customers who were touched."""
    schedule.submit_touched()


@shared_task
def nightly() -> None:
    """Beat, every 10 minutes: queue the analysis of books for which a new night has begun."""
    schedule.submit_nightly()


@shared_task
def keep_tags() -> None:
    """Beat, every hour: tags that a rule keeps follow their segments."""
    tagging.apply_rules()


@shared_task
def run_value_model(job_id: int) -> None:
    run(job_id=job_id, work=value_services.carry_out_value)


@shared_task
def fit_value() -> None:
    """Beat, every two minutes: queue a fit of the value model for books that were measured in full since."""
    value_services.submit_due()


@shared_task
def run_growth(job_id: int) -> None:
    run(job_id=job_id, work=growth_store.carry_out_growth)


@shared_task
def count_growth() -> None:
    """Beat, every two minutes: queue the growth of books that were analysed anew."""
    growth_store.submit_due()


@shared_task
def run_baskets(job_id: int) -> None:
    run(job_id=job_id, work=baskets.carry_out_count)


@shared_task
def count_baskets() -> None:
    """Beat, every hour: queue the count of what is bought together in large books where it is a day old."""
    baskets.submit_due()
