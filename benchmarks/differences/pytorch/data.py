"""PyTorch: batches, schedules, losses and numbers. A function for each difference; functions `equal_...` are shown."""

import inspect

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.differences.probe import Array, Case, Probe, is_float64, shown
from benchmarks.differences.pytorch.cells import last, plain

torch.set_default_dtype(torch.float64)


@shown
def equal_partial_batch(data: TensorDataset) -> DataLoader:
    return DataLoader(data, batch_size=4, drop_last=True)


def partial_batch(case: Case) -> Probe:
    data = TensorDataset(torch.arange(10))
    default, equal = ([len(rows) for (rows,) in loader] for loader in (DataLoader(data, 4), equal_partial_batch(data)))
    return Probe(len(default), np.resize([*default, 0, 0, 0], 3), np.resize([*equal, 0, 0, 0], 3))


@shown
def equal_shuffle(data: TensorDataset, order: list[int]) -> DataLoader:
    return DataLoader(data, batch_size=4, sampler=order)  # the order of this epoch, drawn once for all frameworks


def shuffle(case: Case) -> Probe:
    data, order = TensorDataset(torch.arange(12)), np.random.default_rng(0).permutation(12)
    default, equal = (
        np.concatenate([rows.numpy() for (rows,) in loader])
        for loader in (DataLoader(data, 4), equal_shuffle(data, order.tolist()))
    )
    shuffles = inspect.signature(DataLoader).parameters["shuffle"].default or not np.array_equal(
        default, np.sort(default)
    )
    return Probe(bool(shuffles), default, equal)


@shown
def equal_stateful(layer: nn.LSTM, batches: list[Tensor], state: tuple[Tensor, Tensor] | None = None) -> Tensor:
    for x in batches:  # state: None before the first batch; in training, detach it after each step
        output, state = layer(x, state)
    return output[:, -1]


def stateful(case: Case) -> Probe:
    made, x = plain(case), torch.tensor(case.x)
    first, second = x[:, :3], x[:, 3:]
    made(first)
    default = last(made, case.x[:, 3:])
    fresh = np.allclose(default, last(plain(case), case.x[:, 3:]))
    return Probe(not fresh, default, equal_stateful(made, [first, second]).detach().numpy())


@shown
def equal_schedule(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)  # call its step() after each epoch


def schedule(case: Case) -> Probe:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates, alone = equal_schedule(optimizer), [], []
    for step in range(8):
        alone.append(optimizer.param_groups[0]["lr"])
        rates.append(alone[-1])
        optimizer.step()
        if step == 2:
            unchanged = optimizer.param_groups[0]["lr"] == 1.0
        if step % 4 == 3:
            scheduler.step()
    return Probe("when you call it" if unchanged else "every step", np.array(rates), np.array(rates))


@shown
def equal_shown_loss(model: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return nn.functional.mse_loss(model(x), y).item()  # after the epoch, on all windows


def shown_loss(case: Case) -> Probe:
    model = nn.Linear(6, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(case.weights))
    x, y = torch.tensor(case.gradients[:12]), torch.tensor(case.gradients[12:24, :1])
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.05), []
    for first in range(0, 12, 4):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x[first : first + 4]), y[first : first + 4])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    equal = equal_shown_loss(model, x, y)
    return Probe(
        "your loop decides" if not hasattr(model, "fit") else "fit", np.array([np.mean(losses)]), np.array([equal])
    )


def float64(case: Case) -> Probe:
    outputs = last(plain(case), case.x) @ case.target.T
    return Probe(is_float64(outputs, case.lstm_outputs @ case.target.T), outputs, outputs)


@shown
def equal_tf32() -> None:
    torch.backends.cudnn.allow_tf32 = False  # of convolutions and recurrent layers; that of matmul is off


def tf32(case: Case) -> Probe:
    observed = f"cuDNN {torch.backends.cudnn.allow_tf32}, products {torch.backends.cuda.matmul.allow_tf32}"
    default = _gpu_product(case)
    equal_tf32()
    return Probe(observed, default, _gpu_product(case))


def _gpu_product(case: Case) -> Array:
    """Outputs of an LSTM in float32 on the GPU; without a GPU, no numbers."""
    if not torch.cuda.is_available():
        return np.zeros(0)
    made = plain(case).float().cuda()
    return made(torch.tensor(case.x, dtype=torch.float32).cuda())[0][:, -1].detach().cpu().numpy().astype(float)


@shown
def equal_approximations(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.tanh(x.double()), torch.sigmoid(x.double())


def approximations(case: Case) -> Probe:
    x = torch.tensor(case.grid)
    default = np.concatenate([value.numpy().astype(float) for value in (torch.tanh(x), torch.sigmoid(x))])
    equal = np.concatenate([value.numpy() for value in equal_approximations(x)])
    return Probe(bool(np.abs(default / np.where(equal == 0, 1, equal) - 1)[equal != 0].max() < 1e-6), default, equal)


@shown
def equal_hard_sigmoid(x: Tensor) -> Tensor:
    return torch.clamp(0.2 * x + 0.5, 0, 1)


def hard_sigmoid(case: Case) -> Probe:
    x = torch.linspace(-4, 4, 101)
    value = float(nn.functional.hardsigmoid(torch.tensor(1.0)))
    return Probe(round(value, 4), nn.functional.hardsigmoid(x).numpy(), equal_hard_sigmoid(x).numpy())
