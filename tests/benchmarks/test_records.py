"""Records are whole or absent, and a damaged one is named."""

import json
import math

import pytest

from reports.records import Certificate, Check, store
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


def test_what_is_written_is_read_back(tmp_path):
    """Infinity included, which JSON has no word for: a backend that diverged is recorded too."""
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
    with pytest.raises(RecordError, match=r"certificate\.json cannot be written: No space left on device; what was"):
        write_json(path, Certificate(checks=()))
    assert len(read_json(path, Certificate).checks) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["certificate.json"]


def test_the_certificate_gives_the_reason():
    certificate = Certificate(checks=(a_check(), a_check(dtype="float32", failure="losses differ")))
    assert certificate.failures("flax", "lstm") == ("float32: losses differ",)
    assert certificate.failures("flax", "gru") == ("it was not checked against the oracle",)


DAMAGES = {
    "truncated": (lambda text: text[:40], "is damaged: .* in line"),
    "of a newer schema": (lambda text: text.replace('"schema_version": 2', '"schema_version": 99'), "version 99"),
    "edited": (lambda text: text.replace('"steps": 200', '"steps": "many"'), r"checks\.0\.steps"),
    "edited so that it is still valid": (
        lambda text: text.replace('"steps": 200', '"steps": 201'),
        "edited after it was written",
    ),
    "without its checksum": (lambda text: store.SEAL.sub("\n}", text), "lacks its checksum"),
    "no object": (lambda text: "[]", "schema version None"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_is_named(tmp_path, damage, message):
    path = tmp_path / "certificate.json"
    write_json(path, Certificate(checks=(a_check(),)))
    path.write_text(damage(path.read_text()))
    with pytest.raises(RecordError, match=message) as error:
        read_json(path, Certificate)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"manifest\.json does not exist"):
        store.read_run(tmp_path)
