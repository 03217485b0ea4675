"""Tokens have scopes, an organisation and the time of their last use."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_prior_write")]

    operations = [
        migrations.AddField(
            "apitoken",
            "last_used_at",
            models.DateTimeField(editable=False, null=True, verbose_name="last used"),
        ),
        migrations.AddField(
            "apitoken",
            "organisation",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.organisation",
            ),
        ),
        migrations.AddField(
            "apitoken",
            "scopes",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), editable=False, null=True, size=None
            ),
        ),
    ]
