"""The container files, checked without a Docker engine: they parse, and whatever they name exists."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from celery.bin.celery import celery as celery_command
from click.testing import CliRunner
from django.core.management import get_commands
from gunicorn.config import Config

from config.environment import declared

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES: Mapping[str, Mapping[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "hoofbeat"}
INTERPOLATION = re.compile(r"(?<!\$)\$\{?([A-Z0-9_]+)([^}]*)")


def dockerfile_lines() -> Iterator[tuple[str, str]]:
    """(instruction, the rest of it) with continued lines joined."""
    for line in DOCKERFILE.replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            instruction, rest = line.split(None, 1)
            yield instruction, rest


def exec_form(text: str) -> list[str]:
    words = yaml.safe_load(text)
    assert isinstance(words, list), f"not the exec form: {text}"
    return words


def web_command() -> list[str]:
    return exec_form([rest for instruction, rest in dockerfile_lines() if instruction == "CMD"][-1])


def load(path: str) -> Any:
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def test_the_composition_has_every_part() -> None:
    assert set(SERVICES) == {"proxy", "web", "worker", "beat", "sealer", "bootstrap", "postgres", "valkey"}
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert set(OURS) == {"web", "worker", "beat", "sealer", "bootstrap"}


@pytest.mark.parametrize("service", OURS)
def test_the_settings_read_what_is_set_and_get_what_they_need(service: str) -> None:
    # NAME_FILE stands for NAME (config/environment.py).
    variables = {name.removesuffix("_FILE") for name in OURS[service]["environment"]}
    assert variables <= set(declared()), "set, but no setting reads it"
    required = {name for name, variable in declared().items() if variable.default is None}
    assert required <= variables, "the settings refuse to load without it"


def test_only_the_bootstrap_may_change_tables() -> None:
    assert [name for name in OURS if "MIGRATION_DATABASE_URL" in OURS[name]["environment"]] == ["bootstrap"]


def test_what_must_be_set_has_no_default_and_is_empty_in_the_example() -> None:
    required = {name for name, rest in INTERPOLATION.findall(COMPOSE) if rest.startswith(":?")}
    assert {"SECRET_KEY", "APP_PASSWORD", "VALKEY_PASSWORD", "MASTER_KEYS_FILE"} <= required
    filled = re.findall(r"^([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE)
    assert dict(filled) == dict.fromkeys(required, ""), (
        "it holds a value that somebody would keep, or lacks one"
    )


def test_every_setting_is_explained_reaches_the_containers_and_is_shown_with_its_default() -> None:
    """A setting that is read and not in the example fails, and so does one in the example that nothing reads."""
    optional = dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    required = set(re.findall(r"^([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
    interpolated = {name for name, _rest in INTERPOLATION.findall(COMPOSE)}
    settings = set(declared())
    # The keys come as files only (NAME_FILE), and tracebacks are for nobody who uses the containers.
    set_inside = {name for service in OURS.values() for name in service["environment"]}
    inside = set_inside | {name.removesuffix("_FILE") for name in set_inside}
    assert settings - inside == {"DEBUG"}
    assert settings <= required | set(optional), "read, and not explained"
    files = {name for name in optional if name.endswith("_FILE") and name.removesuffix("_FILE") in settings}
    assert required | set(optional) <= settings | interpolated | files, "explained, and nothing reads it"
    # Compose takes none from `.env` by itself: each has its own line in docker-compose.yml.
    by_compose = EXAMPLE[EXAMPLE.index("# ---- What docker-compose.yml sets by itself") :]
    passed = {name for name in optional if f"# {name}=" not in by_compose}
    assert passed <= interpolated, "explained as yours to set, and never passed on"
    shown = {name: value for name, value in optional.items() if name in passed and name in settings}
    # volumes in the containers, folders of the checkout elsewhere
    places = {"AUDIT_ANCHOR", "ERASURE_LEDGER", "RAW_STORE", "MLFLOW_TRACKING_URI"}
    assert {n: v for n, v in shown.items() if n not in places} == {
        name: declared()[name].default for name in shown if name not in places
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_known_to_be_well(service: str) -> None:
    if service == "web":
        assert any(instruction == "HEALTHCHECK" for instruction, _rest in dockerfile_lines())
    elif service == "proxy":
        assert SERVICES[service]["depends_on"] == {"web": {"condition": "service_healthy"}}
    else:
        assert "healthcheck" in SERVICES[service]


@pytest.mark.parametrize("service", SERVICES)
def test_every_mounted_file_and_volume_exists(service: str) -> None:
    named = yaml.safe_load(COMPOSE)["volumes"]
    for mount in SERVICES[service]["volumes"]:
        source = mount.split(":", 1)[0]
        if source.startswith("./"):
            assert (ROOT / source).is_file(), source
        elif not source.startswith("${"):
            assert source in named, source


@pytest.mark.parametrize("service", ["worker", "beat"])
def test_celery_understands_its_command(service: str) -> None:
    command, *words = OURS[service]["command"]
    assert command == "celery"
    assert load(words[words.index("--app") + 1]).main == "hoofbeat"
    # Help is shown only once all the words before it were understood.
    with patch.dict(os.environ):  # the command sets variables, which later tests' processes would inherit
        result = CliRunner().invoke(celery_command, [*words, "--help"])
    assert result.exit_code == 0, result.output


def test_gunicorn_understands_its_command() -> None:
    command, *words = web_command()
    assert command == "gunicorn"
    understood = Config().parser().parse_args(words)
    assert understood.bind == ["0.0.0.0:8000"]
    (application,) = understood.args
    assert callable(load(application))
    prefix, module = understood.config.split(":")
    assert prefix == "python"
    chosen = {
        name: value for name, value in vars(importlib.import_module(module)).items() if name[0].islower()
    }
    gunicorn = Config()
    for name, value in chosen.items():
        gunicorn.set(name, value)  # refuses a name or a value that it does not know
    assert (gunicorn.worker_class_str, gunicorn.preload_app) == ("gthread", True)


def test_the_proxy_speaks_new_tls_only_and_finds_the_web_server() -> None:
    caddyfile = (ROOT / "deploy/caddy/Caddyfile").read_text(encoding="utf-8")
    assert re.search(r"^\s*protocols tls1\.2 tls1\.3$", caddyfile, re.MULTILINE)
    upstream = re.search(r"^\s*reverse_proxy (\w+):(\d+)$", caddyfile, re.MULTILINE)
    assert upstream is not None
    assert upstream[1] in SERVICES
    assert ("EXPOSE", upstream[2]) in dockerfile_lines()
    assert set(SERVICES["proxy"]["environment"]) == set(re.findall(r"\{\$(\w+)\}", caddyfile))


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    let_through = set(
        re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    )
    copied = {
        source
        for instruction, rest in dockerfile_lines()
        if instruction == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert copied == let_through
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_runs_as_nobody_special() -> None:
    last_stage = list(dockerfile_lines())
    last_stage = last_stage[max(i for i, (word, _rest) in enumerate(last_stage) if word == "FROM") :]
    assert ("USER", "hoofbeat") in last_stage
    assert any(word == "RUN" and "useradd --system --uid 10001" in rest for word, rest in last_stage)


def test_the_engine_reports_to_nobody() -> None:
    """ONNX Runtime sends telemetry to its maker by default; no stage that loads it may."""
    stages = DOCKERFILE.split("\nFROM ")[1:]
    loads = [stage for stage in stages if "/app" in stage]
    assert len(loads) == 2
    assert all("ORT_DISABLE_TELEMETRY=1" in stage for stage in loads)


def test_the_image_has_the_locked_versions_and_no_development_tools() -> None:
    pin = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
    locked = dict(pin.findall((ROOT / "requirements/lock.txt").read_text(encoding="utf-8")))
    runtime = dict(pin.findall((ROOT / "requirements/runtime.txt").read_text(encoding="utf-8")))
    assert runtime.items() <= locked.items(), "run `make lock`"
    assert {"django", "celery", "gunicorn", "onnxruntime"} <= set(runtime)
    assert not {"pytest", "ruff", "mypy", "playwright"} & set(runtime)


@pytest.mark.parametrize("script", ["deploy/bootstrap.sh", "deploy/valkey/start.sh"])
def test_the_scripts_parse(script: str) -> None:
    assert subprocess.run(["sh", "-n", ROOT / script]).returncode == 0


def test_every_command_of_ours_in_image_and_bootstrap_exists() -> None:
    assert OURS["bootstrap"]["command"] == ["sh", "deploy/bootstrap.sh"]
    text = DOCKERFILE + COMPOSE + (ROOT / "deploy/bootstrap.sh").read_text(encoding="utf-8")
    managed = set(re.findall(r"manage\.py,? ([a-z_]+)", text))
    assert managed == {
        *(
            "collectstatic",
            "createsuperuser",
            "load_knowledge",
            "migrate",
            "register_model",
            "seal_audit",
            "sign_models",
        )
    }
    assert managed <= set(get_commands())
    modules = set(re.findall(r"python -m (ml(?: [a-z]+)+)", text))
    assert modules == {"ml knowledge build", "ml train"}


def test_the_settings_load_with_what_the_image_is_built_with() -> None:
    (command,) = [rest for name, rest in dockerfile_lines() if name == "RUN" and "collectstatic" in rest]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", f"{command} --dry-run"], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
