"""What was said in free text by or about somebody who was erased is forgotten; that they were in touch stays."""

from collections.abc import Sequence

from touchpoints.models import Touchpoint


def forget_words(*, customer_ids: Sequence[int]) -> None:
    """Summaries and data of these customers' touchpoints."""
    Touchpoint.objects.filter(customer__in=customer_ids).update(summary="", data={})
