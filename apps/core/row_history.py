"""Row history: the database itself writes down each version of a row, whoever changes it and however (ADR 33).

Triggers run once a statement and as the owner, so bulk writes and plain SQL are seen as well, and the application's
role may read the history but neither write it, nor change it, nor switch it off.
"""

from django.db import migrations

HISTORY = "cases_rowversion"  # in the statements below by its name

# `of_patient`, `of_case`: columns of the table that lead there, or ""; without the first, the case says whose it is.
# A patient without a key is new, or is being erased: then nothing is written down any more.
_KEEP = """
CREATE FUNCTION hoofbeat_keep_versions(
    kept_table text, act text, of_patient text, of_case text, left_out text[], rows jsonb[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO cases_rowversion
        (organisation_id, patient_id, case_id, table_name, row_id, act, content, changed_at, transaction)
    SELECT p.organisation_id, p.id, CASE WHEN of_case <> '' THEN (r->>of_case)::uuid END, kept_table, r->>'id', act,
           CASE WHEN act <> 'delete' THEN r - left_out END, transaction_timestamp(), pg_current_xact_id()::text::bigint
    FROM unnest(rows) WITH ORDINALITY AS given(r, place)
    JOIN cases_patient p ON p.id = CASE
        WHEN of_patient <> '' THEN (r->>of_patient)::uuid
        ELSE (SELECT c.patient_id FROM cases_case c WHERE c.id = (r->>of_case)::uuid)
    END
    WHERE act = 'insert' OR EXISTS (SELECT FROM cases_patientkey k WHERE k.patient_id = p.id)
    ORDER BY place;
END $$;
"""

# A deleted case or patient takes his versions along; that he was deleted is written down after that.
_FORGET = """
CREATE FUNCTION hoofbeat_forget_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM set_config('hoofbeat.keeping_versions', 'on', true);
    IF TG_TABLE_NAME = 'cases_case' THEN
        DELETE FROM cases_rowversion WHERE case_id = OLD.id;
    ELSE
        DELETE FROM cases_rowversion WHERE patient_id = OLD.id;
    END IF;
    PERFORM set_config('hoofbeat.keeping_versions', 'off', true);
    RETURN NULL;
END $$;
CREATE TRIGGER forget_versions AFTER DELETE ON cases_case
    FOR EACH ROW EXECUTE FUNCTION hoofbeat_forget_versions();
CREATE TRIGGER forget_versions AFTER DELETE ON cases_patient
    FOR EACH ROW EXECUTE FUNCTION hoofbeat_forget_versions();
"""

# The act's audit event comes last in its transaction, and names all that was written before it.
_NAME_EVENT = """
CREATE FUNCTION hoofbeat_name_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM set_config('hoofbeat.keeping_versions', 'on', true);
    UPDATE cases_rowversion SET event_id = NEW.id
        WHERE event_id IS NULL AND transaction = pg_current_xact_id()::text::bigint
        AND changed_at = transaction_timestamp();
    PERFORM set_config('hoofbeat.keeping_versions', 'off', true);
    RETURN NULL;
END $$;
CREATE TRIGGER name_event AFTER INSERT ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION hoofbeat_name_event();
"""

_NO_FUNCTIONS = """
DROP TRIGGER name_event ON audit_auditevent;
DROP TRIGGER forget_versions ON cases_case;
DROP TRIGGER forget_versions ON cases_patient;
DROP FUNCTION hoofbeat_name_event();
DROP FUNCTION hoofbeat_forget_versions();
DROP FUNCTION hoofbeat_keep_versions(text, text, text, text, text[], jsonb[]);
"""

_TABLE = """
CREATE FUNCTION {table}_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE versions jsonb[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        versions := ARRAY(SELECT to_jsonb(o) FROM old_rows o ORDER BY o.id);
    ELSIF TG_OP = 'INSERT' THEN
        versions := ARRAY(SELECT to_jsonb(n) FROM new_rows n ORDER BY n.id);
    ELSE
        -- What is left out changes with every act, and says nothing by itself.
        versions := ARRAY(
            SELECT to_jsonb(n) FROM new_rows n JOIN old_rows o ON o.id = n.id
            WHERE to_jsonb(n) - {left_out} IS DISTINCT FROM to_jsonb(o) - {left_out} ORDER BY n.id
        );
    END IF;
    IF cardinality(versions) > 0 THEN
        PERFORM hoofbeat_keep_versions(
            '{table}', lower(TG_OP), '{of_patient}', '{of_case}', {left_out}, versions
        );
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER version_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_versions();
CREATE TRIGGER version_update AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_versions();
CREATE TRIGGER version_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_versions();
SELECT hoofbeat_keep_versions(
    '{table}', 'found', '{of_patient}', '{of_case}', {left_out}, ARRAY(SELECT to_jsonb(t) FROM {table} t ORDER BY t.id)
);
"""

_NO_TABLE = """
DROP TRIGGER version_insert ON {table};
DROP TRIGGER version_update ON {table};
DROP TRIGGER version_delete ON {table};
DROP FUNCTION {table}_versions();
"""


def history_functions() -> migrations.RunSQL:
    """Operation that makes what `keep_versions` needs; the history's own table must be there."""
    # Nobody but triggers has a reason to call it.
    closed = (
        "REVOKE ALL ON FUNCTION hoofbeat_keep_versions(text, text, text, text, text[], jsonb[]) FROM PUBLIC;"
    )
    return migrations.RunSQL(_KEEP + closed + _FORGET + _NAME_EVENT, _NO_FUNCTIONS)


def keep_versions(
    table: str, *, of_patient: str = "", of_case: str = "", left_out: tuple[str, ...] = ()
) -> migrations.RunSQL:
    """Operation that keeps each version of the rows of `table` from now on, beginning with those that are there.

    `of_patient` and `of_case` are the columns that lead to the patient and the case, one of them at least. Columns of
    `left_out` are not kept, and a change of these alone is no version. The table's primary key is called `id`.
    """
    columns = "'{" + ",".join(left_out) + "}'::text[]"
    filled = _TABLE.format(table=table, of_patient=of_patient, of_case=of_case, left_out=columns)
    return migrations.RunSQL(filled, _NO_TABLE.format(table=table))
