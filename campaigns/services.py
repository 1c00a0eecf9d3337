"""Verbs of campaigns: make, launch, approve, pause, resume, cancel, try out. Sending itself is campaigns/delivery."""

from campaigns.approving import approve_campaign, send_back_campaign
from campaigns.content import save_template
from campaigns.drafts import campaign_from_entry, change_draft, clone_campaign, create_campaign, unschedule_campaign
from campaigns.launching import launch_campaign
from campaigns.rests import make_rest
from campaigns.steering import LIVE, cancel_campaign, pause_campaign, resume_campaign
from campaigns.trying import send_test

__all__ = [
    "LIVE",
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
    "save_template",
    "send_back_campaign",
    "send_test",
    "unschedule_campaign",
]
