"""Settings of [model] and [training]: the layers they describe, and the errors for invalid settings."""

import re

import numpy as np
import pytest

from backends.layers import Conv1D, Dense, Dropout, Flatten
from backends.model import ModelSpec
from backends.optimizers import SGD, Adam, AdamW, RMSprop
from backends.recurrent import Recurrent
from benchmarks.definition import axes, loading
from benchmarks.definition.settings import CaseSettings
from benchmarks.errors import UserError
from benchmarks.runner import manifest
from benchmarks.worker.training import Schedule
from tests.benchmarks.command_line import REFERENCE

PRESET = 'cell = "gru"\nunits = 4'


def model(text, written, outputs=1):
    (case,) = loading.read(str(written(REFERENCE.replace(PRESET, text)))).cases.values()
    return case.architecture(outputs)


def test_a_preset_has_its_layers_in_order(written):
    sizes = 'cell = "lstm"\nunits = 4\nlayers = 2\ndense = [8]'
    text = f"{sizes}\nbidirectional = true\ndropout = 0.2\nrecurrent_dropout = 0.1"
    recurrent = {"bidirectional": True, "recurrent_dropout": 0.1}
    assert model(text, written, outputs=3) == ModelSpec(
        (
            Recurrent("lstm", 4, sequences=True, **recurrent),
            Dropout(0.2),
            Recurrent("lstm", 4, **recurrent),
            Dropout(0.2),
            Dense(8, "relu"),
            Dense(3),
        )
    )


def test_a_stack_has_the_listed_layers(written):
    text = """name = "CNN"
[[model.stack]]
kind = "conv1d"
filters = 8
width = 3
activation = "relu"
[[model.stack]]
kind = "flatten"
[[model.stack]]
kind = "dense"
"""
    assert model(text, written, outputs=2) == ModelSpec((Conv1D(8, 3, "relu"), Flatten(), Dense(2)))


def test_a_case_is_equal_after_the_way_to_its_worker(written):
    """Cases are sent as JSON with all defaults."""
    text = 'name = "CNN"\nstack = [{kind = "conv1d", filters = 8, width = 3}, {kind = "flatten"}, {kind = "dense"}]'
    for definition in (PRESET, text):
        (case,) = loading.read(str(written(REFERENCE.replace(PRESET, definition)))).cases.values()
        assert CaseSettings.model_validate_json(case.model_dump_json()) == case


def test_several_models_are_an_axis_and_each_has_its_own_axes(written):
    several = REFERENCE.replace("[model]\n" + PRESET, "").replace(
        "[training]",
        """
[[model]]
cell = ["lstm", "gru"]
units = [2, 4]

[[model]]
name = "dense"
stack = [{kind = "flatten"}, {kind = "dense"}]

[training]""",
    )
    path = str(written(several))
    recurrent = ["lstm, units 2", "lstm, units 4", "gru, units 2", "gru, units 4"]
    assert list(loading.read(path).cases) == [*recurrent, "dense"]
    assert list(loading.read(path, only={"model.units": ["4"]}).cases) == ["lstm, units 4", "gru, units 4", "dense"]
    assert list(loading.read(path, only={"model": ["dense"]}).cases) == ["dense"]
    second = several.replace("units = [2, 4]", 'units = [2, 4]\n\n[[model]]\nname = "b"\ncell = "rnn"\nunits = [3, 5]')
    narrowed = loading.read(str(written(second)), only={"model.units": ["3"]})
    assert list(narrowed.cases) == ["b, units 3", "dense"]  # the first model has no such value and is removed
    with pytest.raises(UserError, match=r"model=dens: .* did you mean 'dense'"):
        loading.read(path, only={"model": ["dens"]})


