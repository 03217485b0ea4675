"""The OpenAPI document and the page that shows it."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.core.capabilities import Capability
from config.checks import endpoints
from tests.api.contract import document

SCHEMA = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "patch", "put", "delete"}
    ]


def test_the_committed_document_is_up_to_date() -> None:
    made = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=made)
    assert yaml.safe_load(made.getvalue()) == yaml.safe_load(SCHEMA.read_text(encoding="utf-8")), (
        "run: python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"
    )


def test_it_is_openapi_3_1_and_names_every_route() -> None:
    assert document()["openapi"].startswith("3.1")
    routes = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)
        for name, route, _view in endpoints()
        if name.startswith("api:") and name not in {"api:schema", "api:docs"}
    }
    assert set(document()["paths"]) == routes


def test_every_operation_says_what_can_go_wrong() -> None:
    for path, method, operation in operations():
        expected = {"401", "404", "406", "422", "429", "503"} | (
            {"400", "411", "413", "415"} if method != "get" else set()
        )
        described = operation["responses"]
        assert expected <= set(described), (path, method)
        for status, response in described.items():
            media_types = set(response["content"])
            assert media_types == ({"application/problem+json"} if status >= "400" else {"application/json"})
            if status >= "400":
                media = response["content"]["application/problem+json"]
                assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert media["examples"]
        scoped, token = operation["security"]
        assert token == {"token": []}
        assert set(scoped["oauth2"]) <= set(Capability.values)
        assert operation["summary"]
        assert operation["description"]


def test_what_is_sent_has_an_example() -> None:
    for path, method, operation in operations():
        if method != "get":
            assert operation["requestBody"]["content"]["application/json"]["examples"], (path, method)


@pytest.mark.django_db
def test_everybody_may_read_it() -> None:
    client = APIClient()
    as_yaml = client.get("/api/v1/schema/")
    assert as_yaml.status_code == 200
    assert yaml.safe_load(as_yaml.content)["openapi"].startswith("3.1")
    as_json = client.get("/api/v1/schema/", {"format": "json"}, HTTP_AUTHORIZATION="Token garbage")
    assert as_json.json()["info"]["title"] == "Hoofbeat"


@pytest.mark.django_db
def test_the_page_runs_under_its_content_security_policy() -> None:
    client = Client()
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    html = page.content.decode()
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.S)
    assert scripts
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts)
    for address in re.findall(r'(?:src|href)="([^"]+)"', html):
        assert address.startswith("/"), address
        answer = client.get(address.replace("&amp;", "&"))
        assert answer.status_code == 200, address
    assert "unsafe-inline" not in client.get("/health/live").headers["Content-Security-Policy"]
