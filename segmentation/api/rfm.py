"""/api/v1/rfm: scores and groups of the analysis in force, how they are measured, what is done for each group."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.rest import Door
from segmentation import options, selectors, tuning
from segmentation.api.runs import BOOK, about, book_asked_for, person_who_may, run_asked_for
from segmentation.api.serializers import CellSerializer, RunSerializer, ShareSerializer
from segmentation.models import AnalysisOptions
from segmentation.option_forms import FIELDS


class OptionsSerializer(serializers.ModelSerializer[AnalysisOptions]):
    """How a book is measured. Stage bounds have a door of their own, `/lifecycle/bounds`."""

    window_days = serializers.IntegerField(
        required=False, allow_null=True, help_text="Scores look at paid orders of the last so many days; null: all."
    )

    class Meta:
        model = AnalysisOptions
        fields = FIELDS


class SavedOptionsSerializer(OptionsSerializer):
    job = serializers.IntegerField(allow_null=True, help_text="The calculation that follows; null: nothing changed.")

    class Meta:
        model = AnalysisOptions
        fields = (*FIELDS, "job")


class PolicySerializer(serializers.Serializer[Any]):
    group = serializers.CharField(read_only=True)
    in_care = serializers.BooleanField(help_text="Whether the store looks after this group at present.")
    policy = serializers.CharField(allow_blank=True, max_length=2000, help_text="What the store does, in its words.")


class RfmSerializer(RunSerializer):
    cuts = serializers.DictField(help_text="r in days, f in orders, m in `currency`: four ascending cuts each.")
    thresholds = serializers.DictField(help_text="What counts as high in r, f and m, and how it was found.")
    measured_with = serializers.DictField(help_text="The options that this analysis obeyed.")
    options = OptionsSerializer(help_text="The options of the next full analysis.")
    policies = PolicySerializer(many=True)
    groups = ShareSerializer(many=True)
    cells = CellSerializer(many=True, help_text="Customers by R score and F score.")


class RfmDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="RFM of a book: cuts, groups and cells of the analysis in force", parameters=[BOOK],
        responses=RfmSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        run = run_asked_for(request)
        figures = {
            "cuts": run.cuts, "thresholds": run.thresholds, "cells": run.counts["cells"],
            "measured_with": options.measured_with(run.options).as_dict(), "options": options.measuring(run.book),
            "policies": list(options.policies(run.book).values()), "groups": selectors.groups(run.book),
        }  # fmt: skip
        return Response(RfmSerializer({**about(run), **figures}).data)


class OptionsDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(summary="How a book is measured", parameters=[BOOK], responses=OptionsSerializer)
    def get(self, request: Request) -> Response:
        return Response(OptionsSerializer(options.measuring(book_asked_for(request).code)).data)  # type: ignore[arg-type]

    @extend_schema(
        summary="Change how a book is measured; everybody is measured anew", parameters=[BOOK],
        request=OptionsSerializer, responses=SavedOptionsSerializer,
        examples=[OpenApiExample("Last year", value={"window_days": 365, "frequency": "days"}, request_only=True)],
    )  # fmt: skip
    def patch(self, request: Request) -> Response:
        by = person_who_may(request, "segmentation.set_bounds")
        book = book_asked_for(request).code
        given = OptionsSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        job = tuning.save_options(book=book, by=by, **given.validated_data)
        saved = options.measuring(book).as_dict() | {"job": job.pk if job else None}
        return Response(SavedOptionsSerializer(saved).data)  # type: ignore[arg-type]


class PolicyDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="What is done for a value group", parameters=[BOOK], request=PolicySerializer,
        responses=PolicySerializer,
        examples=[OpenApiExample("Care", value={"in_care": True, "policy": "A call each month."}, request_only=True)],
    )  # fmt: skip
    def patch(self, request: Request, group: str) -> Response:
        by = person_who_may(request, "segmentation.change_segment")
        book = book_asked_for(request).code
        given = PolicySerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        told = options.policies(book).get(group, options.Policy(group))
        wish = {"in_care": told.in_care, "policy": told.policy, **given.validated_data}
        tuning.set_policy(book=book, group=group, by=by, **wish)
        return Response(PolicySerializer(options.policies(book)[group]).data)
