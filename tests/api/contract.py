"""Holds every answer against the OpenAPI document: its status, its type and its content must be described there."""

import re
from functools import cache
from typing import Any

from django.urls import Resolver404
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker
from rest_framework.test import APIClient

PROBLEM = "application/problem+json"
_METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the API as it is now."""
    return SchemaGenerator().get_schema(request=None, public=True)


def check_answer(response: Any, method: str) -> None:
    """Fails when the document does not describe `response` to a request by `method`."""
    if response.status_code == 308:
        return
    media_type = response.headers.get("Content-Type", "").split(";")[0]
    if response.status_code >= 400:
        assert media_type == PROBLEM, (response.status_code, media_type)
        _check_content(response.json(), {"$ref": "#/components/schemas/Problem"})
        assert response.json()["status"] == response.status_code
        assert response.json()["request_id"] == response.headers["X-Request-ID"]
    route = _route(response)
    operations = document()["paths"].get(route, {})
    if not operations:
        assert response.status_code in {404, 411, 413}
        return
    operation = operations.get("get" if method.lower() == "head" else method.lower())
    if operation is None:
        allowed = {"GET": {"HEAD"}}
        expected = {name.upper() for name in operations if name in _METHODS}
        expected |= {extra for name in expected for extra in allowed.get(name, ())}
        assert response.status_code in {401, 404, 405}
        if response.status_code == 405:
            assert set(response.headers["Allow"].split(", ")) - {"OPTIONS"} == expected
        return
    described = operation["responses"]
    assert str(response.status_code) in described, (method, route, response.status_code)
    content = described[str(response.status_code)]["content"]
    assert media_type in content, (method, route, media_type)
    for name, header in described[str(response.status_code)].get("headers", {}).items():
        assert name in response.headers, (name, header)
    if method.lower() != "head":
        _check_content(response.json(), content[media_type]["schema"])


def _route(response: Any) -> str:
    try:
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{response.resolver_match.route}")
    except Resolver404:
        return ""


def _check_content(content: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": document()["components"]}
    errors = list(Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(content))
    assert not errors, "\n".join(f"{error.json_path}: {error.message}" for error in errors)


class ContractClient(APIClient):
    """A REST client whose every answer must be as the document says."""

    def request(self, **kwargs: Any) -> Any:
        response = super().request(**kwargs)
        if kwargs["PATH_INFO"].startswith("/api/v1/") and not _is_about_the_api(kwargs["PATH_INFO"]):
            check_answer(response, kwargs["REQUEST_METHOD"])
        return response


def _is_about_the_api(path: str) -> bool:
    return path.startswith(("/api/v1/schema/", "/api/v1/docs/"))
