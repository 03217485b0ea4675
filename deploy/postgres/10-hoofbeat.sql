-- For the postgres image, which runs it once, when the data folder is empty. Passwords come from the container's
-- environment, so they stand on no command line.
\set ON_ERROR_STOP on
\getenv owner_password HOOFBEAT_OWNER_PASSWORD
\getenv app_password HOOFBEAT_APP_PASSWORD
\connect template1
SELECT set_config('hoofbeat.owner_password', :'owner_password', false) \g /dev/null
SELECT set_config('hoofbeat.app_password', :'app_password', false) \g /dev/null
\i /hoofbeat/roles.sql
CREATE DATABASE hoofbeat OWNER hoofbeat_owner;
