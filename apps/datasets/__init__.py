"""What models learn from: immutable dataset versions."""
