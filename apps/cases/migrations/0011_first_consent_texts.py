"""The texts that the system comes with, and acts and texts that nobody changes any more (ADR 28)."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

from apps.core.append_only import append_only, append_only_with

# What the system does and no more; `manage.py publish_consent_text` puts a hospital's own in their place.
TEXTS = {
    ("care", "en"): (
        "I agree that those who care for me enter my findings, my age and my sex into Hoofbeat, and that it lists diseases "
        "that may explain them. The list advises; a clinician decides. I can withdraw this consent at any time without "
        "giving a reason; from then on no list is made for me. What was done before remains lawful."
    ),
    ("care", "es"): (
        "Consiento que quienes me atienden introduzcan mis hallazgos, mi edad y mi sexo en Hoofbeat, y que este enumere "
        "enfermedades que puedan explicarlos. La lista aconseja; decide un clínico. Puedo retirar este consentimiento en "
        "cualquier momento sin dar motivos; desde entonces no se elaborará ninguna lista para mí. Lo hecho antes sigue "
        "siendo lícito."
    ),
    ("training", "en"): (
        "I agree that my findings, age, sex and diagnosis, once it is confirmed, are used to train the models of Hoofbeat, "
        "without my name and without my pseudonym. This changes nothing in my care. I can withdraw this consent at any "
        "time without giving a reason; from then on my case is left out of every training. What models learnt before "
        "remains in them."
    ),
    ("training", "es"): (
        "Consiento que mis hallazgos, mi edad, mi sexo y mi diagnóstico, una vez confirmado, se usen para entrenar los "
        "modelos de Hoofbeat, sin mi nombre y sin mi seudónimo. Nada cambia en mi asistencia. Puedo retirar este "
        "consentimiento en cualquier momento sin dar motivos; desde entonces mi caso queda fuera de todo entrenamiento. "
        "Lo que los modelos aprendieron antes permanece en ellos."
    ),
    ("research", "en"): (
        "I agree that my findings, age, sex and diagnosis are handed to researchers in a form that does not name me. This "
        "changes nothing in my care. I can withdraw this consent at any time without giving a reason; from then on my case "
        "is left out of every such export. What was handed over before cannot be called back."
    ),
    ("research", "es"): (
        "Consiento que mis hallazgos, mi edad, mi sexo y mi diagnóstico se entreguen a investigadores de una forma que no me "
        "nombre. Nada cambia en mi asistencia. Puedo retirar este consentimiento en cualquier momento sin dar motivos; desde "
        "entonces mi caso queda fuera de toda exportación de este tipo. Lo entregado antes no puede recuperarse."
    ),
}


def publish(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rows: Any = apps.get_model("cases", "ConsentText").objects
    for (purpose, language), text in TEXTS.items():
        rows.create(purpose=purpose, version=1, language=language, text=text, valid_from=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("cases", "0010_consent_texts")]

    operations = [
        migrations.RunPython(publish, migrations.RunPython.noop),
        append_only("cases_consenttext"),
        append_only_with("cases_consent", parent="cases_patientkey", column="patient_id"),
    ]
