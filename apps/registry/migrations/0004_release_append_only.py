"""Who released what, on which evidence, must stay true; and nobody decides on his own proposal."""

from django.db import migrations

from apps.core.append_only import append_only

_WITH_ITS_PROPOSER = """
ALTER TABLE registry_decision ADD CONSTRAINT decision_names_its_proposer
    FOREIGN KEY (proposal_id, proposed_by_id) REFERENCES registry_proposal (id, proposed_by_id);
"""
_WITHOUT = "ALTER TABLE registry_decision DROP CONSTRAINT decision_names_its_proposer;"


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_release")]

    operations = [
        migrations.RunSQL(_WITH_ITS_PROPOSER, _WITHOUT),
        append_only("registry_gatereport"),
        append_only("registry_proposal"),
        append_only("registry_decision"),
        append_only("registry_stop"),
    ]
