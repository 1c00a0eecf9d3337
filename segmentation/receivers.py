"""What other rooms' news means here."""

from crm_suite.jobs.models import Job
from segmentation.services import submit_changed


def after_import(**_kwargs: object) -> Job:
    """New orders: look at their customers again."""
    return submit_changed()


def after_merge(**_kwargs: object) -> None:
    """Two customers became one, or two again. Many merges wait for one analysis."""
    submit_changed()
