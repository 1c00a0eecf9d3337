"""Tags that follow segments: the panel on the page of tags, and a word for everybody in a segment."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST

from crm_suite.access.models import User
from crm_suite.access.rules import requires
from crm_suite.lib.errors import DomainError
from customers.books import current_book
from customers.models import Tag
from customers.tagging import tag_everybody
from segmentation import selectors, tagging
from segmentation.models import Segment, TagRule


class TagRuleForm(forms.Form):
    tag = forms.ModelChoiceField(queryset=Tag.objects.all())
    segment = forms.ModelChoiceField(queryset=Segment.objects.filter(archived_at=None))


@requires("segmentation.view_segment")
def tag_rules(request: HttpRequest) -> HttpResponse:
    """Which tags follow which segments, and the form for another one."""
    book = current_book(request)
    context = {
        "rules": TagRule.objects.select_related("tag", "segment"), "zone": book.timezone if book else "UTC",
        "tags": Tag.objects.filter(rule=None), "segments": Segment.objects.filter(archived_at=None),
    }  # fmt: skip
    return render(request, "customers/tag_rules.html", context)


@requires("segmentation.change_segment")
@require_POST
def tag_rule_save(request: HttpRequest) -> HttpResponse:
    form = TagRuleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a tag and a segment."))
        return redirect("customers:tags")
    try:
        rule = tagging.save_tag_rule(**form.cleaned_data, by=_person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        told = _("“%(tag)s” follows “%(segment)s” from now on.") % {"tag": rule.tag, "segment": rule.segment}
        messages.success(request, told)
    return redirect("customers:tags")


@requires("segmentation.change_segment")
@require_POST
def tag_rule_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """`pk` is that of the tag."""
    rule = get_object_or_404(TagRule.objects.select_related("tag"), pk=pk)
    tag, taken = rule.tag, tagging.delete_tag_rule(rule=rule, by=_person(request))
    told = ngettext(
        "“%(tag)s” follows no segment any more; it was taken off %(count)s customer.",
        "“%(tag)s” follows no segment any more; it was taken off %(count)s customers.", taken,
    )  # fmt: skip
    messages.success(request, told % {"tag": tag, "count": taken})
    return redirect("customers:tags")


@requires("customers.tag_customer")
@require_POST
def tag_members(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a word on everybody who is in the segment at this moment."""
    segment, name = get_object_or_404(Segment, pk=pk), request.POST.get("name", "")
    try:
        count = tag_everybody(people=selectors.segment_members(segment), name=name, by=_person(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        told = ngettext("Put on %(count)s customer.", "Put on %(count)s customers.", count) % {"count": count}
        messages.success(request, told)
    return redirect("segments:detail", pk)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
