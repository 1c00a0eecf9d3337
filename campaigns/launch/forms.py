"""What people fill in about one campaign: the steps of its draft, and its launch. The rules are the services'."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Medium, Template
from campaigns.running.rests import Missed
from campaigns.selectors import usable_segments
from customers.books import Book
from customers.models import Shop
from segmentation.models import Segment

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_LOCAL = "%Y-%m-%dT%H:%M"


def local_field(label: "str | _StrPromise", help_text: "str | _StrPromise") -> forms.DateTimeField:
    """A moment on a shop's clock, as browsers give it."""
    return forms.DateTimeField(
        label=label, required=False, input_formats=[_LOCAL], help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL),
    )  # fmt: skip


def on_clock(moment: datetime | None, zone: str) -> datetime | None:
    """What the clock of `zone` shows at this moment, for such a field; None where it has passed."""
    is_ahead = moment is not None and moment > timezone.now()
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if moment and is_ahead else None


def aware(given: datetime | None, zone: str) -> datetime | None:
    """The moment at which the clock of `zone` shows `given`. Raises ValidationError where it has passed."""
    if given is None:
        return None
    moment = given.replace(tzinfo=ZoneInfo(zone))
    if moment < timezone.now() - timedelta(minutes=1):
        raise forms.ValidationError(_("This moment has passed."))
    return moment


