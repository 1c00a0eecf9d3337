"""Advisory locks of delivery: two-part keys, space and number."""

from campaigns.delivery.sql import rows
from customers.locks import CUSTOMER_SPACE, lock_numbers

CAMPAIGN_SPACE, PREPARE_SPACE, WORKER_SPACE = 2001, 2003, 2006
_LIMIT = 2**31


def share_campaign(campaign_id: int) -> None:
    """Until the end of the transaction nobody can pause or cancel the campaign; others may share."""
    rows("SELECT pg_advisory_xact_lock_shared(%s, %s)", [CAMPAIGN_SPACE, campaign_id % _LIMIT])


def own_campaign(campaign_id: int) -> None:
    """Waits for those inside the gate, and keeps the gate shut until the end of the transaction."""
    rows("SELECT pg_advisory_xact_lock(%s, %s)", [CAMPAIGN_SPACE, campaign_id % _LIMIT])


#: The campaign shared, then each customer alone: two campaigns cannot both take somebody's last slot of the cap, and
#: nobody opts out unseen between our look and our commit (customers.locks). The gate is the one commit that must have
#: reached the disk before the call.
ENTER_GATE = """
    SET LOCAL synchronous_commit = on;
    SELECT pg_advisory_xact_lock_shared(%(space)s, %(number)s);
    SELECT pg_advisory_xact_lock(%(people_space)s, one) FROM unnest(%(people)s::int[]) AS one;
"""


def at_gate(campaign_id: int, customer_ids: list[int]) -> dict[str, object]:
    """The parameters of ENTER_GATE."""
    return {
        "space": CAMPAIGN_SPACE, "number": campaign_id % _LIMIT, "people_space": CUSTOMER_SPACE,
        "people": lock_numbers(customer_ids),
    }  # fmt: skip


def own_worker(number: int) -> int:
    """For as long as this connection stands: whoever finds the lock free knows that its lane cannot write any more.
    Returns the number of the server's process behind the connection."""
    ((backend, _void),) = rows("SELECT pg_backend_pid(), pg_advisory_lock(%s, %s)", [WORKER_SPACE, number])
    return int(backend)


def leave_worker(number: int) -> None:
    rows("SELECT pg_advisory_unlock(%s, %s)", [WORKER_SPACE, number])


def is_worker_gone(number: int) -> bool:
    """Whether nobody holds the lane's lock."""
    ((got,),) = rows("SELECT pg_try_advisory_lock_shared(%s, %s)", [WORKER_SPACE, number])
    if got:
        rows("SELECT pg_advisory_unlock_shared(%s, %s)", [WORKER_SPACE, number])
    return bool(got)
