"""Rows of our own confirmed cases: seen by their organisation alone, and gone with the case."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import Organisation, User
from apps.cases.models import Case, Patient
from apps.cases.services import record_outcome
from apps.core.tenancy import organisation_scope
from apps.datasets.models import DatasetCase, DatasetVersion, DataSource, Ingestion
from apps.datasets.services import snapshot_confirmed_cases
from apps.privacy.services import purge_case
from tests.conftest import MARFAN
from tests.datasets.conftest import CASES, table

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]) -> DatasetVersion:
    """A version of two confirmed cases."""
    for _ in range(2):
        case = case_of(clinician, consents={"care": True, "training": True})
        record_outcome(actor=actor_of(clinician), case_id=case.pk, disease_id=MARFAN)
    return snapshot_confirmed_cases(actor=SYSTEM)


def test_the_database_shows_them_to_their_organisation_alone(
    own: DatasetVersion,
    source: DataSource,
    ingested: Callable[..., Ingestion],
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    ingested(source, table())
    seen = {}
    for scope in (organisation.pk, other_organisation.pk, None):
        with organisation_scope(scope):
            seen[scope] = DatasetCase.objects.count()
    assert seen == {organisation.pk: CASES + 2, other_organisation.pk: CASES, None: CASES}


def test_a_case_past_its_retention_takes_its_row_along(own: DatasetVersion) -> None:
    case = Case.objects.order_by("pk").first()
    assert case is not None
    Case.objects.filter(pk=case.pk).update(retain_until=timezone.now() - timedelta(days=1))
    assert purge_case(case_id=case.pk)
    assert not Patient.objects.filter(pk=case.patient_id).exists()
    assert str(case.pk) not in set(own.cases.values_list("case_id", flat=True))
    assert own.cases.count() == 1
