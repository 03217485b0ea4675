"""What every operation of the REST API shares: strict input, and cursor pages."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ErrorDetail, ValidationError
from rest_framework.views import APIView

from apps.core.idempotency import HEADER, Answer, answer_once, read_key
from apps.core.paging import CursorPage, cursor_page

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
_LONGEST_NAME = 80
# The answer to a body of a megabyte must not be many.
_MOST_UNKNOWN = 20


class Input(serializers.Serializer):
    """Input that refuses members it does not know: a misspelt one would else be ignored without a word."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        hint = _("There is no such member here; there are: %(known)s.") % {"known": ", ".join(self.fields)}
        strange = islice((name for name in data if name not in self.fields), _MOST_UNKNOWN)
        unknown = {name[:_LONGEST_NAME]: [ErrorDetail(hint, "unknown_member")] for name in strange}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**unknown, **error.detail}) from error  # type: ignore[dict-item]
        if unknown:
            raise ValidationError(unknown)
        return value


class TextField(serializers.CharField):
    """Text, and not a number or a truth value that happens to be writable as text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.UUID)
class IdField(serializers.UUIDField):
    """The id of a record, as text."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """true or false, and nothing that only resembles them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class PageQuery(Input):
    """Query of a list: which page of it."""

    limit = serializers.IntegerField(
        min_value=1, max_value=LARGEST_LIMIT, default=DEFAULT_LIMIT, help_text=gettext_lazy("rows a page")
    )
    before = TextField(
        required=False,
        default="",
        max_length=_LONGEST_NAME,
        help_text=gettext_lazy("cursor; follow `next` instead of making one"),
    )
    after = TextField(
        required=False,
        default="",
        max_length=_LONGEST_NAME,
        help_text=gettext_lazy("cursor; follow `previous` instead of making one"),
    )


class Page(BasePagination):
    """What a list answers: its rows, and the addresses of the pages before and after."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """None beside those of PageQuery."""
        return []

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": address | {"description": "address of the page of older rows"},
                "previous": address | {"description": "address of the page of newer rows"},
                "results": schema,
            },
        }


class Operation(APIView):
    """Base of every address of the API. `problems` names, by method, statuses beside those that every one has."""

    capability: str | dict[str, str]
    problems: dict[str, tuple[int, ...]] = {}
    pagination_class = Page

    @property
    def actor(self) -> Any:
        """Whoever calls (an `apps.accounts.actors.Actor`)."""
        return self.request.actor  # type: ignore[attr-defined]

    def body(self, serializer: type[Input]) -> dict[str, Any]:
        """The request's body as `serializer` reads it; ValidationError (422) with everything that is wrong."""
        return _valid(serializer(data=self.request.data))

    def query(self, serializer: type[Input]) -> dict[str, Any]:
        """The query of the address as `serializer` reads it; ValidationError (422) with everything that is wrong."""
        return _valid(serializer(data=self.request.query_params.dict()))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Checks the caller, then lets a POST with an `Idempotency-Key` be done once."""
        super().initial(request, *args, **kwargs)
        post = getattr(self, "post", None)
        if request.method == "POST" and post is not None and HEADER in request.headers:
            # REST framework looks the handler up after this, so no operation can forget it.
            vars(self)["post"] = partial(self._post_once, post)

    def _post_once(
        self, post: Callable[..., Response], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        key = read_key(request.headers[HEADER])
        if key is None:
            raise ParseError(_("Idempotency-Key is a text of 1 to 128 printable ASCII characters."))

        def work() -> Answer:
            given = post(request, *args, **kwargs)
            renderer: Any = request.accepted_renderer
            body = renderer.render(given.data, request.accepted_media_type, self.get_renderer_context())
            return Answer(given.status_code, {**given.headers, "Content-Type": renderer.media_type}, body)

        body = request._request.body
        answer = answer_once(
            organisation_id=self.actor.scope,
            account_id=self.actor.person,
            key=key,
            request=f"POST {request.get_full_path()}\n".encode() + body,
            request_id=self.actor.request_id,
            work=work,
        )
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """No answer with a patient in it may stay in a cache."""
        response = super().finalize_response(request, response, *args, **kwargs)
        add_never_cache_headers(response)
        return response


def _valid(given: Input) -> dict[str, Any]:
    given.is_valid(raise_exception=True)
    values: dict[str, Any] = given.validated_data
    return values


def page_of(rows: QuerySet[Any], query: dict[str, Any]) -> CursorPage:
    """The page of `rows` that `query` (of a PageQuery) asks for."""
    return cursor_page(rows, before=query["before"], after=query["after"], size=query["limit"])


def page_answer(request: Request, page: CursorPage, results: Any) -> Response:
    """`results` with the addresses of the pages before and after."""
    return Response(
        {
            "next": _neighbour(request, "before", "after", page.older),
            "previous": _neighbour(request, "after", "before", page.newer),
            "results": results,
        }
    )


def _neighbour(request: Request, parameter: str, opposite: str, cursor: str) -> str | None:
    if not cursor:
        return None
    query = request.query_params.copy()
    query.pop(opposite, None)
    query[parameter] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
