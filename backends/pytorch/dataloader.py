"""PyTorch as courses teach it: a `DataLoader`, and a loop of `zero_grad`, `backward` and `step`."""

from dataclasses import replace

import numpy as np
from torch.utils.data import DataLoader, TensorDataset

from backends.contract import Array, Backend, Dtype, Steps
from backends.pytorch import training
from backends.pytorch.training import NONE, PyTorchModel


def create(name: str, *, dtype: Dtype) -> Backend:
    """The backend."""
    return replace(training.create(name, dtype=dtype), model=DataLoaderModel)


class DataLoaderModel(PyTorchModel):
    """Adam with PyTorch's defaults (`fused=False, foreach=None`), which on a CPU update one parameter at a time."""

    def train(self, steps: Steps) -> Array:
        self.optimizer.param_groups[0].update(fused=False, foreach=None)
        batches = DataLoader(TensorDataset(self._x, self._y), batch_sampler=steps.order.tolist())
        masks = self._inputs(steps)
        losses = []
        for step, (x, y) in enumerate(batches):
            self.optimizer.param_groups[0]["lr"] = float(steps.rates[step])
            self.optimizer.zero_grad()
            loss = self.step_loss(x, y, {name: mask[step] for name, mask in masks.items()}, NONE, training=True)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return np.array(losses, dtype=self._x[:0].cpu().numpy().dtype)
