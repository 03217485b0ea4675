"""What for somebody uses a patient's data, as the act itself says."""

CARE, RIGHTS, OVERSIGHT, LEARNING, RESEARCH = "care", "rights", "oversight", "training", "research"

_OF_AREA = {
    "case": CARE,
    "person": CARE,
    "note": CARE,
    "packet": CARE,
    "prediction": CARE,
    "feedback": CARE,
    "consent": RIGHTS,
    "patient": RIGHTS,
    "privacy": RIGHTS,
    "hold": RIGHTS,
    "erasure": RIGHTS,
    "archive": RIGHTS,
    "access_report": RIGHTS,
    "emergency": OVERSIGHT,
    "key": OVERSIGHT,
    "audit": OVERSIGHT,
    "dataset": LEARNING,
    "research": RESEARCH,
}
_OF_ACT = {
    "case.purge": RIGHTS,
    "emergency.open": CARE,
    "prediction.proof": OVERSIGHT,
    "prediction.reproduce": OVERSIGHT,
}


def purpose_of(action: str) -> str:
    """The purpose of an act in the trail; "" for one that is about no patient."""
    return _OF_ACT.get(action) or _OF_AREA.get(action.partition(".")[0], "")
