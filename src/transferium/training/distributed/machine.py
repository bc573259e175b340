"""Where training runs: device, mixed precision and several processes, in one place."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.system.processes import world
from transferium.training.distributed.sharding import Split, is_split, total_norm


class Machine:
    """The device, precision and processes of a run, over Hugging Face Accelerate.

    Under ``torchrun`` or ``accelerate launch`` every process makes one; gradients are averaged after each backward
    pass, weighted by the rows each process had, which equals one process at the same global batch for every objective
    that is a mean over rows. Where the launch asks for FSDP 2, backbones are split over the processes (:class:`Split`)
    and their gradients come averaged; everything else is whole in each.

    ``precision`` is ``"no"``, ``"bf16"``, ``"fp16"``, or ``"auto"``: bf16 on a GPU that has it, else none. ``track``
    names trackers, whose files go to ``logs``.
    """

    def __init__(
        self, precision: str = "auto", *, cpu: bool = False, track: Sequence[str] = (), logs: Path | None = None
    ) -> None:
        from accelerate import Accelerator
        from accelerate.utils import ProjectConfiguration

        if precision not in ("auto", "no", "bf16", "fp16"):
            raise InputError(f"precision is 'auto', 'no', 'bf16' or 'fp16'; it was given {precision!r}.")
        if precision == "auto":
            precision = "bf16" if not cpu and torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "no"
        #: How backbones are split over processes, or None.
        self.split = Split.asked(precision)
        try:
            self.accelerator = Accelerator(
                cpu=cpu or (world() > 1 and not torch.cuda.is_available()),  # else each would train alone
                mixed_precision=precision,
                log_with=list(track) or None,
                project_config=ProjectConfiguration(logging_dir=None if logs is None else str(logs)),
            )
        except ValueError as error:
            raise InputError(
                f"this process already trains at another precision, and {precision!r} was asked for: {error}"
            ) from error
        if (kind := self.accelerator.distributed_type.value) in ("DEEPSPEED", "MEGATRON_LM", "TP"):
            raise InputError(
                f"training here does not work with {kind}: launch with torchrun, or choose plain multi-process "
                "training or FSDP 2 in accelerate config."
            )
        self.device: torch.device = self.accelerator.device
        self.rank: int = self.accelerator.process_index
        self.world: int = self.accelerator.num_processes
        #: Whether each step is checked before the weights move: reading one number from the device is free, or no
        #: flag on the device can make the optimiser skip.
        self.immediate = self.device.type == "cpu" or self.scaler is not None or self.split is not None

    @property
    def scaler(self) -> Any:
        """The gradient scaler of fp16, else None."""
        return self.accelerator.scaler

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def place(self, module: nn.Module) -> nn.Module:
        """Move a module to the device, its convolutions in channels-last layout unless models are split."""
        if self.split is not None:
            return module.to(self.device)
        module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return module

    def optimiser(self, optimiser: torch.optim.Optimizer) -> Any:
        """The optimiser, minding the gradient scaler where there is one."""
        return optimiser if self.scaler is None else self.accelerator.prepare_optimizer(optimiser)

    def autocast(self) -> AbstractContextManager[Any]:
        """Run forward passes at the chosen precision."""
        context: AbstractContextManager[Any] = self.accelerator.autocast()
        return context

    def backward(self, loss: Tensor, params: Sequence[nn.Parameter]) -> None:
        """Add the gradients of ``params`` and of nothing else (of a split model: of all that moves)."""
        self.accelerator.backward(loss, inputs=list(params) if self.split is None else None)

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace float tensors by their mean over the processes, in one exchange; what is split has been averaged."""
        tensors = [t for t in tensors if not is_split(t)]
        if self.world == 1 or not tensors:
            return
        flat = self.accelerator.reduce(torch.cat([t.reshape(-1) for t in tensors]), reduction="mean")
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def clip(self, optimiser: Any, params: Sequence[nn.Parameter], limit: float | None) -> Tensor:
        """Scale gradients so that their norm is at most ``limit``; returns the norm they had."""
        if self.scaler is not None:
            self.accelerator.unscale_gradients(optimiser)
        norm = total_norm([p.grad for p in params if p.grad is not None])
        if limit is not None:
            for kind in (False, True):
                nn.utils.clip_grads_with_norm_([p for p in params if is_split(p) == kind], limit, norm)
        return norm

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor over the processes."""
        total: Tensor = tensor if self.world == 1 else self.accelerator.reduce(tensor, reduction="sum")
        return total

    def everyone(self, value: Any) -> list[Any]:
        """Each process's ``value``, by rank."""
        if self.world == 1:
            return [value]
        everything: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(everything, value)
        return everything

    def wait(self) -> None:
        """Wait until every process has reached this line."""
        self.accelerator.wait_for_everyone()


def seed_everything(*key: int) -> None:
    """Seed Python, NumPy and torch, on every device, from one key."""
    words = np.random.SeedSequence(key).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.manual_seed((int(words[2]) << 31) ^ int(words[3]))


def random_state() -> dict[str, Any]:
    """Every generator's state as plain data and tensors."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": list(random.getstate()[1]),
        "gauss": random.getstate()[2],
        "numpy": [str(kind), np.asarray(keys).tolist(), *rest],
        "torch": torch.get_rng_state().tolist(),
    }
    if torch.cuda.is_available():
        state["cuda"] = [s.tolist() for s in torch.cuda.get_rng_state_all()]
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Put every generator where :func:`random_state` found it."""
    random.setstate((3, tuple(state["python"]), state["gauss"]))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([torch.tensor(s, dtype=torch.uint8) for s in state["cuda"]])


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Leave the caller's generators as they were."""
    before = random_state()
    try:
        yield
    finally:
        restore_random_state(before)
