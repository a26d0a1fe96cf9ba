"""The models and trainings on which every backend is checked."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

from backends.contract import Objective, Steps
from backends.layers import Conv1D, Dense, Dropout, Flatten, ModelError, Repeat
from backends.model import ModelSpec, forecaster
from backends.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from backends.recurrent import Recurrent
from backends.seeded import draw_masks, initial_weights

CELLS = ("rnn", "lstm", "gru", "gru-reset-before", "gru1", "gru2", "gru3", "rmlp")
MASKED = (("lstm", "gru"), ("rnn", "gru-reset-before"), ("gru1", "gru2"), ("gru3", "rmlp"))  # a layer below, one above


@dataclass(frozen=True)
class Problem:
    """A model and its training. All sizes differ, so that exchanged axes cause an error."""

    model: ModelSpec
    features: int = 3
    window: int = 7
    horizon: int = 2
    rows: int = 41
    batch: int = 8
    seed: int = 5
    objective: Objective = field(default_factory=Objective)
    optimizer: Optimizer = field(default_factory=Adam)
    padding: str = "left"  # of a masked model: "left", "right" or, of any steps, "any"

    def data(self, dtype):
        random = np.random.default_rng(self.seed)
        x = random.normal(size=(self.rows, self.window, self.features)).astype(dtype)
        y = random.normal(size=(self.rows, self.horizon)).astype(dtype)
        if self.model.masked:  # the numbers in steps of padding stay random: they must have no effect
            x[..., -1] = self.real()
        return x, y

    def real(self):
        """(N, T), whether a step is real; at least one is in each window, and windows of every length occur."""
        random = np.random.default_rng(self.seed + 2)
        lengths = 1 + random.permutation(self.rows) % self.window
        real = np.arange(self.window) < lengths[:, None]
        return {"left": real[:, ::-1], "right": real, "any": random.permuted(real, axis=1)}[self.padding]

    def weights(self):
        return initial_weights(self.model, self.features, self.window, self.seed)

    def steps(self, count):
        """Steps with falling learning rates, changing masks and, of a stateful model, some resets."""
        random = np.random.default_rng(self.seed + 1)
        order = np.stack([random.permutation(self.rows)[: self.batch] for _ in range(count)])
        sizes = {"seed": self.seed, "epoch": 0, "steps": count, "batch": self.batch}
        masks = draw_masks(self.model, self.features, self.window, **sizes)
        resets = random.random(order.shape) < 0.3 if self.model.stateful else None
        if resets is not None:
            resets[0] = True
        return Steps(order, 3e-3 / (1 + 0.01 * np.arange(count)), masks, resets)

    def forecasts(self, model, dtype):
        """Of all windows; of a stateful model, along the steps 3 to 5."""
        (x, _), steps = self.data(dtype), self.steps(5)[2:]
        return model.predict(x) if steps.resets is None else model.predict(x[steps.order.ravel()], steps.resets)

    def native_steps(self, count):
        """Steps with a constant learning rate and without masks."""
        return Steps(self.steps(count).order, np.full(count, 3e-3))

    def build(self, backend, dtype, *, native=False, seed=0):
        x, y = self.data(dtype)
        weights = None if native else self.weights()
        return backend.build(self.model, self.objective, self.optimizer, weights, x, y, dtype=dtype, seed=seed)


BUILT = {}  # models of this process, each with the checkpoint before its training


def at_start(problem, backend, dtype):
    """The model of a problem before its training. Later tests get the first one's again, with its checkpoint restored.

    Most of a check's time is the compilation of its model.
    """
    key = problem, backend, dtype
    if key not in BUILT:
        model = problem.build(backend, dtype)
        BUILT[key] = model, model.checkpoint()
    else:
        model, start = BUILT[key]
        model.restore(start)
    return model


def standard(cell):
    return Problem(forecaster(cell, units=5, layers=1, horizon=2))


def stack(*layers, masked=False, stateful=False, **training):
    return Problem(ModelSpec(layers, masked, stateful), **training)


def masked(cell, above):
    """Two layers, with all outputs and with the last one: every mask in every direction and layer."""
    below = Recurrent(cell, 5, sequences=True, bidirectional=True, dropout=0.3, recurrent_dropout=0.4)
    return stack(below, Dropout(0.2), Recurrent(above, 4, bidirectional=True, recurrent_dropout=0.25), Dense(2))


def padded(*layers, padding="left"):
    return stack(*layers, Dense(2), masked=True, padding=padding)


def dense(optimizer):
    """A model that compiles fast, with everything that an optimizer sees."""
    return stack(Flatten(), Dense(4, "tanh"), Dense(2), optimizer=optimizer)


PADDED = {
    "lstm, both directions, padded": padded(Recurrent("lstm", 5, bidirectional=True)),
    "gru on rnn, both directions, padded on the right": padded(
        Recurrent("rnn", 6, sequences=True, bidirectional=True),
        Recurrent("gru", 4, bidirectional=True),
        padding="right",
    ),
    "masked twice and padded anywhere": padded(
        Recurrent("gru-reset-before", 5, sequences=True, bidirectional=True, dropout=0.3, recurrent_dropout=0.4),
        Recurrent("rmlp", 3, memory=4, recurrent_dropout=0.25),
        padding="any",
    ),
    "convolution on padding": padded(Conv1D(6, 3, "relu"), Recurrent("gru", 4)),
}
ACTIVATED = stack(
    Recurrent("rnn", 3, sequences=True, activation="relu"),
    Recurrent("gru", 4, sequences=True, activation="relu"),
    Recurrent("lstm", 5, bidirectional=True, activation="sigmoid"),
    Dense(2),
)
CARRIED = {
    "lstm, carried state": stack(Recurrent("lstm", 5), Dense(2), stateful=True),
    "gru on rnn, carried state": stack(
        Recurrent("rnn", 6, sequences=True, activation="relu"), Recurrent("gru", 4), Dense(2), stateful=True
    ),
    "masked, carried state": stack(
        Recurrent("lstm", 5, sequences=True, dropout=0.3, recurrent_dropout=0.4),
        Recurrent("gru-reset-before", 4, sequences=True),
        Dropout(0.2),
        Recurrent("rmlp", 3, memory=4),
        Dense(2),
        stateful=True,
    ),
}
PROBLEMS = {
    "lstm": standard("lstm"),
    "gru": standard("gru"),
    "gru on lstm": stack(Recurrent("lstm", 6, sequences=True), Recurrent("gru", 4), Dense(2)),
    "gru-reset-before on rnn": stack(Recurrent("rnn", 6, sequences=True), Recurrent("gru-reset-before", 4), Dense(2)),
    "rnn on lstm, both directions": stack(
        Recurrent("lstm", 5, sequences=True, bidirectional=True), Recurrent("rnn", 4, bidirectional=True), Dense(2)
    ),
    "gru, both directions, dense head": stack(
        Recurrent("gru", 6, bidirectional=True), Dense(5, "relu"), Dropout(0.3), Dense(2)
    ),
    **{f"{above} on {cell}, masked": masked(cell, above) for cell, above in MASKED},
    "input dropout alone": stack(Recurrent("lstm", 5, dropout=0.4), Dense(2)),
    "rmlp of one output": Problem(ModelSpec((Recurrent("rmlp", 1),)), horizon=1),
    "rmlp, larger memory": stack(Recurrent("rmlp", 2, memory=6, hidden=(9,))),
    "dense, no history": Problem(ModelSpec((Flatten(), Dense(32, "relu"), Dense(8, "relu"), Dense(2))), window=1),
    "dense, history, mean absolute error": stack(
        Flatten(), Dense(9, "relu"), Dropout(0.5), Dense(8, "tanh"), Dense(2), objective=Objective("mae")
    ),
    "convolution": stack(Conv1D(6, 3, "relu"), Flatten(), Dense(8, "relu"), Dense(4, "relu"), Dense(2)),
    "convolutions of any width": stack(Conv1D(6, 4, "tanh"), Conv1D(5, 7), Conv1D(4, 2), Flatten(), Dense(2)),
    "encoder and decoder": stack(
        Recurrent("gru", 5),
        Repeat(3),
        Recurrent("lstm", 4, sequences=True),
        Dense(4, "relu", each_step=True),
        Flatten(),
        Dense(2),
    ),
    "gru, all settings": stack(
        Recurrent("gru", 5),
        Dense(2),
        objective=Objective("huber", l2=0.02, l2_on=("0.kernel", "0.recurrent_kernel", "1.kernel")),
        optimizer=Adam(clip_norm=0.05, weight_decay=0.03),
    ),
    "sgd, nesterov": dense(SGD(momentum=0.9, nesterov=True, clip_norm=0.5, weight_decay=0.02)),
    "sgd, momentum": dense(SGD(momentum=0.8)),
    "sgd": dense(SGD()),
    "rmsprop": dense(RMSprop(weight_decay=0.02)),
    "adamw": dense(AdamW(weight_decay=0.1, clip_norm=0.3)),
    **PADDED,
    "every activation": ACTIVATED,
    **CARRIED,
    "lstm, briefly masked": stack(
        Recurrent("lstm", 5, bidirectional=True, dropout=0.3, recurrent_dropout=0.4), Dropout(0.2), Dense(2)
    ),
    "convolution, all settings": stack(
        Conv1D(6, 3, "relu"),
        Flatten(),
        Dense(4, "tanh"),
        Dense(2),
        objective=Objective("huber", l2=0.02, l2_on=("0.kernel",)),
        optimizer=Adam(clip_norm=0.05, weight_decay=0.03),
    ),
}
QUANTILES = Objective("quantile", quantiles=(0.1, 0.5, 0.8))
PROBLEMS["quantiles"] = stack(Flatten(), Dense(6), objective=QUANTILES)
EVERY_OPTIMIZER = (Adam(), AdamW(), SGD(), SGD(momentum=0.9), SGD(momentum=0.5, nesterov=True), RMSprop())
# What `make test` checks: a fused cell, a cell in a loop with masks, and every setting of the training.
QUICK = ("gru", "lstm, briefly masked", "convolution, all settings", "lstm, both directions, padded")
AS_CERTIFIED = [PROBLEMS[name] for name in (*QUICK, "gru on lstm")]  # trained for as many steps as a certificate checks


@st.composite
def recurrent_problems(draw, cells=("lstm", "gru", "rnn")):
    """Any stack of recurrent layers without dropout and a dense layer, on any shape."""
    sizes = st.integers(1, 9)
    depth, horizon = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    layers = [Recurrent(draw(st.sampled_from(cells)), draw(sizes), n < depth - 1) for n in range(depth)]
    model = ModelSpec((*layers, Dense(horizon)))
    return Problem(model, draw(sizes), draw(sizes), horizon, rows=23, batch=draw(sizes), seed=draw(st.integers(0, 99)))


@st.composite
def any_problems(draw):
    """Any layers that fit, in any order, on any shape, with any training."""
    sizes, rates = st.integers(1, 7), st.sampled_from([0.0, 0.3, 0.6])
    window, horizon, features = draw(sizes), draw(st.integers(1, 4)), draw(sizes)
    layers, steps = [], window
    for _ in range(draw(st.integers(1, 4))):
        activation = draw(st.sampled_from(["linear", "relu", "tanh"]))
        kinds = ["dense", "dropout", *(["recurrent", "convolution", "flatten"] if steps else ["repeat"])]
        match draw(st.sampled_from(kinds)):
            case "recurrent":
                settings = [draw(st.sampled_from(CELLS)), draw(sizes), draw(st.booleans()), draw(st.booleans())]
                layers.append(Recurrent(*settings, draw(rates), draw(rates)))
                steps = steps if layers[-1].sequences else 0
            case "convolution":
                layers.append(Conv1D(draw(sizes), draw(st.integers(1, steps)), activation))
            case "dense":
                layers.append(Dense(draw(sizes), activation, each_step=steps > 0))
            case "dropout":
                layers.append(Dropout(draw(rates)))
            case "flatten":
                layers.append(Flatten())
                steps = 0
            case "repeat":
                steps = draw(sizes)
                layers.append(Repeat(steps))
    model = ModelSpec((*layers, *([Flatten()] if steps else []), Dense(horizon)), masked=draw(st.booleans()))
    if draw(st.booleans()):
        with suppress(ModelError):  # layers whose state cannot be carried
            model = replace(model, masked=False, stateful=True)
    features += model.masked
    kernels = tuple(name for name in model.shapes(features, window) if name.endswith(".kernel"))
    objective = Objective(draw(st.sampled_from(["mse", "mae", "huber"])), draw(st.sampled_from([0.0, 0.01])), kernels)
    kind = draw(st.sampled_from(EVERY_OPTIMIZER))
    decay = {"clip_norm": draw(st.sampled_from([None, 0.1])), "weight_decay": draw(st.sampled_from([0.0, 0.02]))}
    optimizer = replace(kind, **decay)
    sizes = {"rows": 23, "batch": draw(sizes), "seed": draw(st.integers(0, 99))}
    sizes |= {"padding": draw(st.sampled_from(["left", "right", "any"]))}
    return Problem(model, features, window, horizon, **sizes, objective=objective, optimizer=optimizer)
