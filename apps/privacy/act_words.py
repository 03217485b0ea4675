"""What was done with a patient's data, and what for, in words for the patient himself."""

from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.roles import Role
from apps.audit.purposes import CARE, LEARNING, OVERSIGHT, RESEARCH, RIGHTS, purpose_of
from apps.core.capabilities import Capability

Words = str | Promise

# By the name of the act in the audit trail.
ACTS: dict[str, Words] = {
    "case.create": gettext_lazy("Your record was made"),
    "case.change": gettext_lazy("Your record was changed"),
    "case.read": gettext_lazy("Your record was opened"),
    "case.list": gettext_lazy("Your record was on a list that was shown"),
    "case.export": gettext_lazy("Your record was in a list that was downloaded"),
    "case.finding.set": gettext_lazy("A symptom was added to your record, or changed"),
    "case.finding.remove": gettext_lazy("A symptom was taken off your record"),
    "case.finding.unknown": gettext_lazy("It was recorded that a symptom could not be told"),
    "case.finding.ask_again": gettext_lazy("It was decided to look for a symptom again"),
    "case.share": gettext_lazy("Somebody was added to those who care for you"),
    "case.outcome": gettext_lazy("Your diagnosis was recorded"),
    "case.purge": gettext_lazy("Your record was deleted, because its time was over"),
    "person.read": gettext_lazy("It was looked up who you are"),
    "person.change": gettext_lazy("Your name or contact was changed"),
    "consent.read": gettext_lazy("It was looked up to what you agreed"),
    "consent.give": gettext_lazy("Your consent was recorded"),
    "consent.withdraw": gettext_lazy("The withdrawal of your consent was recorded"),
    "note.read": gettext_lazy("A note about you was searched for symptoms"),
    "packet.read": gettext_lazy("A file about you was read"),
    "prediction.create": gettext_lazy("Possible diseases were worked out from your symptoms"),
    "prediction.ask": gettext_lazy("It was worked out which symptom to look for next"),
    "prediction.read": gettext_lazy("An earlier list of possible diseases was opened"),
    "prediction.explain": gettext_lazy("The reasons for a possible disease were opened"),
    "prediction.list": gettext_lazy("Your possible diseases were on a list that was shown"),
    "prediction.export": gettext_lazy("Your possible diseases were in a list that was downloaded"),
    "prediction.proof": gettext_lazy("A proof of an earlier list was downloaded"),
    "prediction.reproduce": gettext_lazy("It was checked that an earlier list can be worked out again"),
    "feedback.create": gettext_lazy("It was recorded whether a list of possible diseases was right"),
    "feedback.list": gettext_lazy("Recorded diagnoses, yours among them, were shown"),
    "emergency.open": gettext_lazy("Your record was opened up for an emergency"),
    "emergency.review": gettext_lazy("The opening of your record in an emergency was reviewed"),
    "emergency.list": gettext_lazy("Openings in emergencies were listed, yours among them"),
    "hold.place": gettext_lazy("It was decided to keep your data, or to use them for nothing"),
    "hold.lift": gettext_lazy("A decision to keep or restrict your data was lifted"),
    "hold.read": gettext_lazy("It was looked up whether your data are held or restricted"),
    "hold.list": gettext_lazy("Patients whose data are held or restricted were listed, you among them"),
    "patient.search": gettext_lazy("You were looked for by pseudonym or record number"),
    "erasure.list": gettext_lazy("Erasures were listed, that of your data among them"),
    "erasure.refuse": gettext_lazy("The erasure of your data was refused, because they are held"),
    "erasure.preview": gettext_lazy("It was counted what erasing your data would delete"),
    "erasure.read": gettext_lazy("The receipt of the erasure of your data was opened"),
    "erasure.request": gettext_lazy("The erasure of your data was asked for"),
    "patient.erase": gettext_lazy("Your data were erased"),
    "key.rotate": gettext_lazy("The key that protects your data was renewed"),
    "dataset.create": gettext_lazy("Your confirmed diagnosis was taken into training data"),
    "research.create": gettext_lazy(
        "Your data, without what tells who you are, were taken into an export for research"
    ),
    "research.download": gettext_lazy(
        "An export for research was downloaded, with your data without what tells who you are"
    ),
    "archive.request": gettext_lazy("A copy of all your data was asked for"),
    "archive.create": gettext_lazy("A copy of all your data was made"),
    "archive.read": gettext_lazy("It was looked up how far the copy of your data is"),
    "archive.download": gettext_lazy("The copy of all your data was downloaded"),
    "audit.read": gettext_lazy("It was looked up who used your data"),
    "audit.export": gettext_lazy("A list of who used your data was downloaded"),
    "audit.proof": gettext_lazy("A proof of one use of your data was downloaded"),
    "access_report.read": gettext_lazy("This report was made"),
    "access_report.export": gettext_lazy("This report was downloaded"),
}

PURPOSES: dict[str, Words] = {
    CARE: gettext_lazy("your care"),
    RIGHTS: gettext_lazy("data protection: your rights, and the time limits for keeping data"),
    OVERSIGHT: gettext_lazy("supervision of who uses the system"),
    LEARNING: gettext_lazy("improving the system, to which you agreed"),
    RESEARCH: gettext_lazy("research, to which you agreed"),
}


def act_words(action: str) -> str:
    """What was done, or what somebody lacked the right to do; the name of an act for which there are no words yet."""
    return str(ACTS.get(action) or dict(Capability.choices).get(action, action))


def purpose_words(action: str, purpose: str) -> str:
    """What for: an emergency where the event says so, else what the act is for."""
    if "emergency:" in purpose:
        return _("an emergency, outside of those who care for you")
    return str(PURPOSES.get(purpose_of(action), purpose))


def role_words(roles: list[str], actor_id: UUID | None) -> str:
    """As what somebody acted."""
    if actor_id is None:
        return _("the system, without a person")
    known = dict(Role.choices)
    return ", ".join(str(known.get(role, role)) for role in roles) or _("an account without a role")
