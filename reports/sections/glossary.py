"""How to read a report, and the glossary."""

from reports.analysis.context import Context
from reports.render.page import Paragraph, Section, Terms

HOW_TO_READ = (
    "Models are compared in matched mode: all frameworks compute the same function, with one bias per gate, the same "
    "initial weights, the same batches in the same order and the same optimizer. Only the implementation differs, "
    "so the times can be compared. A backend is compared only if it has a certificate, which shows that the backend "
    "computes and learns the same as a reference implementation in NumPy.",
    "The speed ratio is the time of the reference backend divided by the time of this backend: above 1 is faster. The "
    "reference backend is the first one with a certificate. A ratio is computed within a round, from trials that ran "
    "one after the other, so that slow changes of the machine affect both. Each trial runs in a new process.",
    "Skill is 1 − error / error of a naive forecast, with the mean squared error. A skill of 0.25 means an error that "
    "is 25 % lower than that of the naive forecast. A forecast is called good only if it beats "
    "persistence and the seasonal naive forecast, and no baseline has a lower error by a statistical test.",
    "Each number is the median over the seeds. Beside it is a 95 % interval for six seeds or more, and the range for "
    "two to five: fewer than six values cannot give a 95 % interval of a median.",
)

WORDS = {
    "ARIMA": "a linear model of differenced values and of past errors, with orders chosen by Akaike's criterion (AICc)",
    "backend": "a framework with a program, for example the eager loop in PyTorch. A time is that of a program",
    "band": "the range from the lowest to the highest quantile that a model forecasts. Captions explain other bands",
    "baseline": "a naive forecast, a fitted statistical model or a regression that forecasts the same windows",
    "batch": "the windows of one optimizer step",
    "bias": "of a forecast: the mean of forecast − truth. Of a layer: numbers that it adds to its weighted inputs",
    "break-even": "the smallest number of epochs for which a program that starts more slowly takes less time in total",
    "cell": "the kind of a recurrent layer: LSTM, GRU, the plain RNN or one of their variants",
    "certificate": "the comparison of a backend with the reference implementation: outputs, gradients, losses and "
    "trained weights must agree within stated bounds",
    "compilation": "the time of the first step less that of a steady step",
    "coverage": "the share of true values between the lowest and the highest quantile of a model; 80 % for the "
    "quantiles 0.1 and 0.9 of a calibrated model",
    "Diebold and Mariano's test": "tests whether two forecasts have the same mean squared error on the test windows; "
    "it allows for errors of overlapping forecasts, which depend on each other",
    "epoch": "one pass over the training windows; those that do not fill the last batch may be left out",
    "equivalent": "shown by two one-sided tests (TOST) to differ by less than a stated margin. This is more than a "
    "difference that is not significant",
    "exponential smoothing": "a weighted mean of past values, with a trend and a season where they help (ETS)",
    "first step": "the first optimizer step, in which some frameworks trace and compile the model. A compiled epoch "
    "makes this step in a call of its own, and the rest of the first epoch in another",
    "Friedman's test": "tests whether the ranks of several methods over several series differ more than by chance",
    "gradient boosting": "a sum of small decision trees on the past values of the window and the place in the season",
    "GEMM peak": "the operations per second of a product of two large matrices: the practical peak of the machine",
    "Holm's correction": "a correction of p-values for several tests at once",
    "horizon": "the number of steps ahead that are forecast",
    "kernel": "the code that computed the recurrence: a fused kernel (mkldnn_rnn_layer, cuDNN), a compiled loop (XLA "
    "while, TF while), or a loop of single operations (aten loop)",
    "linear autoregression": "a linear regression on the past values of the window",
    "MASE": "mean absolute scaled error: the mean absolute error relative to that of repeating, on the training part, "
    "the value of one season before, or the last value if there is no season. It has no unit, so targets and series "
    "can be averaged",
    "matched": "the mode in which all frameworks have the same function, initial weights, batches and optimizer",
    "MSE, RMSE, MAE": "mean squared error, its square root, and mean absolute error",
    "naive forecast": "a simple baseline: persistence, seasonal naive, training mean or linear autoregression",
    "native": "the mode in which each framework uses its own layers with its number of biases, its initial weights and "
    "dropout, and its defaults of the optimizer's own constants (such as Adam's betas and epsilon). Batches, learning "
    "rates, loss and program are those of matched mode. The models differ, so there are no speed ratios",
    "operations": "multiplications and additions of floating-point numbers (FLOP)",
    "peak memory": "the largest resident memory of the process of a trial, with the framework itself",
    "persistence": "the naive forecast that repeats the last value",
    "pinball loss": "the error of quantiles, weighted by the quantile where the forecast is too low, "
    "and by 1 minus the quantile where it is too high",
    "program": "the way in which a training loop is written: an eager loop calls the framework many times for each "
    "batch, a compiled step is one call for each batch, and a compiled epoch is one call for all batches of an epoch. "
    "An unrolled epoch computes several time steps in each turn of its compiled loop, a DataLoader loop is an eager "
    "loop over PyTorch's DataLoader, and a fit loop is Keras's model.fit",
    "rank": "the position among all methods on one series, 1 for the best. The mean rank is the mean over the series",
    "reference backend": "the backend that speed ratios are relative to: the first one with a certificate",
    "reference implementation": "the NumPy implementation in float64 that certificates compare with",
    "round": "one trial of each backend for the same model and seed",
    "scaled": "shifted and divided as the [data] table of the definition states, for example to mean 0 and standard "
    "deviation 1",
    "seasonal naive": "the naive forecast that repeats the value of one season ago",
    "seasonal autoregression": "a linear regression on the past values of the window and on the place in the season",
    "seed": "the number that determines the initial weights and the order of the batches",
    "skill": "1 − error / error of a naive forecast, or of another baseline where one is named. Above 0 is better than "
    "that forecast, 1 is perfect",
    "sMAPE, WAPE": "percentage errors: the mean of 2 |error| / (|truth| + |forecast|), and the sum of absolute errors "
    "relative to that of the absolute values",
    "speed ratio": "the time of the reference backend divided by the time of a backend, in the same round",
    "steady epoch": "the median epoch of the steady state, so without compilation and warm-up; of a process that "
    "reaches no steady state, the median of the last half of its epochs",
    "steady state": "the last epochs of a process, as many as possible without a trend or a change point (tests at "
    "5 %); the epoch with the first step is never part of it, and at most half of the epochs are left out",
    "test error": "an error on the test part, the latest part of the series, which neither training nor selection uses",
    "theta": "exponential smoothing of seasonally adjusted values, plus half of the slope of their linear trend",
    "training mean": "the naive forecast that is the mean of the training part",
    "trial": "one training of one model in one backend with one seed, in its own process",
    "units": "the width of a layer",
    "Wilcoxon's test": "the signed-rank test of whether paired values of two methods differ",
    "window": "the past values that a forecast is made from, with the values that it forecasts, the targets",
}


def section(context: Context) -> Section:
    glossary = Section(
        "glossary",
        "Glossary",
        (Terms(tuple(sorted(WORDS.items(), key=lambda entry: entry[0].casefold()))),),
        folded=True,
    )
    return Section("reading", "How to read this page", (*map(Paragraph, HOW_TO_READ), glossary))
