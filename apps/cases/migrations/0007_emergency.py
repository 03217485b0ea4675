"""Emergency access, and the trigger that names it as the purpose of whatever is done under it.

A trigger, so that no way to a patient can forget it, and no request costs one more query.
"""

from datetime import timedelta

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.core.identifiers

_TRIGGER = """
CREATE FUNCTION hoofbeat_emergency_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE access uuid;
BEGIN
    SELECT id INTO access FROM cases_emergencyaccess
    WHERE user_id = NEW.actor_id AND patient_id = ANY (NEW.patient_ids) AND expires_at > now()
    ORDER BY expires_at DESC LIMIT 1;
    IF FOUND THEN
        NEW.purpose = concat_ws(' ', nullif(NEW.purpose, ''), 'emergency:' || access);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER emergency_purpose BEFORE INSERT ON audit_auditevent FOR EACH ROW
    WHEN (NEW.actor_id IS NOT NULL AND cardinality(NEW.patient_ids) > 0)
    EXECUTE FUNCTION hoofbeat_emergency_purpose();
"""
_NO_TRIGGER = """
DROP TRIGGER emergency_purpose ON audit_auditevent;
DROP FUNCTION hoofbeat_emergency_purpose();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0006_only_sealed"),
        ("accounts", "0005_emergency"),
        ("audit", "0004_longer_purpose"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EmergencyAccess",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.identifiers.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("sealed_reason", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
                ("reviewed_at", models.DateTimeField(null=True)),
                ("is_justified", models.BooleanField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="emergencies",
                        to="cases.patient",
                    ),
                ),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "indexes": [models.Index(fields=["user", "expires_at"], name="emergency_of_user")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("reviewed_at__isnull", True)),
                        fields=("user", "patient"),
                        name="emergency_once_until_reviewed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "expires_at__lte",
                                models.expressions.CombinedExpression(
                                    models.F("created_at"), "+", models.Value(timedelta(minutes=60))
                                ),
                            )
                        ),
                        name="emergency_at_most_an_hour",
                    ),
                ],
            },
        ),
        migrations.RunSQL(_TRIGGER, _NO_TRIGGER),
    ]
