"""The invented store's marketing: its segments, its texts, and the campaigns of the past year with their true effect.

`uplift` is the truth that is planted, in percentage points: by so much more of those who were chosen and not held out
buy inside the window. Two campaigns have none. The report is right when its interval usually holds this number.
"""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class SegmentStory:
    key: str
    name: str
    description: str
    rule: dict[str, object]


SEGMENTS = [
    SegmentStory(
        "lost", "Lost, at least two orders", "Knew us well and stopped coming.",
        {"all": [{"field": "stage", "op": "in", "value": ["lost"]}, {"field": "orders", "op": "gte", "value": 2}]},
    ),
    SegmentStory(
        "once", "Bought once, not come back", "First order behind them, the second still missing.",
        {"all": [
            {"field": "orders", "op": "eq", "value": 1},
            {"field": "stage", "op": "in", "value": ["silent", "dormant"]},
        ]},
    ),
    SegmentStory(
        "champions", "Champions", "Recent, frequent, high in value.",
        {"all": [{"field": "group", "op": "in", "value": ["champions"]}]},
    ),
    SegmentStory(
        "active", "New, active and silent", "Everybody who bought not long ago.",
        {"all": [{"field": "stage", "op": "in", "value": ["new", "active", "silent"]}]},
    ),
    SegmentStory(
        "spenders", "Dormant or lost, high value", "Worth a personal contact.",
        {"all": [
            {"field": "stage", "op": "in", "value": ["dormant", "lost"]},
            {"field": "net_amount", "op": "gte", "value": "1000"},
        ]},
    ),
    SegmentStory(
        "buyers", "All who ever bought", "At least one paid order.",
        {"all": [{"field": "orders", "op": "gte", "value": 1}]},
    ),
]  # fmt: skip


@dataclass(frozen=True)
class TemplateStory:
    key: str
    name: str
    channel: str
    subject: str
    body: str


TEMPLATES = [
    TemplateStory(
        "sms", "SMS · 回来看看", "sms", "",
        '{{ name | default: "亲" }}，好久不见，给您留了一份新茶，点此看看 https://shop.example.com/new',
    ),
    TemplateStory(
        "zh", "邮件 · 新品到店", "email", '{{ name | default: "您好" }}，新茶到店了',
        '# 新茶到店\n\n{{ name | default: "您好" }}：\n\n'
        "春夏秋冬各有一味。本月的新茶、茶具和礼盒已经上架，会员先选。\n\n"
        "[看看新品](https://shop.example.com/new)",
    ),
    TemplateStory(
        "en", "E-mail · We miss you", "email", 'It has been a while, {{ name | default: "dear customer" }}',
        '# We kept a sample for you\n\nHello {{ name | default: "there" }},\n\n'
        "the new harvest is in. A sample of it goes with any order this week.\n\n"
        "[Have a look](https://shop.example.com/welcome-back)",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class CampaignStory:
    """`planned_before` = days by which the plan was earlier than the send; None = it was not in the plan."""

    month: int
    day: int
    title: str
    channel: str
    segment: str
    template: str
    holdout: int
    window: int
    uplift: float
    planned_before: int | None = 0

    def last_day(self, today: date) -> date:
        """The latest such day at least two weeks ago: its window has closed."""
        newest = today - timedelta(days=14)
        this_year = date(newest.year, self.month, self.day)
        return this_year if this_year <= newest else date(newest.year - 1, self.month, self.day)


CAMPAIGNS = [
    CampaignStory(1, 8, "年货节 gifts for the family", "sms", "active", "sms", 25, 7, 7.0),
    CampaignStory(2, 22, "Win back the lost", "email", "lost", "en", 25, 14, 4.0, 2),
    CampaignStory(3, 6, "Women's Day greeting", "email", "buyers", "zh", 30, 7, 0.0),
    CampaignStory(4, 10, "A personal word to high spenders", "sms", "spenders", "sms", 20, 10, 5.0),
    CampaignStory(5, 8, "Second purchase nudge", "sms", "once", "sms", 30, 7, 4.0),
    CampaignStory(6, 1, "618 early access", "sms", "champions", "sms", 25, 7, 9.0),
    CampaignStory(7, 10, "Clearance for the lost", "sms", "lost", "sms", 30, 7, 0.0, None),
    CampaignStory(8, 12, "七夕 cups for two", "email", "buyers", "zh", 15, 7, 2.0),
    CampaignStory(9, 7, "中秋 tea gifts", "email", "active", "zh", 25, 10, 7.0, 1),
    CampaignStory(10, 10, "Second purchase nudge, again", "sms", "once", "sms", 30, 7, 3.5),
    CampaignStory(11, 2, "双11 warm-up", "sms", "buyers", "sms", 12, 7, 3.0),
    CampaignStory(12, 9, "双12 thank-you", "email", "champions", "en", 30, 7, 8.0, None),
]

#: Days from today → title, channel, segment, template, why it was skipped ("" in the past = it is overdue).
NOT_SENT = [
    (-18, "Review request after 双11", "sms", "active", "sms", ""),
    (-57, "New autumn teas", "email", "active", "zh", "Stock arrived too late"),
    (-103, "Summer tea sampler", "email", "champions", "zh", "Two other sends in the same week"),
    (-171, "Spring teaware", "sms", "once", "sms", "Discount not approved"),
    (-226, "Loyalty points reminder", "email", "buyers", "en", "Text was not ready"),
]
AHEAD = [
    (0, "Welcome back, friends of tea", "email", "lost", "en", ""),
    (2, "Second purchase nudge", "sms", "once", "sms", ""),
    (6, "New in the shop", "email", "active", "zh", ""),
    (9, "Early access for champions", "sms", "champions", "sms", ""),
    (13, "A personal word to high spenders", "sms", "spenders", "sms", ""),
    (17, "Gift boxes", "email", "buyers", "zh", ""),
    (21, "Second purchase nudge", "sms", "once", "sms", ""),
    (26, "We miss you", "email", "lost", "en", ""),
]
