"""Which model answered when must stay true."""

from django.db import migrations

from apps.core.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [append_only("registry_activation")]
