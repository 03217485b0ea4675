"""The database keeps organisations apart by itself (ADR 27)."""

from django.db import migrations

from apps.core.row_security import rows_of_organisation, rows_of_parent


class Migration(migrations.Migration):
    dependencies = [("predictions", "0003_priors"), ("cases", "0008_row_security")]

    operations = [
        rows_of_organisation("predictions_prediction"),
        rows_of_organisation("predictions_defaultprior"),
        rows_of_organisation("predictions_casemix"),
        rows_of_parent("predictions_feedback", "predictions_prediction", "prediction_id"),
    ]
