"""The database keeps organisations apart by itself (ADR 27)."""

from django.db import migrations

from apps.core.row_security import rows_of_organisation, rows_of_parent


class Migration(migrations.Migration):
    dependencies = [("cases", "0007_emergency")]

    operations = [
        rows_of_organisation("cases_patient"),
        rows_of_organisation("cases_case"),
        rows_of_organisation("cases_emergencyaccess"),
        rows_of_parent("cases_patientkey", "cases_patient", "patient_id"),
        rows_of_parent("cases_consent", "cases_patient", "patient_id"),
        rows_of_parent("cases_caseuserobjectpermission", "cases_case", "content_object_id"),
        rows_of_parent("cases_finding", "cases_case", "case_id"),
        rows_of_parent("cases_unknownfinding", "cases_case", "case_id"),
        rows_of_parent("cases_outcome", "cases_case", "case_id"),
    ]