MODELS = {
    "neither": ("", "a model needs a cell and units"),
    "both": (f'{PRESET}\nname = "x"\nstack = [{{kind = "dense"}}]', "remove cell, units, or remove the stack"),
    "a stack without a name": ('stack = [{kind = "dense"}]', "a stack needs a name"),
    "no layers": ('name = "x"\nstack = []', "must not be empty"),
    "an unknown kind": ('name = "x"\nstack = [{kind = "conv2d"}]', "conv1d"),
    "a cell as a kind": (
        'name = "x"\nstack = [{kind = "lstm", units = 3}]',
        'a layer cannot have the kind "lstm"; write kind = "recurrent", cell = "lstm"',
    ),
    "a layer without a kind": ('name = "x"\nstack = [{units = 3}]', "a layer needs a kind; known: conv1d"),
    "a setting of another kind": ('name = "x"\nstack = [{kind = "flatten", units = 3}]', "there is no setting .*units"),
    "a dropout of one": (f"{PRESET}\ndropout = 1.0", r"dropout = 1.0: it must be less than 1"),
    "a comma in a name": (f'{PRESET}\nname = "a, b"', "has a comma"),
    "a line break in a name": (f'{PRESET}\nname = "a\\nb"', "unprintable"),
    "a word for a truth value": (f'{PRESET}\nbidirectional = "yes"', 'bidirectional = "yes": write true or false'),
    "an unknown cell": ('cell = "gruu"\nunits = 4', 'cell = "gruu"'),
    "the perceptron as a preset": ('cell = "rmlp"\nunits = 4', "write it in a stack"),
}


@pytest.mark.parametrize(("text", "message"), MODELS.values(), ids=MODELS)
def test_an_invalid_model_is_an_error_of_one_sentence(text, message, written):
    with pytest.raises(UserError, match=message) as mistake:
        model(text, written)
    assert "\n" not in str(mistake.value)


UNFIT = {
    "a convolution longer than the window": (
        'name = "x"\nstack = [{kind = "conv1d", filters = 2, width = 99}, {kind = "flatten"}, {kind = "dense"}]',
        "",
        r"the model of 'x': layer 0 \(convolution 2 × 99\): .*99.* at most",
    ),
    "a dense layer on a sequence": (
        'name = "x"\nstack = [{kind = "dense"}]',
        "",
        r"layer 0 \(dense 1\): .*sequence.*each_step",
    ),
    "nothing to learn": ('name = "x"\nstack = [{kind = "flatten"}]', "", "the model of 'x' has no parameters"),
    "another number of outputs": (
        'name = "x"\nstack = [{kind = "flatten"}, {kind = "dense", units = 5}]',
        "",
        "'x' has 5 outputs and its windows need 1; leave out the units of the last layer",
    ),
    "a state from the future": (
        f"{PRESET}\nbidirectional = true\nstateful = true",
        "",
        r"layer 0 .gru 4, both directions.: its backward direction .*; set bidirectional or stateful to false",
    ),
    "a state of no layer": (
        'name = "x"\nstateful = true\nstack = [{kind = "flatten"}, {kind = "dense"}]',
        "",
        "the model of 'x': it has no recurrent layer whose state could be carried; set stateful to false",
    ),
    "a penalty on nothing": (
        PRESET,
        'l2 = 0.1\nl2_on = ["0.kernl"]',
        "did you mean '0.kernel'",
    ),
}


@pytest.mark.parametrize(("text", "training", "message"), UNFIT.values(), ids=UNFIT)
def test_a_model_that_does_not_fit_the_windows_is_refused_before_any_trial(text, training, message, written):
    definition = REFERENCE.replace(PRESET, text).replace("epochs = 3", f"epochs = 3\n{training}")
    with pytest.raises(UserError, match=message) as mistake:
        manifest.prepare(loading.read(str(written(definition))))
    assert "\n" not in str(mistake.value)


STATEFUL = {
    "windows that do not touch": ({"window.stride": 4}, "no window of 6 rows begins where .*; set window.stride to 1"),
    "padded windows": (
        {"window.min_history": 2},
        "padded windows do not follow one another; remove window.min_history",
    ),
    "a rollout": (
        {"window.rollout": True, "window.horizon": 2},
        "feeds forecasts back .*; set window.rollout to false",
    ),
    "an incomplete batch": ({"training.partial_batch": "use"}, 'set training.partial_batch to "drop"'),
    "a single step": ({"training.batch": "full"}, "windows make one batch of .*; write a training.batch of at most"),
}


@pytest.mark.parametrize(("changes", "message"), STATEFUL.values(), ids=STATEFUL)
def test_windows_that_cannot_carry_a_state_are_refused_before_any_trial(changes, message, written):
    changed = {"model.stateful": True, **changes}
    with pytest.raises(UserError, match=message) as mistake:
        manifest.prepare(loading.read(str(written(REFERENCE)), changes=changed))
    assert "\n" not in str(mistake.value)


