"""/api/v1/affinity, /intervals and /customers/{id}/preferences."""

from collections.abc import Mapping

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm_suite.lib.errors import WrongState
from crm_suite.lib.rest import Door
from customers.books import Book
from customers.models import Customer
from segmentation import baskets, product_tables, tastes
from segmentation.affinity import LEAST_TOGETHER, MEASURES, Pair
from segmentation.api.affinity_shapes import AffinitySerializer, IntervalsSerializer, PreferencesSerializer
from segmentation.api.runs import BOOK, book_asked_for
from segmentation.baskets import SPANS, Study

MOST = 500
DAYS = OpenApiParameter("days", int, enum=sorted(SPANS), description="Back from the newest; 365 if not given.")


class AffinityDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="What is bought together, and next",
        description="Up to 500 pairs of the 500 products with most buyers. 409 `not_counted` where the store is too "
        "large to be counted at once and was not counted for these days yet.",
        parameters=[
            BOOK, DAYS,
            OpenApiParameter("product", str, description="`product:12` or `item:7`: only pairs with it, it first."),
            OpenApiParameter("by", str, enum=["customer", "order"], description="customer if not given."),
            OpenApiParameter("sort", str, enum=list(MEASURES), description="lift if not given."),
            OpenApiParameter("least", int, description="Baskets that hold both; 5 if not given."),
        ],
        responses=AffinitySerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        book, counted = _counted(request)
        asked = request.query_params
        by, sort = _one_of(request, "by", "customer", "order"), _one_of(request, "sort", *MEASURES)
        product = asked.get("product", "")
        if product and counted.place(product) is None:
            raise ValidationError({"product": [_("This product is not among those that are compared.")]})
        least = _whole(request, "least", LEAST_TOGETHER)
        found = product_tables.pairs(counted, book, by=by, product=product, least=least, sort=sort, most=MOST)
        answer = {
            **_about(book, counted), "by": by, "baskets": counted.together(by).baskets, "pairs_in_all": found.n,
            "pairs": [{"first": row.first, "second": row.second, **_figures(row.pair)} for row in found.rows],
            "next": product_tables.bought_next(counted, book, product),
        }  # fmt: skip
        return Response(AffinitySerializer(answer).data)


def _figures(pair: Pair) -> Mapping[str, object]:
    names = ("together", "first_n", "second_n", "support", "confidence", "reverse", "reverse_interval", "lift")
    shown = {name: getattr(pair, name) for name in names}
    return shown | {
        "confidence_interval": pair.interval, "lift_interval": pair.lift_interval, "verdict": pair.verdict,
    }  # fmt: skip


class IntervalsDoor(Door):
    scope = "analytics"
    session_permission = "segmentation.view_insights"

    @extend_schema(
        summary="Days between two purchases of the same product, or category, by the same customer",
        description="409 `not_counted` as for /affinity.",
        parameters=[
            BOOK, DAYS, OpenApiParameter("product", str, description="Only this one: `product:12` or `item:7`."),
        ],
        responses=IntervalsSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        book, counted = _counted(request)
        product = request.query_params.get("product", "")
        rows = product_tables.repeats(counted, book, most=MOST)
        answer = {
            **_about(book, counted),
            "products": [row for row in rows if product in ("", row.reference)],
            "categories": [] if product else product_tables.category_repeats(counted, most=MOST),
        }
        return Response(IntervalsSerializer(answer).data)


class PreferencesDoor(Door):
    scope = "customers"
    session_permission = "customers.view_customer"

    @extend_schema(
        summary="What one customer likes, and may want next",
        description="404 for a customer without a paid order.",
        responses=PreferencesSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        customer = get_object_or_404(Customer.objects.present().select_related("facts"), pk=pk)
        found = tastes.taste(customer)
        if found is None:
            raise Http404
        return Response(PreferencesSerializer(found).data)


def _counted(request: Request) -> tuple[Book, Study]:
    """Raises Http404 for an unknown book and one without paid orders, WrongState where nothing is counted yet."""
    book, days = book_asked_for(request), _whole(request, "days", SPANS[0])
    if days not in SPANS:
        raise ValidationError({"days": [_("So many days cannot be counted.")]})
    found = baskets.study(book, days)
    if found is None and baskets.is_small(book, days):
        raise Http404
    if found is None:
        raise WrongState(_("This store was not counted for these days yet."), code="not_counted")
    return book, found


def _about(book: Book, counted: Study) -> Mapping[str, object]:
    return {
        "book": book.code, "first": counted.first, "last": counted.last, "counted_at": counted.counted_at,
        "orders_left_out": counted.counted.orders_left_out,
    }  # fmt: skip


def _one_of(request: Request, name: str, *known: str) -> str:
    wish = request.query_params.get(name, known[0])
    if wish not in known:
        raise ValidationError({name: [_("Ask for one of: %(known)s.") % {"known": ", ".join(known)}]})
    return wish


def _whole(request: Request, name: str, default: int) -> int:
    wish = request.query_params.get(name, str(default))
    if not (wish.isascii() and wish.isdecimal() and 0 < len(wish) < 10):
        raise ValidationError({name: [_("Give a whole number.")]})
    return int(wish)
