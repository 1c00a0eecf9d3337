"""Parts of a segment's page that are asked for on their own: size over time, overlap, what uses it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from crm_suite.access.rules import requires
from segmentation import rules, sizes
from segmentation.models import Segment, TagRule


@requires("segmentation.view_segment")
def history_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Size, entered and left by day."""
    segment = get_object_or_404(Segment, pk=pk)
    rows = sizes.history(segment)
    context = {"segment": segment, "rows": rows, "chart": sizes.chart(rows) if len(rows) > 1 else None}
    return render(request, "segments/_history.html", context)


@requires("segmentation.view_segment")
def overlap_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """What it has in common with the segments of `?with=`, or with the newest ones."""
    segment = get_object_or_404(Segment, pk=pk)
    others = sizes.comparable(segment)
    offered = list(others.only("pk", "name")[: sizes.OFFERED])
    asked = [int(text) for text in request.GET.getlist("with") if text.isdecimal() and len(text) < 19]
    chosen = list(others.filter(pk__in=asked)[: sizes.COMPARED]) if asked else list(others[: sizes.AT_FIRST])
    context = {"segment": segment, "offered": offered, "chosen": {one.pk for one in chosen}, "most": sizes.COMPARED}
    try:
        context["overlaps"] = sizes.overlaps(segment, chosen)
    except rules.BadRule as error:
        context["problem"] = error.message
    return render(request, "segments/_overlap.html", context)


@requires("segmentation.view_segment")
def tag_rules_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Tags that follow the segment."""
    found = TagRule.objects.filter(segment=pk).select_related("tag")
    return render(request, "segments/_tag_rules.html", {"tag_rules": list(found[:50])})
