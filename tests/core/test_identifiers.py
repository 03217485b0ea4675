"""Identifiers are version 7 UUIDs that sort by the time they were made."""

from apps.core.identifiers import uuid7


def test_shape_and_order() -> None:
    made = [uuid7() for _ in range(1000)]
    assert {(identifier.version, identifier.variant) for identifier in made} == {(7, "specified in RFC 4122")}
    assert len(set(made)) == 1000
    milliseconds = [identifier.int >> 80 for identifier in made]
    assert milliseconds == sorted(milliseconds)
