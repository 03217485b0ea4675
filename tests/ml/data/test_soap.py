"""SOAP services as sources: a WSDL and an operation, answered by a service of the test's own."""

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.ml.data.servers import SHAPE, Answered, Asked, Script, cases_of, ingest, serving

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
VISITS = "urn:clinic:visits"
WSDL = f"""<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:v="{VISITS}" targetNamespace="{VISITS}">
  <types><xs:schema targetNamespace="{VISITS}" elementFormDefault="qualified">IMPORT
    <xs:element name="GetVisits"><xs:complexType><xs:sequence>
      <xs:element name="since" type="xs:date"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="GetVisitsResponse"><xs:complexType><xs:sequence>
      <xs:element name="total" type="xs:int"/>
      <xs:element name="visit" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
        <xs:element name="number" type="xs:int"/>
        <xs:element name="day" type="xs:date"/>
        <xs:element name="verdict" type="xs:string"/>
        <xs:element name="said" type="xs:string" maxOccurs="unbounded"/>
      </xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>
  </xs:schema></types>
  <message name="in"><part name="parameters" element="v:GetVisits"/></message>
  <message name="out"><part name="parameters" element="v:GetVisitsResponse"/></message>
  <portType name="Visits"><operation name="GetVisits">
    <input message="v:in"/><output message="v:out"/></operation></portType>
  <binding name="VisitsBinding" type="v:Visits">
    <soap:binding transport="http://schemas.xmlsoap.org/soap/http" style="document"/>
    <operation name="GetVisits"><soap:operation soapAction="GetVisits"/>
      <input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation></binding>
  <service name="VisitsService"><port name="VisitsPort" binding="v:VisitsBinding">
    <soap:address location="ADDRESS"/></port></service>
</definitions>"""


def envelope(body: str) -> bytes:
    return f'<e:Envelope xmlns:e="{ENVELOPE}"><e:Body>{body}</e:Body></e:Envelope>'.encode()


def answer(asked: Asked) -> Answered:
    since = etree.fromstring(asked.body).findtext(f".//{{{VISITS}}}since")
    visits = "".join(
        f"<visit><number>{n}</number><day>2024-01-0{n}</day><verdict>OMIM:154700</verdict>"
        "<said>HP:0001166</said><said>wheeze</said></visit>"
        for n in range(1, 5)
        if f"2024-01-0{n}" >= str(since)
    )
    body = f'<GetVisitsResponse xmlns="{VISITS}"><total>4</total>{visits}</GetVisitsResponse>'
    return Answered(envelope(body), headers={"Content-Type": "text/xml"})


def fault(_: Asked) -> Answered:
    body = "<e:Fault><faultcode>e:Server</faultcode><faultstring>c4nary</faultstring></e:Fault>"
    return Answered(envelope(body), status=500, headers={"Content-Type": "text/xml"})


def service(operation: Script = answer, address: str = "", import_of: str = "") -> Script:
    def script(asked: Asked) -> Answered:
        if asked.method == "POST":
            return operation(asked)
        wsdl = WSDL.replace("ADDRESS", address or f"http://{asked.headers['Host']}/visits")
        imported = f'<xs:import namespace="urn:x" schemaLocation="{import_of}"/>' if import_of else ""
        return Answered(wsdl.replace("IMPORT", imported).encode(), headers={"Content-Type": "text/xml"})

    return script


def source(url: str, **options: Any) -> dict[str, Any]:
    return {
        "kind": "soap", "location": f"{url}/visits?wsdl",
        "credentials": {"username": "ana", "password": {"env": "VISITS_PASSWORD"}},
        "options": {"operation": "GetVisits", "parameters": {"since": "2024-01-02"},
                    "records": "visit[].{id: number, verdict: verdict, said: said}"} | options,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISITS_PASSWORD", "s3cret")


def test_the_records_of_an_operation_are_read(tmp_path: Path) -> None:
    with serving(service()) as server:
        outcome = ingest(tmp_path, source(server.url))
    assert (outcome.code, outcome.ids) == (0, ["2", "3", "4"])
    assert all(asked.headers["Authorization"].startswith("Basic ") for asked in server.asked)
    assert [finding["id"] for finding in cases_of(outcome)[0]["findings"]] == [
        "HP:0001166",
        "LOCAL:clinic/wheeze",
    ]


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (service(), {"operation": "GetAll"}, "options.operation: 'GetAll'; one of GetVisits was expected"),
        (service(), {"parameters": {"until": 3}}, "operation GetVisits: "),
        (service(fault), {}, "operation GetVisits answered a fault, e:Server"),
        (service(lambda _: Answered(b"<html>", status=200)), {}, "operation GetVisits"),
        (service(lambda _: Answered(b"no", status=403)), {}, "operation GetVisits answered 403"),
        (lambda _: Answered(b"no WSDL"), {}, "the WSDL"),
        (lambda _: Answered(status=404), {}, "the WSDL: answered 404 Not Found"),
        (service(address="https://elsewhere.example/visits"), {}, "it leads to https://elsewhere.example:443"),
        (service(import_of="https://elsewhere.example/a.xsd"), {}, "it leads to https://elsewhere.example:443"),
        (service(import_of="file:///etc/hostname"), {}, "the WSDL: no answer that can be read (InvalidSchema)"),
    ],
)  # fmt: skip
def test_a_service_that_fails_makes_no_dataset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: Script, options: dict[str, Any], message: str
) -> None:
    with serving(script) as server:
        outcome = ingest(tmp_path, source(server.url, retries=0, **options), SHAPE)
    assert (outcome.code, outcome.report) == (1, None)
    told = capsys.readouterr().err
    assert message in told
    assert "s3cret" not in told
    assert "c4nary" not in told
