"""What is released by a decision is what was proposed and approved: this model, this share, by whoever decided."""

from django.db import migrations

_CHECK = """
CREATE FUNCTION registry_activation_as_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM registry_decision decision
        JOIN registry_proposal proposal ON proposal.id = decision.proposal_id
        WHERE decision.id = NEW.decision_id AND decision.is_approved AND decision.decided_by_id = NEW.activated_by_id
            AND proposal.model_id = NEW.model_id AND proposal.share = NEW.share
    ) THEN
        RAISE EXCEPTION 'registry_activation: its decision approves no such release' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER activation_as_decided BEFORE INSERT ON registry_activation
    FOR EACH ROW WHEN (NEW.decision_id IS NOT NULL) EXECUTE FUNCTION registry_activation_as_decided();
"""
_DROP = """
DROP TRIGGER activation_as_decided ON registry_activation;
DROP FUNCTION registry_activation_as_decided();
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_release_append_only")]

    operations = [migrations.RunSQL(_CHECK, _DROP)]
