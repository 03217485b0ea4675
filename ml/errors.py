"""What every failure of the engine that a person should read has in common."""


class EngineError(Exception):
    """The message is one clear sentence: what is wrong, and what would be right."""
