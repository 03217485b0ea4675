"""What was done with a patient's data, and what for, in words for the patient himself."""

from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.roles import Role

Words = str | Promise

CARE = gettext_lazy("your care")
RIGHTS = gettext_lazy("data protection: your rights, and the time limits for keeping data")
OVERSIGHT = gettext_lazy("supervision of who uses the system")
LEARNING = gettext_lazy("improving the system, to which you agreed")
RESEARCH = gettext_lazy("research, to which you agreed")

# By the name of the act in the audit trail: what it is, and what for unless the event says so.
ACTS: dict[str, tuple[Words, Words]] = {
    "case.create": (gettext_lazy("Your record was made"), CARE),
    "case.change": (gettext_lazy("Your record was changed"), CARE),
    "case.read": (gettext_lazy("Your record was opened"), CARE),
    "case.list": (gettext_lazy("Your record was on a list that was shown"), CARE),
    "case.export": (gettext_lazy("Your record was in a list that was downloaded"), CARE),
    "case.share": (gettext_lazy("Somebody was added to those who care for you"), CARE),
    "case.outcome": (gettext_lazy("Your diagnosis was recorded"), CARE),
    "case.purge": (gettext_lazy("Your record was deleted, because its time was over"), RIGHTS),
    "person.read": (gettext_lazy("It was looked up who you are"), CARE),
    "person.change": (gettext_lazy("Your name or contact was changed"), CARE),
    "consent.read": (gettext_lazy("It was looked up to what you agreed"), RIGHTS),
    "consent.give": (gettext_lazy("Your consent was recorded"), RIGHTS),
    "consent.withdraw": (gettext_lazy("The withdrawal of your consent was recorded"), RIGHTS),
    "note.read": (gettext_lazy("A note about you was searched for symptoms"), CARE),
    "packet.read": (gettext_lazy("A file about you was read"), CARE),
    "prediction.create": (gettext_lazy("Possible diseases were worked out from your symptoms"), CARE),
    "prediction.ask": (gettext_lazy("It was worked out which symptom to look for next"), CARE),
    "prediction.read": (gettext_lazy("An earlier list of possible diseases was opened"), CARE),
    "prediction.explain": (gettext_lazy("The reasons for a possible disease were opened"), CARE),
    "prediction.list": (gettext_lazy("Your possible diseases were on a list that was shown"), CARE),
    "prediction.export": (gettext_lazy("Your possible diseases were in a list that was downloaded"), CARE),
    "prediction.proof": (gettext_lazy("A proof of an earlier list was downloaded"), OVERSIGHT),
    "feedback.create": (gettext_lazy("It was recorded whether a list of possible diseases was right"), CARE),
    "feedback.list": (gettext_lazy("Recorded diagnoses, yours among them, were shown"), CARE),
    "emergency.open": (gettext_lazy("Your record was opened up for an emergency"), CARE),
    "emergency.review": (gettext_lazy("The opening of your record in an emergency was reviewed"), OVERSIGHT),
    "emergency.list": (gettext_lazy("Openings in emergencies were listed, yours among them"), OVERSIGHT),
    "hold.place": (gettext_lazy("It was decided to keep your data, or to use them for nothing"), RIGHTS),
    "hold.lift": (gettext_lazy("A decision to keep or restrict your data was lifted"), RIGHTS),
    "hold.read": (gettext_lazy("It was looked up whether your data are held or restricted"), RIGHTS),
    "hold.list": (
        gettext_lazy("Patients whose data are held or restricted were listed, you among them"),
        RIGHTS,
    ),
    "erasure.refuse": (gettext_lazy("The erasure of your data was refused, because they are held"), RIGHTS),
    "erasure.preview": (gettext_lazy("It was counted what erasing your data would delete"), RIGHTS),
    "erasure.read": (gettext_lazy("The receipt of the erasure of your data was opened"), RIGHTS),
    "erasure.request": (gettext_lazy("The erasure of your data was asked for"), RIGHTS),
    "patient.erase": (gettext_lazy("Your data were erased"), RIGHTS),
    "key.rotate": (gettext_lazy("The key that protects your data was renewed"), OVERSIGHT),
    "dataset.create": (gettext_lazy("Your confirmed diagnosis was taken into training data"), LEARNING),
    "research.create": (
        gettext_lazy("Your data, without what tells who you are, were taken into an export for research"),
        RESEARCH,
    ),
    "research.download": (
        gettext_lazy("An export for research was downloaded, with your data without what tells who you are"),
        RESEARCH,
    ),
    "archive.request": (gettext_lazy("A copy of all your data was asked for"), RIGHTS),
    "archive.create": (gettext_lazy("A copy of all your data was made"), RIGHTS),
    "archive.read": (gettext_lazy("It was looked up how far the copy of your data is"), RIGHTS),
    "archive.download": (gettext_lazy("The copy of all your data was downloaded"), RIGHTS),
    "audit.read": (gettext_lazy("It was looked up who used your data"), OVERSIGHT),
    "audit.export": (gettext_lazy("A list of who used your data was downloaded"), OVERSIGHT),
    "audit.proof": (gettext_lazy("A proof of one use of your data was downloaded"), OVERSIGHT),
    "access_report.read": (gettext_lazy("This report was made"), RIGHTS),
    "access_report.export": (gettext_lazy("This report was downloaded"), RIGHTS),
}

_PURPOSES: dict[str, Words] = {
    "care": CARE,
    "training": LEARNING,
    "erasure": RIGHTS,
    "retention": RIGHTS,
    "research": RESEARCH,
}


def act_words(action: str) -> str:
    """What was done; the name of an act for which there are no words yet."""
    words = ACTS.get(action)
    return str(words[0]) if words else action


def purpose_words(action: str, purpose: str) -> str:
    """What for: an emergency where the event says so, else what the act is for."""
    if "emergency:" in purpose:
        return _("an emergency, outside of those who care for you")
    if action in ACTS:
        return str(ACTS[action][1])
    return str(_PURPOSES.get(purpose, purpose))


def role_words(roles: list[str], actor_id: UUID | None) -> str:
    """As what somebody acted."""
    if actor_id is None:
        return _("the system, without a person")
    known = dict(Role.choices)
    return ", ".join(str(known.get(role, role)) for role in roles) or _("an account without a role")
