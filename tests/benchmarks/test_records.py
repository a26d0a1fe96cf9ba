"""Tests of records: complete or absent, damage is reported, and older versions are upgraded."""

import json
import math
from pathlib import Path

import pytest

from backends import REGISTRY
from reports.records import SCHEMA, Certificate, Check, Manifest, SearchResult, Trial, store
from reports.records.store import RecordError, read_json, write_json


def a_check(**changes):
    figures = {"outputs": 1e-16, "gradients": 2e-15, "losses": 3e-15, "weights": 4e-15}
    fields = {
        "backend": "flax",
        "case": "lstm",
        "dtype": "float64",
        "steps": 200,
        "bounds": dict.fromkeys(figures, 1e-10),
        "windows_digest": "w",
        "order_digest": "o",
        "parameter_count": 7,
        "kernel": "XLA while",
        "failure": None,
    }
    return Check(**(fields | figures | changes))


def test_a_record_is_read_as_it_was_written(tmp_path):
    """Infinities too, for which JSON has no number."""
    certificate = Certificate(checks=(a_check(), a_check(backend="keras", losses=math.inf, failure="it diverged")))
    write_json(tmp_path / "certificate.json", certificate)
    assert read_json(tmp_path / "certificate.json", Certificate) == certificate
    json.loads((tmp_path / "certificate.json").read_text(), parse_constant=lambda name: pytest.fail(name))


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "certificate.json"
    write_json(path, Certificate(checks=(a_check(),)))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(
        RecordError, match=r"certificate\.json cannot be written: No space left on device; files written"
    ):
        write_json(path, Certificate(checks=()))
    assert len(read_json(path, Certificate).checks) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["certificate.json"]


def test_the_certificate_gives_the_checks_of_a_backend_and_a_case():
    """In every dtype; none of another backend, of which a passed check would prove nothing."""
    checks = (a_check(), a_check(dtype="float32", failure="losses differ"))
    certificate = Certificate(checks=(*checks, a_check(case="gru"), a_check(backend="keras")))
    assert certificate.of("flax", "lstm") == checks
    assert certificate.of("keras", "gru") == ()


DAMAGES = {
    "truncated": (lambda text: text[:40], r"is damaged: line \d+ is no valid JSON; run the benchmark again"),
    "of a newer schema": (
        lambda text: text.replace('"schema_version": 3', '"schema_version": 99'),
        "version 99; .*: read it with the checkout that wrote it, or run the benchmark again",
    ),
    "edited": (lambda text: text.replace('"steps": 200', '"steps": "many"'), r"checks\.0\.steps"),
    "edited so that it is still valid": (
        lambda text: text.replace('"steps": 200', '"steps": 201'),
        "edited after it was written",
    ),
    "without its checksum": (lambda text: store.SEAL.sub("\n}", text), "lacks its checksum"),
    "no object": (lambda text: "[]", "is damaged: it has no schema version; run the benchmark again"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_the_error_names_a_damaged_record(tmp_path, damage, message):
    path = tmp_path / "certificate.json"
    write_json(path, Certificate(checks=(a_check(),)))
    path.write_text(damage(path.read_text()))
    with pytest.raises(RecordError, match=message) as error:
        read_json(path, Certificate)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_error_names_a_missing_record(tmp_path):
    with pytest.raises(RecordError, match=r"manifest\.json does not exist"):
        store.read_run(tmp_path)


GOLDEN = Path(__file__).parents[1] / "reports" / "golden" / "run"


def older(content, version):
    """Return the text of a file as version 1 (without a checksum) or version 2 wrote it."""
    text = json.dumps(content | {"schema_version": version}, indent=1)
    if version == 1:
        return text
    body = text.removesuffix("\n}")
    return f'{body},\n "sha256": "{store._sha256(text)}"\n}}\n'


def golden(kind):
    """Return the content of a golden record, which version 1 wrote."""
    path = GOLDEN / "manifest.json" if kind is Manifest else sorted((GOLDEN / "trials").iterdir())[-1]
    return json.loads(path.read_text())


def test_version_1_records_stay_readable():
    """Their content is upgraded, so that a record that is written again has the current version."""
    assert {golden(kind)["schema_version"] for kind in (Manifest, Trial)} == {1}
    manifest, certificate, trials = store.read_run(GOLDEN)
    assert {record.schema_version for record in (manifest, certificate, *trials)} == {SCHEMA}


@pytest.mark.parametrize("version", [1, 2])
def test_renamed_fields_are_read(tmp_path, version):
    manifest, trial = golden(Manifest), golden(Trial)
    for case in manifest["cases"]:
        case |= {"course": ["full batches"], "step_operations": 12}
    for data in manifest["data"].values():
        data["kept"] = 1
    sampled = {"sampler": "grid", "sampler_seed": 1, "trials": 2, "configurations": 2, "at_once": 1, "optuna": "4"}
    manifest["search"], manifest["definition"]["search"] = sampled | {"near": 0.01}, {"near": 0.01}
    trial["outcome"] |= {
        "other_load": 0.25,
        "flow_before": {"0": [1.0]},
        "flow_after": {"0": [2.0]},
        "product": {"size": 2, "seconds": [4.0]},
    }
    search = {"tried": [], "selected": None, "replays": [{"sampler": "tpe"}]}
    for name, content in (("manifest", manifest), ("trial", trial), ("search", search)):
        (tmp_path / f"{name}.json").write_text(older(content, version))
    manifest = read_json(tmp_path / "manifest.json", Manifest)
    assert (manifest.search.sampler, manifest.definition["search"]) == ("grid", {})
    case = manifest.cases[0]
    assert (case.training_notes, case.step_flops) == (("full batches",), 12)
    outcome = read_json(tmp_path / "trial.json", Trial).outcome
    assert (outcome.background_load, outcome.gemm_peak.flops_per_second) == (0.25, 4.0)
    assert (outcome.gradient_norms_before, outcome.gradient_norms_after) == ({"0": (1.0,)}, {"0": (2.0,)})
    assert read_json(tmp_path / "search.json", SearchResult).tried == ()


def test_the_checksum_of_an_older_version_is_checked(tmp_path):
    """The checksum covers the text as written, not the upgraded content."""
    path = tmp_path / "trial.json"
    content = golden(Trial)
    content["outcome"]["other_load"] = 0.25
    path.write_text(older(content, 2))
    assert read_json(path, Trial).outcome.background_load == 0.25
    path.write_text(path.read_text().replace('"other_load": 0.25', '"other_load": 0.5'))
    with pytest.raises(RecordError, match="edited after it was written"):
        read_json(path, Trial)


def test_an_old_name_in_a_new_record_is_refused(tmp_path):
    path = tmp_path / "search.json"
    path.write_text(older({"tried": [], "selected": None, "replays": []}, 3))
    with pytest.raises(RecordError, match="not a search result: replays"):
        read_json(path, SearchResult)


def test_a_manifest_describes_every_backend_of_the_registry(reference_run):
    """In the order of the registry; manifests of version 0.1 get the backends of that version."""
    manifest = read_json(reference_run / "manifest.json", Manifest)
    assert {name: facts.display_name for name, facts in manifest.backends.items()} == {
        name: entry.display_name for name, entry in REGISTRY.items()
    }
    golden = Path(__file__).parents[1] / "reports" / "golden" / "run" / "manifest.json"
    assert "backends" not in json.loads(golden.read_text())
    assert read_json(golden, Manifest).backends["keras-jax"].display_name == "Keras on JAX"
