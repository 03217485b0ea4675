"""What the OpenAPI document says of every operation: the problems that it may answer with, and when."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from apps.core.answers import problem_document, titles
from apps.core.capabilities import PUBLIC
from apps.core.idempotency import HEADER, LONGEST_KEY
from apps.core.rest import Operation

MEDIA_TYPE = "application/problem+json"
_ALWAYS = (404, 406, 422, 429, 503)
_WITH_BODY = (400, 411, 413, 415)
_MEANINGS = {
    400: "The body is not JSON.",
    401: "No token, or one that is unknown, revoked or expired, or whose account is inactive.",
    403: "The object may be seen, but a rule forbids this: consent is missing, or processing is restricted.",
    404: "There is no such thing that the caller may see; or his roles do not allow this operation.",
    406: "`Accept` asks for something else than JSON.",
    409: "The state of things does not allow it now; on a POST, an earlier one with the same `Idempotency-Key` is "
    "still being worked on.",
    411: "The body came in chunks, without `Content-Length`.",
    413: "The body is over 1 MB.",
    415: "The body is something else than JSON.",
    422: "The input was understood but cannot be used; `errors` lists everything that is wrong. On a POST also: the "
    "`Idempotency-Key` stood for another request.",
    429: "Too many requests; `Retry-After` says in how many seconds to try again.",
    503: "A part that the work needs is down; nothing was kept.",
}
_HEADERS = (
    OpenApiParameter("WWW-Authenticate", str, "header", response=[401], description="Bearer, Token"),
    OpenApiParameter("Retry-After", int, "header", response=[429], description="seconds"),
)
_ONCE = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "header",
    description="A key of your own for this act, such as a random UUID. Sent again with the same body, it is answered "
    "byte for byte as before and nothing is done twice; a request that failed may be sent again. Kept for a day.",
)


class NearMatch(serializers.Serializer):
    """A term that may have been meant."""

    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class FieldProblem(serializers.Serializer):
    """What is wrong with one member of the input."""

    field = serializers.CharField(help_text="such as findings.present[3]")
    code = serializers.CharField(help_text="for programs, such as unknown_finding")
    detail = serializers.CharField(help_text="for people")
    value = serializers.CharField(required=False, help_text="what was given")
    near = NearMatch(many=True, required=False, help_text="what may have been meant")


class Problem(serializers.Serializer):
    """A problem document as RFC 9457 defines it."""

    type = serializers.CharField(help_text="about:blank: the status says it all")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    request_id = serializers.CharField(help_text="as in X-Request-ID; name it when asking for help")
    errors = FieldProblem(  # type: ignore[assignment]
        many=True, required=False, help_text="with 422: everything that is wrong"
    )


class ProblemSchema(AutoSchema):
    """Adds to each operation the problems that it may answer with."""

    def get_override_parameters(self) -> list[Any]:
        once = [_ONCE] if self._is_done_once() else []
        return [*super().get_override_parameters(), *once, *_HEADERS]

    def _is_done_once(self) -> bool:
        return self.method == "POST" and isinstance(self.view, Operation)

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in self._problems() if direction == "response" else ():
            response = OpenApiResponse(Problem, _MEANINGS[status], [_example(status)])
            bodies[str(status)] = self._get_response_for_code(response, str(status), [MEDIA_TYPE], direction)
        return dict(sorted(bodies.items()))

    def _problems(self) -> list[int]:
        if not isinstance(self.view, Operation):
            return []
        found = {*_ALWAYS, *self.view.problems.get(self.method, ())}
        if self.view.capability != PUBLIC:
            found.add(401)
        if self._is_done_once():
            found.add(409)
        if self.method in {"POST", "PUT", "PATCH"}:
            found.update(_WITH_BODY)
        return sorted(found)


def _example(status: int) -> OpenApiExample:
    title, more = titles()[status], {}
    detail = _MEANINGS[status]
    if status == 422:
        detail = "findings.present[0]: HP:9999999 is not a term of this HPO release"
        more["errors"] = [
            {
                "field": "findings.present[0]",
                "code": "unknown_finding",
                "detail": "HP:9999999 is not a term of this HPO release",
                "value": "HP:9999999",
                "near": [{"id": "HP:0001166", "label": "Arachnodactyly"}],
            }
        ]
    document = problem_document(status, title, detail, "0198f3b2-7c1e-7d3a-9c54-2f1f0c6f6a11", **more)
    return OpenApiExample(title, value=document, response_only=True)