class DraftForm(forms.ModelForm):  # type: ignore[type-arg]
    """One step of a draft. `decided()` is what services.change_draft is given."""

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, book: Book, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.book = book

    def decided(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def _post_clean(self) -> None:
        """The draft itself is checked where it is stored: a form that is refused has changed nothing."""


class AudienceStep(DraftForm):
    """Whom it is for. A campaign of the plan needs no reason; a rest has its audience already."""

    class Meta(DraftForm.Meta):
        fields = ("name", "shop", "segment", "unplanned_reason")
        help_texts = {
            "unplanned_reason": _("Unplanned sends stand beside plan adherence, with this reason."),
            "segment": _("Posts in customer groups need none."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shop"].queryset = Shop.objects.filter(pk__in=self.book.shop_ids)  # type: ignore[attr-defined]
        self.fields["segment"].queryset = usable_segments(self.book)  # type: ignore[attr-defined]
        self.fields["unplanned_reason"].required = True
        self.fields["segment"].required = self.instance.channel in (Medium.EMAIL, Medium.SMS, Medium.PLATFORM)
        if len(self.book.shop_ids) == 1:
            self.fields["shop"].initial = self.book.shop_ids[0]
            self.fields["shop"].empty_label = None  # type: ignore[attr-defined]
        if self.instance.plan_entry_id is not None:
            del self.fields["unplanned_reason"]
        if self.instance.rest_of_id is not None:
            del self.fields["segment"], self.fields["shop"]


class ChannelStep(DraftForm):
    """Which way, and what kind of message."""

    class Meta(DraftForm.Meta):
        fields = ("channel", "lane", "topic")
        widgets = {
            "channel": forms.RadioSelect,
            "lane": forms.RadioSelect,
            "topic": forms.TextInput(attrs={"list": "topics", "autocomplete": "off"}),
        }
        help_texts = {
            "lane": _(
                "Notices go first and obey no limit of messages and no quiet hours: for what a customer waits for, "
                "never for advertising. Care goes before marketing and obeys both."
            ),
            "topic": _("People can refuse one topic and keep the others. Empty: that of the template."),
        }

    def __init__(self, *args: Any, offered: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(medium.value, medium.label) for medium in Medium if medium in offered]
        self.fields["channel"].choices = choices  # type: ignore[attr-defined]
        self.fields["lane"].choices = Campaign.Lane.choices[::-1]  # type: ignore[attr-defined]


class ContentStep(DraftForm):
    """Which text. Only those for the chosen channel, and none that were put away."""

    class Meta(DraftForm.Meta):
        fields: tuple[str, ...] = ("template",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = Template.objects.filter(channel=self.instance.channel, archived_at__isnull=True)
        self.fields["template"].queryset = usable  # type: ignore[attr-defined]
        self.fields["template"].required = True


class PostStep(ContentStep):
    """What is posted, and in which groups."""

    class Meta(ContentStep.Meta):
        fields = ("template", "communities")
        widgets = {"communities": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["communities"].required = True


class HoldoutStep(DraftForm):
    class Meta(DraftForm.Meta):
        fields = ("holdout_percent", "window_days")
        widgets = {
            "holdout_percent": forms.NumberInput(attrs={"min": 0, "max": 50, "step": 1}),
            "window_days": forms.NumberInput(attrs={"min": 1, "max": 90}),
        }
        help_texts = {
            "window_days": _("Orders this many days after the send count as answers. Fixed before sending."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.rest_of_id is not None:
            del self.fields["holdout_percent"]


class ScheduleStep(DraftForm):
    """When it starts, and what limits it. Times are on the shop's clock."""

    class Meta(DraftForm.Meta):
        fields = ("send_hours", "when_quiet", "when_capped", "daily_ceiling", "budget")
        widgets = {
            "send_hours": forms.NumberInput(attrs={"min": 1, "max": 720}),
            "daily_ceiling": forms.NumberInput(attrs={"min": 1}),
            "budget": forms.NumberInput(attrs={"min": 0, "step": "0.01"}),
        }

    field_order = ("send_at", "send_hours", "when_quiet", "when_capped", "daily_ceiling", "budget")
    send_at = local_field(_("Send at"), _("On the shop's clock. Empty: as soon as it is launched."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = self.instance.shop.timezone
        self.fields["send_at"].initial = on_clock(self.instance.scheduled_at, self.zone)

    def clean_send_at(self) -> datetime | None:
        return aware(self.cleaned_data["send_at"], self.zone)

    def decided(self) -> dict[str, Any]:
        given = super().decided()
        return given | {"scheduled_at": given.pop("send_at")}


class AudienceForm(forms.Form):
    """The choices that a live count needs; whatever is missing yet is simply missing."""

    shop = forms.ModelChoiceField(Shop.objects.none(), required=False)
    segment = forms.ModelChoiceField(Segment.objects.none(), required=False)
    channel = forms.ChoiceField(choices=Medium.choices, required=False)
    template = forms.ModelChoiceField(Template.objects.all(), required=False)
    holdout_percent = forms.IntegerField(min_value=0, max_value=50, required=False)

    def __init__(self, *args: Any, book: Book, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shop"].queryset = Shop.objects.filter(pk__in=book.shop_ids)  # type: ignore[attr-defined]
        self.fields["segment"].queryset = usable_segments(book)  # type: ignore[attr-defined]


class LaunchForm(forms.Form):
    """Now, or at a moment on the shop's clock. Above readiness.TYPED_ABOVE people their number is typed.

    `shown` is the number that the page showed: with many more people than that, the person has agreed to less.
    """

    at = local_field(_("Send at"), "")
    shown = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    typed = forms.CharField(
        label=_("Number of customers"), required=False, max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "form-control"}),
    )  # fmt: skip

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean_at(self) -> datetime | None:
        """The moment that this shop's clock shows so, or None for now."""
        return aware(self.cleaned_data["at"], self.zone)

    def agrees_to(self, people: int) -> bool:
        """Whether the number was typed, and is about that of the people there are now."""
        typed = "".join(char for char in self.cleaned_data.get("typed", "") if char.isdecimal())
        shown = self.cleaned_data.get("shown")
        return bool(typed) and int(typed) == shown and people <= int(typed) * 1.1


class RestForm(forms.Form):
    """For which of those who got nothing."""

    classes = forms.MultipleChoiceField(choices=Missed.choices, widget=forms.CheckboxSelectMultiple)
