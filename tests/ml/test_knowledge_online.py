"""`knowledge build --online`: every source from its address, with a real HTTP server in place of the public ones."""

import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.cli import main
from ml.knowledge import read_knowledge
from ml.knowledge.online import ADDRESSES, read_addresses
from tests.ml.release import orphapacket, write_release, write_sssom
from tests.ml.test_knowledge_sources import BABELON


def _archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """(folder that is served, file of addresses into it)."""
    folder = write_release(tmp_path / "site")
    packet = json.dumps({"Orphapacket": orphapacket("7", "Alpha")}).encode()
    _archive(
        folder / "orpha.tar.gz",
        {
            "orphapacket-master/json/ORPHApacket_7.json": packet,
            "orphapacket-master/ORPHApacket_8.json": b"old",
        },
    )
    write_sssom(folder / "m.sssom.tsv", [("MONDO:1", "skos:exactMatch", "Orphanet:7")])
    (folder / "es.tsv").write_text(
        f"{BABELON}\nen\tes\tHP:0000210\tCataract\trdfs:label\tCatarata\tOFFICIAL\n"
    )

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        addresses = tmp_path / "addresses.toml"
        addresses.write_text(
            f'hpo = "{base}"\norphapackets = "{base}/orpha.tar.gz"\nsssom = ["{base}/m.sssom.tsv"]\n'
            f'translations = "{base}/es.tsv"\n'
        )
        yield folder, addresses
        server.shutdown()


def test_every_source_comes_from_its_address(site: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["knowledge", "build", "--out", str(out), "--online", str(site[1])]) == 0
    knowledge = read_knowledge(out)
    assert [disorder.id for disorder in knowledge.disorders] == ["ORPHA:7"]
    assert knowledge.mappings == (("MONDO:1", "exact", "ORPHA:7"),)
    assert [translation.label for translation in knowledge.translations] == ["Catarata"]
    origins = {source["name"].split(",")[0]: source["url"] for source in knowledge.manifest["sources"]}
    assert origins["Orphanet"].endswith("/orpha.tar.gz")
    assert origins["HPO disease annotations"].startswith("http://127.0.0.1:")


def test_a_source_that_an_option_names_is_not_fetched(site: tuple[Path, Path], tmp_path: Path) -> None:
    folder, addresses = site
    own = write_sssom(tmp_path / "own.sssom.tsv", [("MONDO:2", "skos:exactMatch", "Orphanet:7")])
    (folder / "m.sssom.tsv").unlink()
    out = tmp_path / "out"
    assert (
        main(["knowledge", "build", "--out", str(out), "--online", str(addresses), "--sssom", str(own)]) == 0
    )
    assert read_knowledge(out).mappings == (("MONDO:2", "exact", "ORPHA:7"),)


def test_a_source_that_cannot_be_fetched_is_named(
    site: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site[0] / "orpha.tar.gz").unlink()
    out = tmp_path / "out"
    assert main(["knowledge", "build", "--out", str(out), "--online", str(site[1])]) == 1
    assert "/orpha.tar.gz cannot be fetched: HTTP Error 404" in capsys.readouterr().err
    assert not out.exists()


def test_a_damaged_archive_is_named(
    site: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = site[0] / "orpha.tar.gz"
    _archive(archive, {"orphapacket-master/json/ORPHApacket_7.json": b'{"Orphapacket": {"ORPHAcode": "x"}}'})
    assert main(["knowledge", "build", "--out", str(tmp_path / "out"), "--online", str(site[1])]) == 1
    assert "orpha.tar.gz, orphapacket-master/json/ORPHApacket_7.json: ORPHAcode: a number" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('hpo = "http', 'hpo = "file', "hpo: an http(s) address was expected"),
        ('sssom = ["', 'sssom = "', "cannot be read as a file of addresses"),
        ("translations =", "translation =", "translation is no source"),
        ("sssom = [", "sssom = [] #", "sssom: a list of http(s) addresses was expected"),
    ],
)
def test_a_wrong_address_is_named(
    site: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    message: str,
) -> None:
    site[1].write_text(site[1].read_text().replace(old, new))
    assert main(["knowledge", "build", "--out", str(tmp_path / "out"), "--online", str(site[1])]) == 1
    assert message in capsys.readouterr().err


def test_the_addresses_that_ship_can_be_read() -> None:
    addresses = read_addresses(ADDRESSES)
    assert len(addresses.sssom) == 3
    assert addresses.hpo.startswith("https://")
