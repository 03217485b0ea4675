"""With AWS KMS as the key provider all is as with the keyring; S3 keeps anchor and ledger. Over HTTP, to moto."""

import base64
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import User
from apps.audit.anchor import ObjectAnchor
from apps.audit.sealing import anchor_blocks, seal_block
from apps.audit.services import record_event
from apps.audit.verification import verify_trail
from apps.cases import rotation
from apps.cases.models import Case, Patient, PatientKey
from apps.cases.selectors import get_case, person_of
from apps.cases.services import change_person
from apps.core.encryption import KeyMissing, Undecipherable, key_provider, keyring, new_key
from apps.privacy.ledger import Entry, LedgerFailed, keep_entry, list_entries

CANARY = "Zaunkönig-7731"
PERSON = {name: f"{CANARY} {name}" for name in ("name", "identifier", "contact", "note")}
KEYRING, AWS_KMS = "apps.core.encryption.keyring.Keyring", "apps.core.encryption.aws.AwsKms"


class Cloud:
    """KMS and S3 on a port of this machine; counts what KMS is asked, and keeps the last question."""

    def __init__(self) -> None:
        # Here, because it takes a second that a process without these tests need not spend.
        from moto.server import DomainDispatcherApplication, create_backend_app

        self.application = DomainDispatcherApplication(create_backend_app)
        self.asked: Counter[str] = Counter()
        self.question: dict[str, Any] = {}
        self.disabled: set[str] = set()
        self.port = 0
        self.start()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        service, _dot, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if service == "TrentService" and operation in {"DescribeKey", "Encrypt", "Decrypt"}:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            self.asked[operation] += 1
            self.question = json.loads(body)
            if self.question["KeyId"] in self.disabled:  # which moto does not look at
                start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
                return [b'{"__type": "DisabledException"}']
        return self.application(environ, start_response)

    def start(self) -> None:
        from werkzeug.serving import make_server

        self.server = make_server("127.0.0.1", self.port, self, threaded=True)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def client(self, service: str) -> Any:
        import botocore.session

        return botocore.session.get_session().create_client(service)


@pytest.fixture(scope="module")
def server() -> Iterator[Cloud]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    cloud = Cloud()
    yield cloud
    cloud.stop()


