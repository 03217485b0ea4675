"""Contract: the plain column goes. The table is written anew, for a dropped column stays in old pages of the disk."""

from django.db import migrations, models


class Migration(migrations.Migration):
    # VACUUM runs in no transaction.
    atomic = False
    dependencies = [("cases", "0005_seal_pseudonyms")]

    operations = [
        migrations.AlterModelOptions("patient", {"base_manager_name": "objects"}),
        migrations.RemoveConstraint("patient", "patient_pseudonym_unique"),
        migrations.RemoveIndex("patient", "patient_pseudonym_lower"),
        migrations.RemoveField("patient", "pseudonym"),
        migrations.AlterField("patient", "sealed_pseudonym", models.BinaryField()),
        migrations.AlterField("patient", "pseudonym_index", models.BinaryField(max_length=32)),
        migrations.RunSQL("VACUUM FULL cases_patient", migrations.RunSQL.noop),
    ]
