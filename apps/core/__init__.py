"""What every app stands on: identifiers, capabilities, problems, middleware, health."""
