"""How much arithmetic an optimizer step needs at least, counted from the shapes alone."""

from backends.model import ModelSpec


def step_flops(model: ModelSpec, *, features: int, window: int, batch: int) -> int:
    """Floating-point operations of the matrix products of one optimizer step on `batch` windows of `window` rows.

    A multiply-add is two operations. The backward pass has each product twice, for the inputs' and for the weights'
    gradients; nothing wants the gradient by the windows, so the first layer's input product has it once. Activations
    and the optimizer are left out: this is a floor, and a rate made from it is one too.
    """
    return 2 * batch * (3 * model.multiply_adds(features, window) - model.input_multiply_adds(features, window))
