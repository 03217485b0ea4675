from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0002_row_security"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("denials", "repeated denials"),
                    ("reading", "mass reading"),
                    ("emergency", "emergency access"),
                    ("sealing", "sealing of the audit trail fails"),
                    ("integrity", "the audit trail was changed"),
                ],
                max_length=10,
            ),
        ),
    ]
