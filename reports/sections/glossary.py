"""What a reader needs to know to read a report, and nothing else."""

from reports.render.page import Paragraph, Section, Terms
from reports.sections.context import Context

HOW_TO_READ = (
    "Models are compared in matched mode: one bias per gate, the same initial weights, the same batches in the same "
    "order, the same Adam to the epsilon. What is left to differ is the engine, so times can be compared. A backend "
    "enters the comparison only with a certificate: it computes what a float64 oracle written in NumPy computes, and "
    "learns as it learns.",
    "A speed ratio above 1 is faster than the reference, the first backend that holds the certificate. It is made from "
    "trials of the same round only, so that drift of the machine hits both alike. Each trial runs in a fresh process.",
    "A forecast is good only where its skill is above 0: it then beats a forecast that needs no network. Skill is 1 "
    "less the ratio of the two mean squared errors, so 0.25 removes a quarter of the naive forecast's squared error.",
    "Each figure is the median over the seeds. Beside it stands a 95 % bootstrap interval where there are six seeds or "
    "more, else the range that was seen: fewer than six runs cannot bracket a median with 95 % confidence.",
)

WORDS = {
    "window": "the values that a forecast is made from; lookback is another word for it",
    "horizon": "how many steps ahead are forecast",
    "units": "the width of a recurrent layer",
    "cell": "the kind of recurrence: LSTM, GRU or a plain tanh RNN",
    "epoch": "one pass over all training windows; a steady epoch is the median one after the first",
    "first step": "the first call: the framework traces, compiles and takes one optimizer step",
    "seed": "draws the initial weights and the order of the batches",
    "trial": "one backend, one model, one seed, in a process of its own",
    "round": "one trial of each backend for the same model and seed",
    "matched": "the same function, the same start, the same batches, the same optimizer in every framework",
    "native": "what each framework gives a user who types the obvious: other models, so no ratios",
    "oracle": "the NumPy reference in float64, with every gradient written out",
    "certificate": "the proof that a backend computes and learns as the oracle does, within stated bounds",
    "kernel": "what really computed the recurrence: a fused kernel, a compiled loop, a loop of single operations",
    "persistence": "the naive forecast that repeats the last value",
    "seasonal naive": "the naive forecast that repeats the value of one season ago",
    "MSE, RMSE, MAE": "mean squared error, its root, mean absolute error, in the series' own unit",
    "equivalent": "shown, by two one-sided tests, to differ by less than a stated margin; not the same as not shown to "
    "differ",
    "rank": "the place among all methods on one series, 1 for the best; the mean rank is taken over the series",
    "Friedman's test": "asks whether the ranks over several series differ more than chance would have them",
    "critical difference": "how far apart two mean ranks must lie to be told apart at 5 %",
    "operations": "multiplications and additions of floating-point numbers",
    "peak memory": "the most memory that a trial's process held, the framework itself included",
}


def section(context: Context) -> Section:
    words = Section("glossary", "Glossary", (Terms(tuple(WORDS.items())),), folded=True)
    return Section("reading", "How to read this", (*map(Paragraph, HOW_TO_READ), words))
