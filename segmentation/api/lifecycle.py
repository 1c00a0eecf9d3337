"""/api/v1/lifecycle: stages and crossings, the curve of coming back, and the bounds in force."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.errors import BadInput
from crm_suite.lib.rest import Door
from segmentation import options, selectors, tuning
from segmentation.api.runs import BOOK, about, book_asked_for, person_who_may, run_asked_for
from segmentation.api.serializers import CrossingSerializer, RunSerializer, ShareSerializer
from segmentation.calibration import Calibration, Scope, calibration, choices

SCOPE = [
    BOOK,
    OpenApiParameter("shop", str, description="Code of a shop: only purchases there."),
    OpenApiParameter("platform", str, description="Only purchases on this platform."),
    OpenApiParameter("category", str, description="Only orders that hold a product of this category."),
]


class LifecycleSerializer(RunSerializer):
    bounds = serializers.DictField(help_text="p30, p60, p90 in days; source: own, chosen or fallback.")
    half_life = serializers.IntegerField(allow_null=True, help_text="Churn half-life in days; null where not known.")
    win_back = serializers.IntegerField(allow_null=True, help_text="Day after a purchase on which to win back.")
    stages = ShareSerializer(many=True)
    crossings = CrossingSerializer(many=True)


class CurveDaySerializer(serializers.Serializer[Any]):
    day = serializers.IntegerField()
    spells = serializers.IntegerField(help_text="Repeat purchases exactly so many days after the one before.")
    waiting = serializers.IntegerField(help_text="Customers whose last purchase was so many days ago.")
    returned = serializers.FloatField(help_text="Of those who came back, the share that had by this day, 0–1.")
    coming_back = serializers.FloatField(help_text="Of everybody, waiting customers counted (1 − Kaplan–Meier), 0–1.")
    low = serializers.FloatField(help_text="Lower end of its 95 % band (Greenwood).")
    high = serializers.FloatField(help_text="Upper end.")


class CalibrationSerializer(RunSerializer):
    scope = serializers.DictField(help_text="shop, platform and category; empty: all.")
    spells = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="Customers whose newest spell is still open.")
    enough = serializers.BooleanField(help_text="False: fewer than `min_spells`; p30, p60 and p90 are the usual ones.")
    min_spells = serializers.IntegerField()
    p30 = serializers.IntegerField()
    p60 = serializers.IntegerField()
    p90 = serializers.IntegerField()
    half_life = serializers.IntegerField(allow_null=True)
    win_back = serializers.IntegerField(allow_null=True)
    curve = CurveDaySerializer(many=True, help_text="By day from 0; days beyond 3650 are counted as 3650.")


class BoundsSerializer(serializers.Serializer[Any]):
    """All three or none: without them the bounds come from the store's own repurchases."""

    p30 = serializers.IntegerField(allow_null=True, min_value=1)
    p60 = serializers.IntegerField(allow_null=True, min_value=1)
    p90 = serializers.IntegerField(allow_null=True, min_value=1)


class BoundsInForceSerializer(serializers.Serializer[Any]):
    book = serializers.CharField()
    chosen = BoundsSerializer(allow_null=True, help_text="Bounds that somebody set; null: from own repurchases.")
    in_force = serializers.DictField(allow_null=True, help_text="Of the analysis in force; null before the first.")
    job = serializers.IntegerField(allow_null=True, help_text="The calculation that puts a change in force.")


class LifecycleDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="Lifecycle of a book: bounds, stages and crossings", parameters=[BOOK], responses=LifecycleSerializer
    )
    def get(self, request: Request) -> Response:
        run = run_asked_for(request)
        figures = {
            "bounds": run.bounds, "half_life": run.curve.get("half_life"), "win_back": run.curve.get("win_back"),
            "stages": selectors.stage_mix(run.book), "crossings": selectors.crossings(run),
        }  # fmt: skip
        return Response(LifecycleSerializer({**about(run), **figures}).data)


class CalibrationDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="When customers come back: spells, both curves and what bounds they give", parameters=SCOPE,
        responses=CalibrationSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        book, run = book_asked_for(request), run_asked_for(request)
        known = choices(book)
        allowed = {"shop": list(known.shops), "platform": list(known.platforms), "category": known.categories}
        asked = {name: request.query_params.get(name, "") for name in allowed}
        for name, value in asked.items():
            if value and value not in allowed[name]:
                raise BadInput(f"This book has no {name} “{value}”.", code=f"unknown_{name}")
        found = calibration(book, run, Scope(book=book.code, **asked))
        return Response(CalibrationSerializer({**about(run), **_shape(found), "scope": asked}).data)


def _shape(found: Calibration) -> dict[str, object]:
    own = found.own
    return {
        "spells": found.spells, "waiting": found.waiting, "enough": own.own, "min_spells": found.min_spells,
        "p30": own.p30, "p60": own.p60, "p90": own.p90,
        "half_life": found.half_life, "win_back": found.win_back,
        "curve": [_point(found, day) for day in range(len(found.curves.coming_back))],
    }  # fmt: skip


def _point(found: Calibration, day: int) -> dict[str, object]:
    curves = found.curves
    return {
        "day": day,
        "spells": int(found.returned[day]) if day < len(found.returned) else 0,
        "waiting": int(found.waiting_by_day[day]) if day < len(found.waiting_by_day) else 0,
        "returned": round(float(curves.returned[day]), 6), "coming_back": round(float(curves.coming_back[day]), 6),
        "low": round(float(curves.low[day]), 6), "high": round(float(curves.high[day]), 6),
    }  # fmt: skip


class BoundsDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(summary="Stage bounds in force", parameters=[BOOK], responses=BoundsInForceSerializer)
    def get(self, request: Request) -> Response:
        return Response(_in_force(book_asked_for(request).code, None))

    @extend_schema(
        summary="Put stage bounds in force; everybody is measured anew", parameters=[BOOK], request=BoundsSerializer,
        responses={202: BoundsInForceSerializer},
        examples=[
            OpenApiExample("Own bounds", value={"p30": 27, "p60": 138, "p90": 426}, request_only=True),
            OpenApiExample("From repurchases", value={"p30": None, "p60": None, "p90": None}, request_only=True),
        ],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        by = person_who_may(request, "segmentation.set_bounds")
        book = book_asked_for(request).code
        given = BoundsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        job = tuning.save_options(book=book, by=by, **given.validated_data)
        return Response(_in_force(book, job.pk if job else None), status=status.HTTP_202_ACCEPTED)


def _in_force(book: str, job: int | None) -> dict[str, Any]:
    run, told = selectors.run_in_force(book), options.measuring(book)
    chosen = {"p30": told.p30, "p60": told.p60, "p90": told.p90} if told.bounds else None
    shown = {"book": book, "chosen": chosen, "in_force": run.bounds if run else None, "job": job}
    return dict(BoundsInForceSerializer(shown).data)
