"""The heads that fine-tuning trains: their settings, and their form once fitted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.data.modality import KINDS
from transferium.errors import InputError, TransferiumWarning
from transferium.methods.finetuning.trained import Trained, linear_head
from transferium.methods.settings.checks import BELOW_1
from transferium.methods.settings.field import setting
from transferium.methods.tuned_backbone import tuned_backbone
from transferium.methods.unused_settings import Rule
from transferium.models.backbone import Backbone
from transferium.models.catalogue import OWN
from transferium.models.heads.linear import Head
from transferium.problems.problem import Link

if TYPE_CHECKING:
    from transferium.models.heads.hidden import HiddenHead
    from transferium.models.heads.layered import LayeredHead
    from transferium.models.heads.scaled_linear import ScaledLinear
    from transferium.training.distributed.machine import Machine

WIDEST = 65536
"""Units that one hidden layer may have: far more than any data set needs, and what memory can still hold."""


def hidden_widths(hidden: int | str | None) -> tuple[int, ...]:
    """The widths of the hidden layers that a setting names, from the backbone on.

    >>> hidden_widths("512,128"), hidden_widths(256), hidden_widths(None)
    ((512, 128), (256,), ())
    """
    words = [] if hidden is None else [word.strip() for word in str(hidden).split(",")]
    if not all(word.isdigit() and 0 < int(word) <= WIDEST for word in words):
        raise InputError(
            f"hidden takes widths, as in 256 or 512,128, or none; it was given {hidden!r} (a layer has 1 to {WIDEST} "
            "units)."
        )
    return tuple(int(word) for word in words)


@dataclass
class NewHead:
    """The settings of the head that is trained."""

    unused_rules: ClassVar[dict[str, Rule]] = {
        "activation": Rule("hidden", lambda m: m.hidden is not None, "hidden layers, as with hidden=256")
    }

    head: str = setting(
        "scaled", "a new head's features: scaled to about 1, or linear (taken as they are)", ("scaled", "linear")
    )
    hidden: int | str | None = setting(None, "widths of hidden layers before the last linear one: 256 or 512,128")
    activation: str = setting(
        "relu", "of hidden layers: relu, gelu, silu, elu or tanh", ("relu", "gelu", "silu", "elu", "tanh")
    )
    head_dropout: float = setting(0.0, "share of hidden units that each step leaves out", (0.0, 0.5), BELOW_1)
    dropout: float = setting(0.0, "share of the features that each step hides from the head", (0.0, 0.7), BELOW_1)

    def check_head(self) -> None:
        """Raise ``InputError`` for widths that cannot be, and for dropped hidden units where there are none."""
        if not hidden_widths(self.hidden) and self.head_dropout:
            raise InputError(
                f"head_dropout={self.head_dropout} drops hidden units, and there are none: give hidden=256, say."
            )

    def _new_head(self, backbone: Backbone, outputs: int) -> ScaledLinear | HiddenHead:
        """A linear layer, or hidden layers and a linear one, with torch's default random weights.

        Raises ``InputError`` where no saved head could hold the hidden layers: on feature rows they have rectifiers.
        """
        from transferium.models.heads.hidden import HiddenHead
        from transferium.models.heads.scaled_linear import ScaledLinear

        hidden = hidden_widths(self.hidden)
        if not hidden:
            return ScaledLinear(backbone.width, outputs)
        if backbone.output != "pooled":
            raise InputError(
                f"hidden={self.hidden!r} puts layers at the end of the backbone, and {backbone.name} gives "
                f"{KINDS[backbone.kind]} a row for each token: leave it out."
            )
        if backbone.kind in OWN and self.activation != "relu":
            raise InputError(
                f"hidden layers on {KINDS[backbone.kind]} take activation=relu; it was {self.activation!r}."
            )
        return HiddenHead(backbone.width, hidden, outputs, self.activation, self.head_dropout)


def fitted_ends(trained: Trained, temperature: float) -> tuple[Backbone, Head]:
    """The tuned backbone, hidden layers of the head at its end, and the last linear layer.

    Feature rows pass through no backbone that could end in more layers: there the head keeps its hidden layers.
    """
    from transferium.models.heads.hidden import HiddenHead, extended
    from transferium.models.surgery.mirrored import mirrored

    backbone, head = tuned_backbone(trained.backbone, trained.model.backbone), trained.model.head
    if isinstance(head, HiddenHead):
        if backbone.kind in OWN:
            return backbone, _layered(head, temperature, trained.parts.held.posed.link)
        backbone, head = extended(backbone, head.hidden, head.widths[-1]), head.last
    return mirrored(backbone) if trained.mirror else backbone, linear_head(
        head, temperature, trained.parts.held.posed.link
    )


def _layered(head: HiddenHead, temperature: float, link: Link) -> LayeredHead:
    """The same function of the features in NumPy; every hidden layer ends in a rectifier."""
    from torch import nn

    from transferium.models.heads.layered import LayeredHead
    from transferium.models.heads.scaled_linear import ScaledLinear

    hidden = []
    for layer in head.hidden:
        if isinstance(layer, ScaledLinear):
            hidden.append(layer.folded())
        elif isinstance(layer, nn.Linear):
            weight, bias = (t.detach().cpu().double().numpy() for t in (layer.weight, layer.bias))
            hidden.append((weight, bias))
    last = linear_head(head.last, temperature, link)
    return LayeredHead(last.weight, last.bias, temperature, tuple(hidden), link=link)


def notes_on_hidden(trained: Trained, machine: Machine) -> tuple[str, ...]:
    """How many hidden units are dead, in words; a warning where it is more than half of a layer."""
    from transferium.training.wrappers.dead_units import dead_units

    notes = []
    layers = dead_units(trained.model, trained.parts.train, trained.feeds, machine)
    for number, (dead, units) in enumerate(layers, start=1):
        if not dead:
            continue
        where = f" of layer {number}" if len(layers) > 1 else ""
        note = (
            f"{dead} of {units} hidden units{where} never fire: their output is the same for every training example. "
            "A lower head_lr or activation=gelu keeps more of them alive"
        )
        if 2 * dead > units:
            warnings.warn(f"{note}.", TransferiumWarning, stacklevel=2)
        notes.append(note)
    return tuple(notes)