@pytest.fixture
def cloud(server: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    server.disabled = set()
    return server


@pytest.fixture
def kms(cloud: Cloud) -> Any:
    """An operator's own client, with the alias that `KMS_KEY` names."""
    client = cloud.client("kms")
    use_new_key(client)
    return client


@pytest.fixture
def provider(kms: Any, settings: Any) -> None:
    settings.KEY_PROVIDER, settings.KMS_KEY = AWS_KMS, "alias/hoofbeat"
    another_process()


def use_new_key(kms: Any) -> str:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    if any(alias["AliasName"] == "alias/hoofbeat" for alias in kms.list_aliases()["Aliases"]):
        kms.update_alias(AliasName="alias/hoofbeat", TargetKeyId=key_id)
    else:
        kms.create_alias(AliasName="alias/hoofbeat", TargetKeyId=key_id)
    return key_id


def another_process() -> None:
    """One that has kept nothing yet."""
    keyring._provider.cache_clear()


@pytest.fixture
def known(
    provider: None, case_of: Callable[..., Case], clinician: User, actor_of: Callable[[User], Actor]
) -> Callable[[int], list[Case]]:
    def make(count: int) -> list[Case]:
        cases = [
            case_of(clinician, pseudonym=f"{CANARY} {number}", present=(), absent=())
            for number in range(count)
        ]
        for case in cases:
            change_person(actor=actor_of(clinician), case_id=case.pk, values=PERSON)
        return cases

    return make


def assert_readable(cases: list[Case], actor: Actor) -> None:
    for number, case in enumerate(cases):
        read = get_case(actor=actor, case_id=case.pk)
        assert (read.patient.pseudonym, person_of(read)) == (f"{CANARY} {number}", PERSON)


@pytest.mark.django_db
def test_a_case_is_entered_read_listed_and_exported_and_only_ciphertext_is_stored(
    known: Callable[[int], list[Case]],
    cloud: Cloud,
    api: Callable[..., Any],
    page: Callable[..., Client],
    clinician: User,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    (case,) = known(1)
    another_process()
    for answer in (
        api(clinician).get(reverse("api:case", args=[case.pk])),
        api(clinician).get(reverse("api:case-person", args=[case.pk])),
        page(clinician).get(reverse("predictions:consultation", args=[case.pk])),
        page(clinician).get(reverse("cases:list")),
        page(clinician).get(reverse("cases:export")),
    ):
        content = b"".join(answer) if answer.streaming else answer.content
        assert (answer.status_code, CANARY in content.decode()) == (200, True)
    key = PatientKey.objects.get()
    assert (len(key.master_key), key.born_under) == (36, key.master_key)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT row_to_json(p)::text || row_to_json(k)::text || row_to_json(c)::text FROM cases_patient p"
            " JOIN cases_patientkey k ON k.patient_id = p.id JOIN cases_case c ON c.patient_id = p.id"
        )
        ((stored,),) = cursor.fetchall()
    secret = key.unwrap()
    assert str(case.pk) in stored
    found = sum(stored.count(form) for form in (CANARY, CANARY.encode().hex(), "Zaunk", secret.hex()))
    told = sum(
        caplog.text.count(form) for form in (CANARY, base64.b64encode(secret).decode(), repr(secret)[2:-1])
    )
    print(f"canary and data key {found} times in the stored columns, {told} times in logs at DEBUG")
    assert (found, told) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cases_patientkey k SET wrapped = o.wrapped FROM cases_patientkey o WHERE o.patient_id = %(other)s AND",
        "UPDATE cases_patientkey k SET wrapped = set_byte(wrapped, 60, get_byte(wrapped, 60) # 1) WHERE",
        "DELETE FROM cases_patientkey k WHERE",
    ],
    ids=["another's key", "a changed byte", "a destroyed key"],
)
def test_a_key_that_was_moved_changed_or_destroyed_opens_nothing_though_the_process_kept_it(
    known: Callable[[int], list[Case]],
    api: Callable[..., Any],
    page: Callable[..., Client],
    clinician: User,
    statement: str,
) -> None:
    case, other = known(2)
    address = reverse("api:case", args=[case.pk])
    assert api(clinician).get(address).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute(
            f"{statement} k.patient_id = %(own)s", {"own": case.patient_id, "other": other.patient_id}
        )
        assert cursor.rowcount == 1
    for answer in (api(clinician).get(address), page(clinician).get(reverse("cases:list"))):
        assert answer.status_code == 503
        assert str(case.patient_id) in answer.content.decode()
        assert CANARY not in answer.content.decode()
    assert api(clinician).get(reverse("api:case", args=[other.pk])).status_code == 200


@pytest.mark.django_db
def test_a_list_asks_once_a_minute_for_each_patient_and_keeps_no_more_than_it_may(
    provider: None,
    cloud: Cloud,
    case_of: Callable[..., Case],
    api: Callable[..., Any],
    clinician: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apps.core.encryption import aws

    for _ in range(50):
        case_of(clinician, present=(), absent=())
    another_process()
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=1000.0)
    monkeypatch.setattr(aws, "time", clock)
    client = api(clinician)

    def asked_for_a_list() -> tuple[int, float]:
        cloud.asked.clear()
        started = time.perf_counter()
        answer = client.get(reverse("api:cases"), {"limit": 50})
        assert (answer.status_code, len(answer.json()["results"])) == (200, 50)
        return cloud.asked.total(), time.perf_counter() - started

    first, slow = asked_for_a_list()
    clock.now += aws.KEPT_SECONDS - 1
    again, fast = asked_for_a_list()
    clock.now += 1
    monkeypatch.setattr(aws, "KEPT_KEYS", 10)
    after, _seconds = asked_for_a_list()
    print(
        f"calls of KMS for a list of 50 cases: {first} for the first ({slow * 1e3:.0f} ms), {again} for another just "
        f"before the minute ends ({fast * 1e3:.0f} ms), {after} after it"
    )
    assert (first, again, after) == (50, 0, 50)
    kept: Any = key_provider()
    assert len(kept._kept._keys) == 10


