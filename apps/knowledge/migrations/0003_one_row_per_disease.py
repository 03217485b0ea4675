"""Diseases know every id that means them; annotations say whether anybody has seen them in their source."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("knowledge", "0002_maintain"),
    ]

    operations = [
        migrations.AddField(
            model_name="annotation",
            name="is_verified",
            field=models.BooleanField(
                default=True, help_text="false where nobody has seen the statement in its source"
            ),
        ),
        migrations.AddField(
            model_name="disease",
            name="ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=30), default=list, size=None
            ),
        ),
        # until knowledge is loaded again, each stored disease stands for its own id alone
        migrations.RunSQL("UPDATE knowledge_disease SET ids = ARRAY[id]", migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="disease",
            index=django.contrib.postgres.indexes.GinIndex(fields=["ids"], name="disease_ids"),
        ),
    ]
