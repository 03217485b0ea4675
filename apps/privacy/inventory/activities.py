"""Why this system processes data on persons.

The legal bases are what the system was built for; a controller who has others changes them here.
"""

from django.utils.translation import gettext_lazy as _

from apps.privacy.inventory.kinds import Activity

_CLINIC = _(
    "the case's care team; for an hour, clinicians who open it in an emergency; programs of the same organisation"
)
_PATIENTS = _("patients")
_STAFF = _("staff and programs of the organisations")

CARE = Activity(
    name=_("Differential diagnosis"),
    purpose=_(
        "say which diseases a patient may have, for the clinicians who care for him, and watch whether what is said "
        "holds"
    ),
    basis=_(
        "art. 6(1)(a) and 9(2)(a), consent, without which nothing is predicted; art. 9(2)(h), health care, for the "
        "case record itself"
    ),
    subjects=_PATIENTS,
    data=_(
        "who the patient is, as far as the hospital enters it (pseudonym, name, record number, contact, notes); age, "
        "sex, findings, predictions, confirmed diagnosis"
    ),
    recipients=_CLINIC,
    retention=_(
        "{retention_days} days after the case was last changed, or as the organisation has set, or until it is erased"
    ),
    of_patients=True,
)
CONSENT = Activity(
    name=_("Consent"),
    purpose=_("prove to what a patient agreed, and do no more than that"),
    basis=_("art. 6(1)(c) with art. 7(1), being able to show consent"),
    subjects=_PATIENTS,
    data=_(
        "for which purpose consent was given or withdrawn, to which text, how, when, and who wrote it down"
    ),
    recipients=_CLINIC,
    retention=_("as long as the patient has a case; append-only until his key is destroyed"),
    of_patients=True,
)
EMERGENCY = Activity(
    name=_("Emergency access"),
    purpose=_("let somebody outside the care team help a patient in danger, and have that reviewed"),
    basis=_("art. 6(1)(d) and 9(2)(c), vital interests"),
    subjects=_("patients; clinicians"),
    data=_("who opened whose cases, until when, for which reason, and whether it was justified"),
    recipients=_("privacy officers; the clinician himself"),
    retention=_("as long as the patient has a case"),
    of_patients=True,
)
HOLDS = Activity(
    name=_("Legal holds and restrictions"),
    purpose=_("keep what a court or the patient himself needs, and use it for nothing else"),
    basis=_("art. 6(1)(c) with art. 17(3)(e) and 18"),
    subjects=_("patients; privacy officers"),
    data=_("whose data are held or restricted, why, by whom, from when to when"),
    recipients=_("privacy officers; the care team sees that processing is restricted, not why"),
    retention=_("as long as the patient has a case"),
    of_patients=True,
)
ROW_HISTORY = Activity(
    name=_("History of clinical records"),
    purpose=_(
        "show what a record said before it was changed, and by which act, also when the application was bypassed"
    ),
    basis=_("art. 6(1)(c) with art. 5(1)(d), 5(2) and 32, accuracy that can be accounted for"),
    subjects=_PATIENTS,
    data=_("each version of cases, findings, confirmed diagnoses, care teams, emergency access and holds"),
    recipients=_("who answers for the database, on request of a privacy officer"),
    retention=_("with the case or the patient that it is about"),
    of_patients=True,
)
TRAINING = Activity(
    name=_("Model training"),
    purpose=_("learn from confirmed diagnoses, so that later predictions are better"),
    basis=_("art. 6(1)(a) and 9(2)(a), consent to model training"),
    subjects=_PATIENTS,
    data=_("age, sex, findings and confirmed diagnosis under opaque ids"),
    recipients=_("data scientists see counts and results, never cases of the installation’s own patients"),
    retention=_(
        "datasets and models are kept, so that each prediction can be explained by the model that made it"
    ),
    transfers=_("none, unless a store that the settings name stands abroad"),
    elsewhere=_("files of cases (JSON lines and Parquet) in DATA_STORE, models in MODEL_STORE"),
    of_patients=True,
)
OTHER_CASES = Activity(
    name=_("Cases of other sources"),
    purpose=_("learn from cases that others have collected, and show what became of each of their rows"),
    basis=_("what the source’s controller has agreed: art. 6(1)(a) and 9(2)(a), or 9(2)(j) with art. 89(1)"),
    subjects=_("patients of others, as pseudonymous as the source hands them over"),
    data=_(
        "age, sex, findings and diagnosis under the source’s ids; values that cannot be read; notes in raw files"
    ),
    recipients=_("data scientists, auditors and administrators of the installation"),
    retention=_("kept, so that each model can be explained by the data that it learnt from"),
    transfers=_("none, unless a store or a source that the settings name stands abroad"),
    elsewhere=_("raw files in RAW_STORE, files of cases in DATA_STORE"),
    of_patients=True,
)
RESEARCH = Activity(
    name=_("De-identified exports for research"),
    purpose=_("let studies use what was learnt in care, without knowing from whom"),
    basis=_("art. 6(1)(a) and 9(2)(a), consent to research, with the safeguards of art. 89(1)"),
    subjects=_PATIENTS,
    data=_(
        "ages as bands, sex, dates moved by an unknown number of days, findings and confirmed diagnosis; no free text, "
        "no id of the system"
    ),
    recipients=_("privacy officers; the study that they name"),
    retention=_("{archive_days} days; then the row without its content"),
    transfers=_("none by the system; where the study works, its contract says"),
    of_patients=True,
)
PRIORS = Activity(
    name=_("Case mix"),
    purpose=_("weigh diseases by how often an organisation meets them"),
    basis=_("art. 6(1)(f), answers that fit the clinic"),
    subjects=_("patients, as counts; staff"),
    data=_("number of patients by diagnosis; who entered it"),
    recipients=_("those of the organisation who may choose the prior"),
    retention=_("kept, for predictions name the mix that they were made with"),
    of_patients=True,
)
REPETITION = Activity(
    name=_("Requests sent twice"),
    purpose=_("answer a request that a program sends again as before, and do nothing twice"),
    basis=_("art. 6(1)(f), soundness of the records"),
    subjects=_("patients; programs"),
    data=_("the answer, as ciphertext that only the caller's own request opens"),
    recipients=_("the program that asked"),
    retention=_("{idempotency_hours} hours"),
    of_patients=True,
)
ACCOUNTS = Activity(
    name=_("Accounts and roles"),
    purpose=_("know who works with the system, and let him do what his role may"),
    basis=_("art. 6(1)(c) with art. 32, access only for those who need it"),
    subjects=_STAFF,
    data=_("name, user name, e-mail address, organisation, roles, API tokens (as digests)"),
    recipients=_("administrators; colleagues see names"),
    retention=_("until an administrator removes the account; it can be closed before"),
)
SIGNING_IN = Activity(
    name=_("Signing in"),
    purpose=_("let in only who proves that he is the owner of an account"),
    basis=_("art. 6(1)(c) with art. 32, security"),
    subjects=_("staff; whoever tries to sign in"),
    data=_("password (as hash), second factors, sessions, failed attempts with address and browser"),
    recipients=_("administrators see locked accounts"),
    retention=_(
        "sessions hold for {session_hours} hours at most, and their rows until `clearsessions`; failed attempts for "
        "{lockout_minutes} minutes, and until the next sign-in"
    ),
)
AUDIT = Activity(
    name=_("Audit trail"),
    purpose=_("show who did and saw what, so that misuse is found and decisions can be explained"),
    basis=_("art. 6(1)(c) with art. 5(2) and 32; EU AI Act art. 12"),
    subjects=_("staff and programs; patients, by opaque id"),
    data=_("opaque ids of persons and records, acts, roles, times, network addresses"),
    recipients=_("auditors; whoever is shown the proof of one event"),
    retention=_("kept: after an erasure the opaque id of a patient leads to nobody"),
    transfers=_("none, unless a store that the settings name stands abroad"),
    elsewhere=_("hashes of the events in AUDIT_ANCHOR; the server's log, as long as its operator keeps it"),
)
ALERTS = Activity(
    name=_("Alerts"),
    purpose=_("tell privacy officers of what may be misuse"),
    basis=_("art. 6(1)(c) with art. 32 and 33"),
    subjects=_("staff"),
    data=_("opaque id of the account, kind and figure of what alarmed; no patient"),
    recipients=_("privacy officers; the mail server and the webhook that the settings name"),
    transfers=_("none, unless the mail server or the webhook stands abroad"),
    retention=_("kept"),
)
PRIVACY = Activity(
    name=_("Data protection"),
    purpose=_("keep the time limits, and carry out and prove what patients may ask for"),
    basis=_("art. 6(1)(c) with art. 5(2) and 15 to 22"),
    subjects=_("patients, by opaque id; staff"),
    data=_("what was deleted, when, and on whose request; no more of the patient than an opaque id"),
    recipients=_("privacy officers"),
    retention=_("kept, for they prove what was done"),
    elsewhere=_("opaque ids of erased patients in ERASURE_LEDGER"),
)
OPERATION = Activity(
    name=_("Operation of the system"),
    purpose=_(
        "published knowledge on diseases, models, schedules and other things that make the system work"
    ),
    basis=_("none is needed for what says nothing of persons; art. 6(1)(f) for who switched something"),
    subjects=_("none, but for opaque ids of staff"),
    data=_("no data on patients"),
    recipients=_("everybody who may use the system"),
    retention=_("as long as it is of use"),
    elsewhere=_("opaque ids of jobs in the broker, until they are done"),
)