@pytest.mark.django_db
@pytest.mark.usefixtures("active_model")
def test_without_the_service_nothing_is_shown_stored_or_lost(
    known: Callable[[int], list[Case]],
    cloud: Cloud,
    api: Callable[..., Any],
    page: Callable[..., Client],
    clinician: User,
    actor_of: Callable[[User], Actor],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cases = known(2)
    another_process()
    caplog.clear()
    calls: list[Callable[[], Any]] = [
        lambda: api(clinician).get(reverse("api:case", args=[cases[0].pk])),
        lambda: page(clinician).get(reverse("cases:list")),
        lambda: api(clinician).post(
            reverse("api:cases"), {"pseudonym": "new"}, headers={"Idempotency-Key": "once"}
        ),
    ]
    cloud.stop()
    try:
        answers = [call() for call in calls]
    finally:
        cloud.start()
    for answer in answers:
        text = answer.content.decode()
        assert answer.status_code == 503, text
        assert "EndpointConnectionError" in text
        assert not any(word in text for word in (CANARY, "Traceback", "127.0.0.1"))
    assert [answer["Content-Type"] for answer in answers[::2]] == ["application/problem+json"] * 2
    assert CANARY not in caplog.text
    assert Patient.objects.count() == PatientKey.objects.count() == 2
    assert_readable(cases, actor_of(clinician))
    cloud.disabled = {"alias/hoofbeat"}
    disabled = calls[2]()
    assert (disabled.status_code, "DisabledException" in disabled.content.decode()) == (503, True)
    cloud.disabled = set()
    assert calls[2]().status_code == 201
    print(
        f"{len(answers)} requests without KMS: {len(answers)} answers 503; 2 of 2 cases readable afterwards"
    )


def rotate(*arguments: str) -> str:
    stdout = io.StringIO()
    call_command("rotate_keys", *arguments, stdout=stdout)
    return stdout.getvalue()


def test_patients_move_to_kms_and_from_key_to_key_while_they_are_read(
    committed_db: None,
    cloud: Cloud,
    kms: Any,
    settings: Any,
    known: Callable[[int], list[Case]],
    clinician: User,
    actor_of: Callable[[User], Actor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.KEY_PROVIDER = KEYRING
    cases, actor = known(8), actor_of(clinician)
    settings.KEY_PROVIDER = AWS_KMS
    monkeypatch.setattr(rotation, "BATCH", 3)
    record, calls = rotation.record_event, iter(range(1000))

    def fail_in_the_second_batch(**event: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return record(**event)

    errors: list[BaseException] = []
    rounds, stop = iter(range(10**6)), threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                assert_readable(cases, actor)
                next(rounds)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(rotation, "record_event", fail_in_the_second_batch)
            with pytest.raises(KeyboardInterrupt):
                rotate()
        assert PatientKey.objects.exclude(master_key="k1").count() == 3
        said = [rotate()]
        for options in ([], ["--renew"]):
            earlier = {*PatientKey.objects.values_list("master_key", flat=True)}
            current = use_new_key(kms)
            said.append(rotate(*options))
            assert {*PatientKey.objects.values_list("master_key", flat=True)} == {current}
    finally:
        stop.set()
        reader.join()
    assert errors == []
    # Nothing needs the keys of before.
    settings.MASTER_KEYS = ""
    cloud.disabled = earlier
    another_process()
    assert_readable(cases, actor)
    assert "0 keys of patients are due" in rotate("--renew")
    print(
        f"keyring to KMS, stopped after 3 of 8, then twice to another key, beside {next(rounds)} rounds of reading "
        f"all: {len(errors)} errors, all readable; {[line.split(';')[1].split('.')[0] for line in said]}"
    )


@pytest.mark.django_db
def test_the_command_says_what_it_cannot_do(
    provider: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match="is for the keyring, and keys are wrapped by apps"):
        rotate("--new-master-key", "k2")
    settings.KMS_KEY = "alias/nobody"
    with pytest.raises(CommandError, match="NotFoundException"):
        rotate()
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    another_process()
    with pytest.raises(CommandError, match="NoRegionError"):
        rotate()


def test_what_fails_takes_no_data_key_along(provider: None, cloud: Cloud, settings: Any) -> None:
    key = new_key()
    wrapped = key_provider().wrap(key, "cases.patientkey:1")
    with pytest.raises(Undecipherable) as refused:
        key_provider().unwrap(wrapped, "cases.patientkey:2")
    settings.KMS_KEY = "alias/nobody"
    with pytest.raises(KeyMissing) as missing:
        key_provider().wrap(key, "cases.patientkey:1")
    for error in (refused.value, missing.value):
        assert (error.__cause__, error.__context__) == (None, None)
    assert key_provider().unwrap(wrapped, "cases.patientkey:1") == key


def test_a_key_is_asked_for_in_the_account_of_the_current_one(
    provider: None, cloud: Cloud, kms: Any, settings: Any
) -> None:
    """A key of another account has no id here, only its full name."""
    wrapped = key_provider().wrap(b"k" * 32, "place")
    arn = kms.describe_key(KeyId=wrapped.key_id)["KeyMetadata"]["Arn"]
    for name in (wrapped.key_id, arn, f"{arn.rpartition(':')[0]}:alias/hoofbeat"):
        settings.KMS_KEY = name
        another_process()
        assert key_provider().unwrap(wrapped, "place") == b"k" * 32
        assert cloud.question["KeyId"] == (arn if name.startswith("arn:") else wrapped.key_id)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"KMS_KEY": "alias/hoofbeat", "MASTER_KEYS": ""}, ""),
        ({"MASTER_KEYS": ""}, "KMS_KEY is not set"),
        ({"KMS_KEY": "alias/hoofbeat", "MASTER_KEYS": "k1"}, "MASTER_KEYS: the key k1"),
        ({"KEY_PROVIDER": "", "MASTER_KEYS": ""}, "MASTER_KEYS is not set"),
    ],
)
def test_the_settings_ask_for_the_keys_of_the_provider_alone(changes: dict[str, str], complaint: str) -> None:
    empty = {"KEY_PROVIDER": AWS_KMS, "KMS_KEY": "", "AWS_DEFAULT_REGION": "", "AWS_ACCESS_KEY_ID": ""}
    done = subprocess.run(
        [
            sys.executable, "-c",
            "import os, config.settings; assert not {'AWS_DEFAULT_REGION', 'AWS_ACCESS_KEY_ID'} & set(os.environ)",
        ],
        env={**os.environ, **empty, **changes},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode == 0, complaint in done.stderr) == (not complaint, True), done.stderr


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """The URL of a folder in a bucket of its own."""
    name = f"b-{uuid4()}"
    cloud.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return f"s3://{name}/hoofbeat"