TRAININGS = {
    "steps without their size": ('schedule = "step"', "needs step_epochs and step_factor"),
    "a size without steps": ("step_epochs = 3", 'belong to schedule = "step"'),
    "a penalty without parameters": ("l2 = 0.1", "l2 needs l2_on"),
    "parameters without a penalty": ('l2_on = ["0.kernel"]', "l2_on needs l2"),
    "an unknown loss": ('loss = "rmse"', 'loss = "rmse"'),
    "a rate that grows": ('schedule = "step"\nstep_epochs = 1\nstep_factor = 1e300', "at most 1"),
    "a parameter twice": ('l2 = 0.1\nl2_on = ["0.kernel", "0.kernel"]', "names a parameter twice"),
    "no patience": ("patience = 0", "patience = 0"),
    "a setting of an optimizer": ("momentum = 0.9", r'as in optimizer = \{ name = "sgd", momentum = 0.9 \}'),
    "a setting of the model": (
        "stateful = true",
        r"'stateful' here; move it to \[model\], .* --set model.stateful=true",
    ),
    "a setting of the windows": ("min_history = 2", r"move it to \[window\], .* --set window.min_history=2"),
    "a setting of the data": ('scaling = "none"', r"""move it to \[data\], .* --set 'data.scaling="none"'"""),
    "a setting of the top": ("proven = false", "move it to the top of the file, .* --set proven=false"),
    "SGD without a learning rate": ('optimizer = "sgd"', "SGD needs a learning_rate, as in learning_rate = 0.01"),
    "RMSprop without a learning rate": ('optimizer = "rmsprop"', "RMSprop needs a learning_rate"),
}


@pytest.mark.parametrize(("text", "message"), TRAININGS.values(), ids=TRAININGS)
def test_invalid_training_settings_are_an_error_of_one_sentence(text, message, written):
    with pytest.raises(UserError, match=message) as mistake:
        loading.read(str(written(REFERENCE.replace("epochs = 3", f"epochs = 3\n{text}"))))
    assert "\n" not in str(mistake.value)


def test_patience_needs_validation(written):
    text = REFERENCE.replace("epochs = 3", "epochs = 3\npatience = 2").replace("[window]", "validation = 0.0\n[window]")
    with pytest.raises(UserError, match="patience needs a validation part"):
        manifest.prepare(loading.read(str(written(text))))


def test_learning_rates_follow_the_schedule():
    constant = Schedule("constant", 0.1)
    step = Schedule("step", 0.1, epochs=6, every=2, factor=0.5)
    cosine = Schedule("cosine", 0.1, epochs=4)
    assert constant.rates(3, 5).tolist() == [0.1] * 5
    assert [step.rates(epoch, 1)[0] for epoch in range(6)] == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    along = np.concatenate([cosine.rates(epoch, 5) for epoch in range(4)])
    assert along[0] == 0.1
    np.testing.assert_allclose(along[10], 0.05)  # halfway
    assert (np.diff(along) < 0).all()
    assert 0 < along[-1] < 0.001


def test_a_full_batch_contains_every_window(written):
    (case,) = loading.read(str(written(REFERENCE.replace("batch = 16", 'batch = "full"')))).cases.values()
    assert case.training.batch_of(83) == 83
    assert case.training.notes() == ("full batches",)


def test_the_advice_for_a_model_can_be_typed(written):
    """Each example in the errors is a valid model."""
    texts = (
        'cell = "gru", units = 50',
        "filters = [64, 3], width = 3",
        'name = "perceptron", stack = [{ kind = "recurrent", cell = "rmlp", memory = 1 }]',
    )
    with pytest.raises(UserError) as neither:
        model("", written)
    with pytest.raises(UserError) as preset:
        model('cell = "rmlp"\nunits = 4', written)
    assert texts[0] in str(neither.value)
    assert texts[2] in str(preset.value)
    for text in texts:
        assert model(re.sub(r", (?=units|width|stack)", "\n", text), written).layers


@pytest.mark.parametrize(
    ("written_as", "expected"),
    [
        ('"adam"', Adam(weight_decay=0.1)),
        ('"adamw"', AdamW(weight_decay=0.1)),
        ('{ name = "sgd", momentum = 0.9, nesterov = true }', SGD(momentum=0.9, nesterov=True, weight_decay=0.1)),
        ('{ name = "rmsprop", decay = 0.5 }', RMSprop(decay=0.5, weight_decay=0.1)),
    ],
)
def test_an_optimizer_reaches_the_worker_as_written(written, written_as, expected):
    """Through the definition, its axis, and the JSON of a job."""
    settings = f"optimizer = {written_as}\nweight_decay = 0.1\nlearning_rate = 0.01"
    text = REFERENCE.replace("epochs = 3", f"epochs = 3\n{settings}")
    (case,) = loading.read(str(written(text))).cases.values()
    assert CaseSettings.model_validate_json(case.model_dump_json()).training.complete_optimizer() == expected


