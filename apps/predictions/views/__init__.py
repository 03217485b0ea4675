"""Pages: the consultation, notes, outcomes and the history."""