def test_the_trail_is_anchored_in_s3_and_verified_from_there(
    committed_db: None, cloud: Cloud, bucket: str
) -> None:
    anchor = ObjectAnchor(bucket)
    for _ in range(3):
        for _ in range(4):
            record_event(actor=SYSTEM, action="case.read", object_ids=[uuid4()])
        seal_block(most=4)
        anchor_blocks(anchor=anchor)
        report = verify_trail(anchored=anchor.blocks(), last=anchor.last())
        assert report.is_whole, report.findings
    s3, name = cloud.client("s3"), bucket.split("/")[2]
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=name)["Contents"]]
    print(f"{report.n_events} events in {len(keys)} blocks in S3, read back whole")
    assert (report.n_events, len(keys)) == (12, 3)
    # By another client, as another process would: nothing tells this one that its listing is stale.
    last = s3.get_object(Bucket=name, Key=keys[-1])["Body"].read()
    s3.delete_object(Bucket=name, Key=keys[-1])
    assert not verify_trail(anchored=anchor.blocks(), last=anchor.last()).is_whole
    s3.put_object(Bucket=name, Key=keys[-1], Body=last)
    assert verify_trail(anchored=anchor.blocks(), last=anchor.last()).is_whole


def test_the_ledger_of_erasures_is_kept_in_s3(cloud: Cloud, bucket: str, settings: Any) -> None:
    settings.ERASURE_LEDGER = bucket
    assert list(list_entries()) == []
    entries = [Entry(UUID(int=number), uuid4(), uuid4(), "request", datetime.now(UTC)) for number in range(3)]
    for entry in (*entries, entries[0]):
        keep_entry(entry)
    assert list(list_entries()) == entries
    name = bucket.split("/")[2]
    cloud.client("s3").put_object(Bucket=name, Key=f"hoofbeat/{uuid4()}.json", Body=b"{")
    with pytest.raises(LedgerFailed):
        list(list_entries())
    settings.ERASURE_LEDGER = f"s3://b-{uuid4()}/nobody-made-it"
    with pytest.raises(LedgerFailed):
        keep_entry(entries[0])
    print(f"{len(entries)} entries in S3, read back as they were")
