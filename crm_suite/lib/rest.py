"""What every API view shares: how bodies are read, and how they and the problems are described in the schema."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.views import APIView

from crm_suite.lib.problems import PROBLEM, ProblemSerializer, TooLarge

MEANINGS = {
    "400": "The body or a parameter cannot be read.",
    "401": "No token, or one that is unknown, expired or revoked.",
    "403": "The token lacks the scope that `detail` names.",
    "404": "There is no such thing, or it is not yours to see.",
    "409": "The thing is not in a state in which this can be done.",
    "413": "The body is too large.",
    "422": "The body was understood and breaks a rule; `errors` says which.",
}
WRITING = ("POST", "PUT", "PATCH")


class JsonBody(JSONParser):
    """Strict JSON of bounded size and depth that the database can store: no NaN, no NUL, no half characters."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge
        try:
            found = json.loads(body, parse_constant=_refuse)
            # What cannot be encoded, or holds NUL, would fail deep inside the database.
            if "\\u0000" in json.dumps(found) or not json.dumps(found, ensure_ascii=False).encode():
                raise ValueError("NUL")
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not usable JSON: {error}"[:200]) from error
        return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


ONCE = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER,
    description="A word of your own: the same call again within 24 hours gets the first answer and does nothing.",
)  # fmt: skip


class DoorSchema(AutoSchema):
    """Adds the problem documents that an operation can answer with, and the header that makes a POST repeatable."""

    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *([ONCE] if self.method == "POST" else [])]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._problems():
            answer = OpenApiResponse(ProblemSerializer, description=MEANINGS[status])
            bodies.setdefault(status, self._get_response_for_code(answer, status, [PROBLEM], direction))  # type: ignore[no-untyped-call]
        return bodies

    def _problems(self) -> list[str]:
        found = ["401", "403"]
        if self.method in WRITING:
            found += ["400", "409", "413", "422"]
        if "{" in self.path or self._is_list_view():
            found.append("404")  # a list answers so to a cursor that it did not make
        return sorted(found)


class Door(APIView):
    """Base of the API views of all rooms. Each names its `scope` (access.api.HasScope)."""

    schema = DoorSchema()
    parser_classes = [JsonBody]
    cursor_ordering: str | tuple[str, ...] = "-id"
