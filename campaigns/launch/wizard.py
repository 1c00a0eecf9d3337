"""The steps in which a draft is decided: which there are, what each asks, and which of them are done."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from campaigns.launch.forms import (
    AudienceStep,
    ChannelStep,
    ContentStep,
    DraftForm,
    HoldoutStep,
    PostStep,
    ScheduleStep,
)
from campaigns.models import Campaign, Medium

REVIEW = "review"


@dataclass(frozen=True)
class Step:
    """One page of the wizard. `is_done`: whether what it asks for is decided, as far as a launch needs it."""

    name: str
    label: str | Promise
    lead: str | Promise
    form: type[DraftForm]
    is_done: Callable[[Campaign], bool]
    template: str = "campaigns/wizard/_fields.html"


#: How the content of each medium is decided: its form, and the template that shows it. A medium that is not here is not
#: offered. Mediums that people carry add theirs where they are made.
CONTENT: dict[str, tuple[type[DraftForm], str]] = {
    Medium.EMAIL: (ContentStep, "campaigns/wizard/_content.html"),
    Medium.SMS: (ContentStep, "campaigns/wizard/_content.html"),
    Medium.COMMUNITY: (PostStep, "campaigns/wizard/_fields.html"),
    Medium.PLATFORM: (ContentStep, "campaigns/wizard/_content.html"),
}


def _always(_campaign: Campaign) -> bool:
    return True


_STEPS = (
    Step(
        "audience", _("Audience"), _("Whom it is for, and in which shop’s name."), AudienceStep,
        lambda campaign: campaign.segment_id is not None or campaign.channel == Medium.COMMUNITY,
        "campaigns/wizard/_audience.html",
    ),
    Step(
        "channel", _("Channel"), _("Which way it goes, and what kind of message it is."), ChannelStep, _always,
    ),
    Step(
        "content", _("Content"), _("What they get."), ContentStep,
        lambda campaign: campaign.template_id is not None,
    ),
    Step(
        "holdout", _("Holdout"), _("Who gets nothing, so that you see whether it worked."), HoldoutStep, _always,
        "campaigns/wizard/_holdout.html",
    ),
    Step(
        "schedule", pgettext_lazy("step", "Schedule"), _("When it starts, how long and how fast it may go on."),
        ScheduleStep, _always,
    ),
)  # fmt: skip

NAMES = tuple(step.name for step in _STEPS)


def step_of(name: str, campaign: Campaign | None) -> Step:
    """The step of this name; what the content step asks depends on the medium. Raises KeyError."""
    step = {known.name: known for known in _STEPS}[name]
    if name != "content" or campaign is None:
        return step
    form, template = CONTENT.get(campaign.channel, CONTENT[Medium.EMAIL])
    return Step(step.name, step.label, step.lead, form, step.is_done, template)


@dataclass(frozen=True)
class Mark:
    """One step as the line of progress shows it; `number` counts from 1."""

    number: int
    name: str
    label: str | Promise
    is_current: bool
    is_done: bool


def marks(campaign: Campaign | None, *, current: str) -> list[Mark]:
    """The line of progress. A draft that is not stored yet has nothing done."""
    names = [*NAMES, REVIEW]
    done = {step.name: campaign is not None and step.is_done(campaign) for step in _STEPS}
    labels: dict[str, str | Promise] = {step.name: step.label for step in _STEPS} | {REVIEW: _("Review")}
    return [
        Mark(number, name, labels[name], name == current, done.get(name, False))
        for number, name in enumerate(names, 1)
    ]  # fmt: skip


def after(name: str) -> str:
    """The step behind this one."""
    names = [*NAMES, REVIEW]
    return names[min(names.index(name) + 1, len(names) - 1)]


def before(name: str) -> str | None:
    """The step in front of this one; None for the first."""
    names = [*NAMES, REVIEW]
    place = names.index(name)
    return names[place - 1] if place else None
