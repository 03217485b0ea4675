"""Rows of the installation's own patients are shown to their organisation alone; those of other sources to all."""

from django.db import migrations

from apps.core.row_security import rows_of_parent


class Migration(migrations.Migration):
    dependencies = [("datasets", "0003_data_in"), ("cases", "0008_row_security")]

    operations = [
        rows_of_parent(
            "datasets_datasetcase", parent="cases_patient", column="patient_id", of_all_without=True
        ),
    ]
