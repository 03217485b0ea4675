"""Other systems: phenopackets in."""
