"""How figures look, whatever their names hold."""

import warnings

import pytest
import synthetic_run

import reports


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=4, weeks=30)


def test_letters_that_the_font_lacks_are_left_to_the_reader_s_own(run_of, records):
    manifest, certificate, trials = records
    data = {key: one.model_copy(update={"title": "気温", "unit": "度"}) for key, one in manifest.data.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder = run_of(manifest.model_copy(update={"data": data}), certificate, trials)
        reports.write(folder)
    assert "気温, 度" in (folder / "figures" / "forecast-1.svg").read_text("utf-8")
