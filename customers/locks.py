"""One customer at a time: whoever writes to a person and whoever takes that person's permission back take turns.

Held until the end of the transaction. Who takes first has said it first: an opt-out that was answered is seen by every
send after it, and one that comes a moment after the send waits until that is committed.
"""

from collections.abc import Iterable

from django.db import connection
from django.utils.translation import gettext as _

from crm_suite.lib.errors import WrongState
from customers.models import Customer

CUSTOMER_SPACE = 2002
_LIMIT = 2**31


def lock_numbers(customer_ids: Iterable[int]) -> list[int]:
    """The advisory locks of these customers, in the one order in which all take them: no two wait in a ring."""
    return sorted({customer_id % _LIMIT for customer_id in customer_ids})


def hold_customers(customer_ids: Iterable[int]) -> None:
    """Inside a transaction. Name all whom it concerns at once; holding them again costs nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, number) FROM unnest(%s::int[]) AS number",
            [CUSTOMER_SPACE, lock_numbers(customer_ids)],
        )


MERGE_SPACE = 1004


def hold_still() -> None:
    """While whoever found customers by their keys writes for them, nobody merges customers. Any number at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [MERGE_SPACE])


def hold_merging() -> None:
    """Merging moves what others are just writing: it waits until they are done, and they wait for it.

    The first lock that its transaction takes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [MERGE_SPACE])


def hold_present(customer: Customer) -> None:
    """Nobody merges or erases this customer until the transaction ends. Whoever needs `hold_keys` takes that before.

    Raises WrongState where it has happened already, maybe after the caller's page was loaded.
    """
    known = Customer.objects.select_for_update(of=("self",), no_key=True).get(pk=customer.pk)
    if known.merged_into_id:
        raise WrongState(_("This customer is part of another one now."), code="merged")
    if "erased" in known.extra:
        raise WrongState(_("The data of this customer were erased; nothing is written there again."), code="erased")
