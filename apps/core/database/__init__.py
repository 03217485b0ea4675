"""Django's PostgreSQL backend, with each statement in the scope of an organisation."""