def test_adamw_without_a_weight_decay_has_its_default(written):
    (case,) = loading.read(
        str(written(REFERENCE.replace("epochs = 3", 'epochs = 3\noptimizer = "adamw"')))
    ).cases.values()
    assert case.training.complete_optimizer() == AdamW(weight_decay=0.01)


@pytest.mark.parametrize(
    ("written_as", "message"),
    [
        ('"adma"', 'there is no optimizer "adma"; use one of adam, adamw, sgd, rmsprop'),
        ('{ name = "sgd", beta1 = 0.9 }', "sgd has no setting 'beta1'"),
        ('{ name = "sgd", momentum = 1.5 }', "momentum = 1.5: write a number of at least 0 and below 1"),
        ('{ name = "sgd", momentum = true }', "momentum = true: write a number"),
        ('{ name = "sgd", nesterov = 1 }', "nesterov = 1: write true or false"),
        ('{ name = "sgd", nesterov = true }', "nesterov needs momentum"),
        ('{ name = "sgd", momentum = "0.9" }', 'momentum = "0.9": write a number'),
        ("{ momentum = 0.9 }", 'an optimizer needs a name, as in { name = "sgd", momentum = 0.9 }'),
        ("{ beta1 = 0.5 }", 'an optimizer needs a name, as in { name = "adam", beta1 = 0.5 }'),
        ('{ name = "adamw", momentum = 0.9 }', "adamw has no setting 'momentum'; remove it"),
        (
            '{ name = "sgd", learning_rate = 0.1 }',
            "learning_rate is no setting of an optimizer but of the training; move it out of the braces",
        ),
        ("3", "there is no optimizer 3; use one of"),
        ('[["adam"]]', 'there is no optimizer ["adam"]; use one of'),
        ('{ name = ["sgd", "adam"] }', 'there is no optimizer ["sgd", "adam"]; use one of'),
        ('{ name = { name = "sgd" } }', 'there is no optimizer { name = "sgd" }; use one of'),
        ('{ name = "rmsprop", epsilon = 0 }', "epsilon = 0: write a number above 0 and below 1"),
    ],
)
def test_a_wrong_optimizer_is_refused(written, written_as, message):
    with pytest.raises(UserError, match=re.escape(message)):
        loading.read(str(written(REFERENCE.replace("epochs = 3", f"epochs = 3\noptimizer = {written_as}"))))


def test_quantiles_are_a_list_and_no_axis(written):
    """A model has an output for each; the label of the case does not name them."""
    text = REFERENCE.replace("epochs = 3", 'epochs = 3\nloss = "quantile"\nquantiles = [0.1, 0.5, 0.9]')
    ((label, case),) = loading.read(str(written(text))).cases.items()
    assert label == "gru"
    assert case.training.objective().quantiles == (0.1, 0.5, 0.9)
    assert case.architecture(2).outputs(1, 6) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('loss = "quantile"', 'loss = "quantile" needs quantiles, as in quantiles = [0.1, 0.5, 0.9]'),
        ("quantiles = [0.1, 0.5]", 'quantiles belong to loss = "quantile"; write quantiles = [] for another loss'),
        ('loss = "quantile"\nquantiles = [0.5, 0.1]', "they must ascend; write quantiles = [0.1, 0.5]"),
        ('loss = "quantile"\nquantiles = [0.1, 0.9]', "[0.1, 0.9]: 0.5 is missing; add it"),
    ],
)
def test_wrong_quantiles_are_refused(written, settings, message):
    with pytest.raises(UserError, match=re.escape(message)):
        loading.read(str(written(REFERENCE.replace("epochs = 3", f"epochs = 3\n{settings}"))))


def test_every_setting_that_is_a_list_is_no_axis():
    """A setting with a list of values is an axis, unless its value is a list itself."""
    for table, schema in loading.SETTINGS.items():
        for name, field in schema.model_fields.items():
            if "tuple[" in str(field.annotation) and "..." in str(field.annotation):
                assert (table, name) in axes.LISTS, f"add {(table, name)} to LISTS"
