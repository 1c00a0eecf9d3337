"""Who people are and where we meet them: one file per noun."""

from customers.models.groups import Community, CommunityMember, CustomerNote, CustomerTag, Tag
from customers.models.loyalty import Membership, PointsEntry, PointsRule, Tier
from customers.models.merging import CustomerMerge, DuplicatePair, ErasedKey, WeakKey
from customers.models.people import (
    Channel,
    Consent,
    Customer,
    CustomerFacts,
    CustomerQuerySet,
    Group,
    Identity,
    Platform,
    Shop,
    Stage,
    Suppression,
)

__all__ = [
    "Channel",
    "Community",
    "CommunityMember",
    "Consent",
    "Customer",
    "CustomerFacts",
    "CustomerMerge",
    "CustomerNote",
    "CustomerQuerySet",
    "CustomerTag",
    "DuplicatePair",
    "ErasedKey",
    "Group",
    "Identity",
    "Membership",
    "Platform",
    "PointsEntry",
    "PointsRule",
    "Shop",
    "Stage",
    "Suppression",
    "Tag",
    "Tier",
    "WeakKey",
]
