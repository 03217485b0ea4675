"""Taking a model into the registry."""

from pathlib import Path

import pytest

from apps.accounts.actors import SYSTEM
from apps.knowledge.models import Disease
from apps.registry.models import ModelVersion
from apps.registry.services import register_model
from tests.conftest import MARFAN

pytestmark = pytest.mark.django_db


def test_what_a_model_ranks_and_the_loaded_knowledge_lacks_has_its_name(
    active_model: ModelVersion, model_dir: Path
) -> None:
    Disease.objects.get(pk=MARFAN).delete()
    n_others = Disease.objects.count()
    assert register_model(actor=SYSTEM, folder=model_dir) == (active_model, False)
    assert Disease.objects.get(pk=MARFAN).name == "Marfan syndrome"
    assert Disease.objects.count() == n_others + 1
