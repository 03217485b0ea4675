"""People and programs: organisations, accounts, roles and their capabilities, API tokens."""
