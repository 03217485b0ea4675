"""A purpose may name the emergency access under which something was read."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_sealing")]

    operations = [
        migrations.AlterField("auditevent", "purpose", models.CharField(blank=True, max_length=100)),
    ]
