-- The two roles of Hoofbeat, for the embedded server and for the container alike. Run by a superuser, connected to
-- template1, before the database is created; running it again changes nothing but the passwords.
-- Passwords come as the settings hoofbeat.owner_password and hoofbeat.app_password of this session.
--
-- hoofbeat_owner owns the database and runs the migrations. hoofbeat_app is what the web server and the workers are:
-- it owns nothing, so it cannot drop, truncate or alter anything, nor disable the triggers that keep the records.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['owner', 'app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hoofbeat_' || role) THEN
            EXECUTE format('CREATE ROLE %I', 'hoofbeat_' || role);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
            'hoofbeat_' || role, current_setting('hoofbeat.' || role || '_password')
        );
    END LOOP;
END
$$;

-- In template1, so that every database made from it (the test databases too) has them before its first migration.
ALTER DEFAULT PRIVILEGES FOR ROLE hoofbeat_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO hoofbeat_app;
ALTER DEFAULT PRIVILEGES FOR ROLE hoofbeat_owner GRANT USAGE, SELECT ON SEQUENCES TO hoofbeat_app;
