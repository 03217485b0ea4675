"""Sources: each mistake under its field, credentials that nobody sees again, source files, keys that are renewed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.core.problems import InvalidInput
from apps.datasets.checking import connection_of
from apps.datasets.models import DataSource, Ingestion
from apps.datasets.sources import add_source, change_source
from apps.datasets.tasks import resume_pending
from config.local.folder import first_master_key
from tests.datasets.conftest import DIAGNOSES, FINDINGS, SHAPE, table, values

pytestmark = pytest.mark.django_db

SECRET = "Quetzalcoatl-4711"
REST = {
    "kind": "rest",
    "location": "https://records.example.org/visits",
    "options": {"records": "items"},
}


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"kind": "telegraph"}, "kind", "One of"),
        ({"kind": "sql", "location": ""}, "location", "was expected"),
        (REST | {"location": "http://records.example.org/"}, "location", "https://"),
        (REST | {"location": "https://u:p@records.example.org/"}, "location", "secret"),
        (REST | {"options": {"records": "[["}}, "options", "JMESPath"),
        (REST | {"options": {"speed": 3}}, "options", "speed"),
        (REST | {"options": {"parameters": {"api_key": "x"}}}, "options", "credentials"),
        ({"kind": "sql", "location": "sqlite:////x.db", "options": {"query": "DROP TABLE a"}}, "options", "SELECT"),
        ({"kind": "sql", "location": "sqlite:////x.db", "options": {"query": "SELECT 1"}}, "location", "DATA_ROOTS"),
        ({"shape": "source: clinic\nid: [1"}, "shape", "no YAML"),
        ({"shape": SHAPE.replace("state: present", "state: there")}, "shape", "one of present"),
        ({"shape": "a: &a 1\nb: *a"}, "shape", "aliases"),
        ({"finding_mappings": ""}, "shape", "mapping set is missing"),
        ({"finding_mappings": FINDINGS.replace("HP:0000098", "tall")}, "finding_mappings", "object_id"),
        ({"shape": ""}, "shape", "with a shape alone"),
        ({"format": "fhir", "shape": "", "finding_mappings": "", "diagnosis_mappings": ""}, "shape", "FHIR"),
        ({"error_budget": 1.5}, "error_budget", "share"),
        ({"every_hours": 24}, "every_hours", "without a location"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_field(
    actor: Actor, change: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        add_source(actor=actor, values=values(**change), credentials={})
    assert refused.value.errors[0].field == field
    assert said in refused.value.errors[0].detail
    assert not DataSource.objects.exists()


def stored() -> str:
    """All that the database holds of sources, ingestions and events."""
    texts = []
    with connection.cursor() as cursor:
        for name in ("datasets_datasource", "datasets_ingestion", "audit_auditevent"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {name} t")
            texts.append(cursor.fetchone()[0] or "")
    return "".join(texts)


def test_credentials_are_sealed_and_shown_nowhere(
    page: Callable[..., Client], scientist: User, caplog: pytest.LogCaptureFixture, eager_celery: None
) -> None:
    browser = page(scientist)
    form = values(**REST) | {
        "options": "records: items",
        "error_budget": "0.05",
        "format": "records",
        "is_enabled": "on",
    }
    typed = {"credentials": f"token: {SECRET}"}
    refused = browser.post(reverse("datasets:add-source"), form | typed | {"location": "http://x.example"})
    assert refused.status_code == 422
    added = browser.post(reverse("datasets:add-source"), form | typed)
    source = DataSource.objects.get()
    assert connection_of(source).credentials == {"token": SECRET}
    pages = [
        browser.get(reverse(name, args=[source.pk])).content.decode()
        for name in ("datasets:source", "datasets:change-source")
    ]
    # the address has no server, so that the failure itself is looked at
    change = {"location": "https://127.0.0.1:1/", "options": "retries: 0", "credentials": ""}
    browser.post(reverse("datasets:change-source", args=[source.pk]), form | change)
    browser.post(reverse("datasets:ingest", args=[source.pk]))
    resume_pending()
    failed = Ingestion.objects.get()
    assert failed.error
    pages.append(browser.get(reverse("datasets:ingestion", args=[failed.pk])).content.decode())
    source.refresh_from_db()
    assert source.credentials == {"token": SECRET}
    assert added.status_code == 302
    everywhere = [refused.content.decode(), *pages, stored(), caplog.text]
    assert [SECRET in text for text in everywhere] == [False] * len(everywhere)

    browser.post(reverse("datasets:change-source", args=[source.pk]), form | {"forget_credentials": "on"})
    source.refresh_from_db()
    assert not source.has_credentials
    assert AuditEvent.objects.filter(action="source.change").count() == 2


def test_a_new_master_key_wraps_them_too(actor: Actor, settings: Any, tmp_path: Path, knowledge: Any) -> None:
    settings.MASTER_KEYS_FILE = str(tmp_path / "master-keys")
    (tmp_path / "master-keys").write_text(first_master_key())
    source = add_source(actor=actor, values=values(**REST), credentials={"token": SECRET})
    call_command("rotate_keys", "--new-master-key", "k2")
    source.refresh_from_db()
    assert source.master_key == "k2"
    (new_key, _old) = (tmp_path / "master-keys").read_text().splitlines()
    (tmp_path / "master-keys").write_text(new_key)
    assert source.credentials == {"token": SECRET}


def test_a_source_file_is_a_source(
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    ingested: Callable[..., Ingestion],
    knowledge: Any,
) -> None:
    settings.DATA_ROOTS = [str(tmp_path)]
    for name, text in (
        ("visits.csv", table().decode()),
        ("shape.yaml", SHAPE),
        ("f.tsv", FINDINGS),
        ("d.tsv", DIAGNOSES),
        ("nightly.yaml", "kind: files\nlocation: visits.csv\nshape: shape.yaml\n"),
    ):
        (tmp_path / name).write_text(text)
    call_command("add_source", str(tmp_path / "nightly.yaml"))
    source = DataSource.objects.get(name="nightly")
    assert ingested(source).version is not None
    call_command("add_source", str(tmp_path / "nightly.yaml"), "--every-hours", "12")
    source.refresh_from_db()
    assert source.every_hours == 12

    monkeypatch.setenv("RECORDS_TOKEN", SECRET)
    (tmp_path / "api.yaml").write_text(
        "kind: rest\nlocation: https://records.example.org/\ncredentials: {token: {env: RECORDS_TOKEN}}\n"
        "options: {parameters: {since: 2024-01-01}}\n"
    )
    call_command("add_source", str(tmp_path / "api.yaml"))
    assert DataSource.objects.get(name="api").credentials == {"token": SECRET}
    (tmp_path / "bad.yaml").write_text("kind: files\nlocation: /etc/passwd\n")
    with pytest.raises(CommandError, match="DATA_ROOTS"):
        call_command("add_source", str(tmp_path / "bad.yaml"))


def test_two_sources_have_two_names_and_a_disabled_one_is_not_read(
    source: DataSource, actor: Actor, scientist: User, page: Callable[..., Client]
) -> None:
    with pytest.raises(InvalidInput, match="of this name"):
        add_source(actor=actor, values=values(), credentials={})
    change_source(actor=actor, source_id=source.pk, values={"is_enabled": False})
    assert page(scientist).post(reverse("datasets:ingest", args=[source.pk])).status_code == 409
    assert json.dumps(AuditEvent.objects.get(action="source.change").details) == '{"fields": ["is_enabled"]}'
