"""What we say to people: templates, the plan, campaigns, the ledger of every copy, who carries it, what came back."""

from campaigns.models.campaigns import Campaign
from campaigns.models.content import Medium, Template, TemplateVersion
from campaigns.models.messages import Attempt, Message
from campaigns.models.plan import PlanEntry
from campaigns.models.posts import CommunityPost, PlatformFile, PlatformRow
from campaigns.models.providers import Provider, ProviderEvent, ProviderPace
from campaigns.models.responses import Link, Response
from campaigns.models.rules import ChannelPolicy, ChannelPrice, Instance, SendLimits, SpentTotal, TopicRefusal

__all__ = [
    "Attempt",
    "Campaign",
    "ChannelPolicy",
    "ChannelPrice",
    "CommunityPost",
    "Instance",
    "Link",
    "Medium",
    "Message",
    "PlanEntry",
    "PlatformFile",
    "PlatformRow",
    "Provider",
    "ProviderEvent",
    "ProviderPace",
    "Response",
    "SendLimits",
    "SpentTotal",
    "Template",
    "TemplateVersion",
    "TopicRefusal",
]
