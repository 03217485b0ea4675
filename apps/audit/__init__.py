"""Who did what, when, to whose data. Opaque ids only, so that the trail outlives erasure."""
