"""Verbs of campaigns: make, launch, approve, pause, resume, cancel, try out. Sending itself is campaigns/delivery."""

from campaigns.launch.approving import approve_campaign, send_back_campaign
from campaigns.launch.drafts import (
    campaign_from_entry,
    change_draft,
    clone_campaign,
    create_campaign,
    unschedule_campaign,
)
from campaigns.launch.launching import launch_campaign
from campaigns.providers.trying import send_test
from campaigns.running.rests import make_rest
from campaigns.running.steering import cancel_campaign, pause_campaign, resume_campaign

__all__ = [
    "approve_campaign",
    "campaign_from_entry",
    "cancel_campaign",
    "change_draft",
    "clone_campaign",
    "create_campaign",
    "launch_campaign",
    "make_rest",
    "pause_campaign",
    "resume_campaign",
    "send_back_campaign",
    "send_test",
    "unschedule_campaign",
]
