"""Finding what a dead worker left, what came too late, and what is done. All set-based, by the database's clock."""

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import policy
from campaigns.delivery import journal
from campaigns.delivery.call import settle_late
from campaigns.delivery.promises import repeatable
from campaigns.delivery.sql import changed
from campaigns.delivery.touch import record_all_sent
from campaigns.models import Campaign, Medium, Message


def sweep() -> int:
    """Replay this machine's journals, then judge every row whose lease is over. Returns how many rows moved."""
    replayed = journal.replay(settle_late)
    params = {"most": policy.MAX_CLAIMS}
    lost = Message.objects.filter(state=Message.State.SENDING, lease_until__lt=Now()).exists()
    in_doubt = changed(_SENDING, params | {"repeatable": repeatable()}) if lost else 0
    return replayed + changed(_CLAIMED, params) + in_doubt + changed(_CANCELLED)


# Claimed and not begun: back where it came from. Three workers that died alone with it were killed by it.
_CLAIMED = """
    UPDATE campaigns_message
    SET state = CASE WHEN claims <= %(most)s THEN CASE WHEN attempts = 0 THEN 'queued' ELSE 'retry_wait' END
                     WHEN sent_at IS NULL THEN 'failed' ELSE 'unknown' END,
        reason = CASE WHEN claims <= %(most)s THEN reason ELSE 'poison' END,
        claim_token = NULL, lease_until = NULL, updated_at = now()
    WHERE state = 'claimed' AND lease_until < now()
"""

# Handed over or not: nobody knows; a provider that knows repeats by their key gets it again. The token stays, so that a
# late answer of the same attempt still counts.
_SENDING = """
    UPDATE campaigns_message
    SET state = CASE WHEN provider = ANY(%(repeatable)s) AND claims <= %(most)s THEN 'retry_wait' ELSE 'unknown' END,
        reason = 'worker_lost', lease_until = NULL, due_at = now(), updated_at = now()
    WHERE state = 'sending' AND lease_until < now()
"""


# What was in the air when its campaign was cancelled, and came back: nobody would ever take it up again.
_CANCELLED = """
    UPDATE campaigns_message AS m
    SET state = CASE WHEN m.sent_at IS NULL THEN 'cancelled' ELSE 'unknown' END,
        reason = CASE WHEN m.sent_at IS NULL THEN m.reason ELSE 'cancelled' END, updated_at = now()
    FROM campaigns_campaign AS c
    WHERE c.id = m.campaign_id AND c.state = 'cancelled' AND m.state IN ('queued', 'retry_wait')
"""


def expire(*, campaign_id: int) -> int:
    """What waits past the end of the send window is not sent. What is in doubt stays so, also where the provider may
    have forgotten the key of a repeat. Returns how many."""
    return changed(_EXPIRE, {"campaign": campaign_id, "memory": policy.KEY_MEMORY})


_EXPIRE = """
    UPDATE campaigns_message AS m
    SET state = CASE WHEN m.sent_at IS NULL THEN 'expired' ELSE 'unknown' END,
        reason = CASE WHEN m.sent_at IS NULL THEN 'send_window' ELSE 'no_answer' END, updated_at = now()
    FROM campaigns_campaign AS c
    WHERE c.id = %(campaign)s AND m.campaign_id = c.id AND m.state IN ('queued', 'retry_wait')
      AND (c.send_until <= now() OR m.sent_at <= now() - %(memory)s)
"""


def finish() -> int:
    """Campaigns of which nothing is open any more are finished. Judged from the rows, never from a counter."""
    still_open = Message.objects.filter(campaign=OuterRef("pk"), state__in=Message.OPEN)
    # Posts in groups have no messages: who does the last of them ends the campaign (campaigns/posts.py).
    sent = Campaign.objects.exclude(channel=Medium.COMMUNITY)
    done = list(sent.filter(~Exists(still_open), state=Campaign.State.RUNNING).values_list("pk", flat=True))
    for campaign_id in done:
        record_all_sent(campaign_id=campaign_id)
    now = timezone.now()
    return (
        Campaign.objects.filter(~Exists(still_open), pk__in=done, state=Campaign.State.RUNNING)
        .update(state=Campaign.State.FINISHED, finished_at=now, updated_at=now, trouble="")
    )  # fmt: skip
