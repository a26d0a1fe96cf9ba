"""How much arithmetic an optimizer step needs at least, counted from the shapes alone."""

from backends.contract import ModelSpec, Recurrent


def step_operations(model: ModelSpec, *, features: int, window: int, batch: int) -> int:
    """Floating-point operations of the matrix products of one optimizer step on `batch` windows of `window` rows.

    A multiply-add is two operations. The backward pass has each product twice, for the inputs' and for the weights'
    gradients; nothing wants the gradient by the windows, so the first layer's input product has it once. Activations
    and the optimizer are left out: this is a floor, and a rate made from it is one too.
    """
    forward = backward = 0
    steps = window
    for position, layer in enumerate(model.layers):
        shapes = {name: shape for name, shape in model.shapes(features).items() if name.startswith(f"{position}.")}
        rows, columns = shapes[f"{position}.kernel"]
        if not isinstance(layer, Recurrent):
            inputs, recurrence = rows * columns, 0
        else:
            inputs, recurrence = steps * rows * columns, steps * layer.units * columns
            steps = steps if layer.sequences else 1
        forward += inputs + recurrence
        backward += inputs * (2 if position else 1) + 2 * recurrence
    return 2 * batch * (forward + backward)
