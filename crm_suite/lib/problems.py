"""Every API error is one shape: RFC 9457 `application/problem+json`, with our stable codes."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse, JsonResponse
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import exception_handler as standardized_handler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response

from crm_suite.lib.errors import DomainError

PROBLEM = "application/problem+json"


class Refused(APIException):
    """A DomainError on its way out of the API."""

    def __init__(self, error: DomainError) -> None:
        self.status_code = error.status
        super().__init__(detail=error.message, code=error.code)


class TooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class FieldProblemSerializer(serializers.Serializer[dict[str, str]]):
    pointer = serializers.CharField(help_text="JSON pointer into the body; empty where the problem is not one field's.")
    code = serializers.CharField(help_text="Stable, never translated.")
    detail = serializers.CharField(help_text="For people, in the language of Accept-Language.")


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """The shape of every error, for the schema."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldProblemSerializer(many=True)  # type: ignore[assignment]


class ProblemFormatter(ExceptionFormatter):
    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        status = int(getattr(self.exc, "status_code", 500))
        first = error_response.errors[0]
        return {
            "type": f"/errors/{'validation' if error_response.type == 'validation_error' else first.code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": str(first.detail),
            "errors": [
                {"pointer": pointer(error.attr), "code": error.code, "detail": str(error.detail)}
                for error in error_response.errors
            ],
        }


def pointer(attribute: str | None) -> str:
    """`items.3.phone` → `/items/3/phone`."""
    return "/" + attribute.replace(".", "/") if attribute else ""


def problem_document(error: DomainError) -> HttpResponse:
    """The same shape, for what is refused before a view of the API is asked."""
    body = {
        "type": f"/errors/{error.code}", "title": HTTPStatus(error.status).phrase, "status": error.status,
        "detail": error.message, "errors": [{"pointer": "", "code": error.code, "detail": error.message}],
    }  # fmt: skip
    return JsonResponse(body, status=error.status, content_type=PROBLEM)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(exc, DomainError):
        exc = Refused(exc)
    elif isinstance(exc, RequestDataTooBig):
        exc = TooLarge()
    elif isinstance(exc, ValidationError):
        exc.status_code = HTTPStatus.UNPROCESSABLE_ENTITY  # 400 is for bodies that cannot be read at all
    response = standardized_handler(exc, context)  # type: ignore[arg-type]
    if response is not None:
        response.content_type = PROBLEM
    return response
