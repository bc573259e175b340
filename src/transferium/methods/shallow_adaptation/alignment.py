"""Feature-space alignment: one linear map for each domain, after which one linear head reads both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import InputError
from transferium.functional.adaptation.affine import Affine, Alignment
from transferium.functional.adaptation.coral import coral_map
from transferium.functional.adaptation.jda import jda
from transferium.functional.adaptation.linear_map import linear_map
from transferium.functional.adaptation.pairs import prototype_pairs, transport_pairs
from transferium.functional.adaptation.standardise import standardise
from transferium.functional.adaptation.subspace import principal_directions, subspace_alignment
from transferium.functional.adaptation.tca import tca
from transferium.functional.adaptation.transport import transport_map
from transferium.functional.linear_classifier import fit_linear
from transferium.functional.matrices import Array
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.settings.field import setting
from transferium.methods.shallow_adaptation.base import Moved, Shallow, check_pairs, unit
from transferium.methods.shallow_adaptation.given_pairs import check_pairs_given, find_pairs, read_pairs

FOUND = ("transport", "prototypes")
"""How pairs are found where none are given."""


def _at_most(default: int) -> Any:
    return setting(default, "directions kept, at most", (8, 256))


def _penalty(default: float, help: str, bounds: Mapping[str, float] | None = None) -> Any:
    return setting(default, help, (1e-3, 1e3), bounds)


@dataclass
class Standardise(Shallow):
    """The mean and spread of every source feature brought to the target's.

    ``x -> (x - m_s) / s_s · s_t + m_t`` for each feature of the source. Prefer it for a change of units, exposure or
    style, and with few rows; ``coral`` where correlations changed too. It breaks data whose class shares differ.
    Li et al., Revisiting batch normalization for practical domain adaptation, 2016.
    """

    name: ClassVar[str] = "standardise"
    makes_alike: ClassVar[bool] = True

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        return Moved(standardise(source.features, target, strength=self.strength))


@dataclass
class CORAL(Shallow):
    """Source features given the mean and the covariance of the target's.

    They are whitened by their covariance and coloured by the target's.
    Prefer ``standardise`` with fewer rows than features. It fails where class shares differ.
    Sun et al., Return of frustratingly easy domain adaptation, AAAI 2016.
    """

    name: ClassVar[str] = "coral"
    makes_alike: ClassVar[bool] = True

    ridge: float = _penalty(0.1, "added to both covariances, relative to the mean variance")

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        return Moved(Alignment(coral_map(source.features, target, ridge=self.ridge, strength=self.strength)))


@dataclass
class Subspace(Shallow):
    """The source's principal directions turned onto the target's: subspace alignment.

    ``x -> (x - m_s) P_s P_sᵀ P_t P_tᵀ`` for the source, ``x -> (x - m_t) P_t P_tᵀ`` for the target, ``P`` the
    ``dimensions`` leading directions. Prefer it for a rotation of the features, ``coral`` for a change of scale, to
    which it is blind. It fails where class shares differ: the target then varies along other directions.
    Fernando et al., Unsupervised visual domain adaptation using subspace alignment, ICCV 2013.
    """

    name: ClassVar[str] = "subspace"
    makes_alike: ClassVar[bool] = True

    dimensions: int = _at_most(64)

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        x = np.asarray(source.features, np.float64)
        spans = min(principal_directions(m).shape[1] for m in (x, target))
        kept = min(self.dimensions, spans)
        return Moved(subspace_alignment(x, target, dimensions=kept, strength=self.strength))


@dataclass
class TCA(Shallow):
    """Directions along which both domains have one mean: transfer component analysis.

    ``min_W tr(Wᵀ (strength · δ δᵀ + ridge · I) W)`` with ``Wᵀ Xᵀ H X W = n I``, ``δ`` the difference of the means,
    and each direction then at length 1. A projection cannot go part of the way: towards ``strength`` 0 it becomes PCA
    of both domains; at 0 nothing is projected, and it is source only. Prefer it where the means moved along a few
    directions that tell little of the classes; ``jda`` where source only is mostly right. It fails where class shares
    differ.
    Pan et al., Domain adaptation via transfer component analysis, IEEE TNN 2011.
    """

    name: ClassVar[str] = "tca"
    makes_alike: ClassVar[bool] = True

    dimensions: int = _at_most(64)
    ridge: float = _penalty(0.1, "size penalty of the directions, for features of about unit length", {"above": 0})

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        if self.strength == 0:
            return Moved()
        x = np.asarray(source.features, np.float64)
        scale = unit(x, target)
        kept = _kept(self.dimensions, x, target)
        found = tca(x * scale, target * scale, dimensions=kept, ridge=self.ridge, weight=self.strength)
        map_ = _at_length_one(found, scale)
        return Moved(Alignment(map_, map_))


@dataclass
class JDA(Shallow):
    """Means of the domains and of each class brought together: joint distribution adaptation.

    ``balance`` 0.5 is JDA; ``strength`` multiplies both gaps, and at 0 nothing is projected: source only. Directions
    are taken at length 1, as those of ``tca``. It lives on its pseudo-labels: prefer ``tca`` or ``coral`` where source
    only is poor.
    Long et al., Transfer feature learning with joint distribution adaptation, ICCV 2013.
    """

    name: ClassVar[str] = "jda"
    makes_alike: ClassVar[bool] = True

    dimensions: int = _at_most(64)
    ridge: float = _penalty(0.1, "size penalty of the directions, for features of about unit length", {"above": 0})
    balance: float = setting(0.5, "0: the domains' means alone, 1: the classes' alone", (0.0, 1.0), {"most": 1})
    rounds: int = setting(10, "turns of directions and pseudo-labels", (1, 20))

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        if self.strength == 0:
            return Moved()
        x = np.asarray(source.features, np.float64)
        scale = unit(x, target)
        found = jda(
            x * scale,
            source.y,
            target * scale,
            partial(fit_linear, classes=task.classes),
            dimensions=_kept(self.dimensions, x, target),
            balance=self.balance,
            ridge=self.ridge,
            rounds=self.rounds,
            weight=self.strength,
        )
        map_ = _at_length_one(found.map, scale)
        turns = ", ".join(map(str, found.changed))
        return Moved(Alignment(map_, map_), notes=(f"pseudo-labels that changed in each round: {turns}",))


@dataclass
class BDA(JDA):
    """``jda`` whose balance leans towards the classes: balanced distribution adaptation.

    ``min_W tr(Wᵀ (2 strength ((1 - balance) δ₀ δ₀ᵀ + balance Σ_c δ_c δ_cᵀ) + ridge · I) W)``, ``δ₀`` the difference of
    the domains' means, ``δ_c`` that of class ``c``'s. Prefer it to ``jda`` where classes moved differently and
    pseudo-labels are mostly right, with a low ``balance`` or ``tca`` where they are not.
    Wang et al., Balanced distribution adaptation for transfer learning, ICDM 2017.
    """

    name: ClassVar[str] = "bda"

    balance: float = setting(0.7, "0: the domains' means alone, 1: the classes' alone", (0.0, 1.0), {"most": 1})


@dataclass
class OT(Shallow):
    """Every source row moved to where optimal transport sends it among the target's rows.

    ``min_P <P, C> - regularisation · H(P)``, ``C`` the squared distances over their median, all rows weighing alike;
    row ``i`` goes to ``Σ_j P_ij z_j / Σ_j P_ij``. Follows any shift that moves no class past another; prefer
    ``standardise`` or ``coral`` for a plain change of scale or many rows. It fails where class shares differ, for all
    mass must go somewhere.
    Courty et al., Optimal transport for domain adaptation, TPAMI 2017.
    """

    name: ClassVar[str] = "ot"
    makes_alike: ClassVar[bool] = True

    regularisation: float = _penalty(0.05, "entropy of the plan, in units of the median cost")
    class_penalty: float = setting(0.0, "keeps classes of the source apart in the plan", (0.0, 1.0))

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        if self.strength == 0:
            return Moved()
        check_pairs(self.name, len(source), len(target))
        carried = transport_map(
            np.asarray(source.features, np.float64),
            target,
            regularisation=self.regularisation,
            source_labels=source.y,
            class_penalty=self.class_penalty,
            strength=self.strength,
        )
        return Moved(rows=carried)


@dataclass
class LinearMap(Shallow):
    """A linear map between the domains, from pairs of examples that are given or found.

    ``min_A Σ ||A x - z||² + penalty ||A - I||²`` in closed form.
    ``pairs="transport"`` asks nothing of the labels; ``"prototypes"`` brings each class's mean onto that of the target
    rows predicted to be of it, and needs source only to be mostly right. Else they are given, by the names of their
    examples: a list of ``(source, target)``, or a table with these two columns.
    Saenko et al., Adapting visual category models to new domains, ECCV 2010.
    """

    name: ClassVar[str] = "linear-map"
    makes_alike: ClassVar[bool] = True

    pairs: str | Path | Sequence[tuple[str, str]] = field(
        default="transport",
        metadata={
            "help": "how pairs are found: transport or prototypes; or a CSV file whose columns source and target "
            "name the examples of each pair"
        },
    )
    penalty: float = _penalty(1.0, "pull towards the identity, for features of about unit length")

    def check(self) -> None:
        """Raise ``InputError`` for settings that cannot work."""
        super().check()
        check_pairs_given(self.pairs, FOUND)
        if self.sources == "votes" and self._given:
            raise InputError(
                "sources=votes fits each source by itself, and pairs were given: use combined or weighted."
            )

    @property
    def _given(self) -> bool:
        return not (isinstance(self.pairs, str) and self.pairs in FOUND)

    def _move(self, task: AdaptationTask, source: Domain, target: Array) -> Moved:
        if self.strength == 0:
            return Moved()
        x = np.asarray(source.features, np.float64)
        scale, weight = unit(x, target), None
        notes: tuple[str, ...] = ()
        if self._given:
            given = read_pairs(self.pairs) if isinstance(self.pairs, (str, Path)) else self.pairs
            here, there = find_pairs(given, source, task.unlabeled)
            a, b, notes = x[here] * scale, target[there] * scale, (f"{len(given)} pairs were given",)
        elif self.pairs == "transport":
            check_pairs(self.name, len(x), len(target))
            a, b = transport_pairs(x * scale, target * scale)
        else:
            guess = (
                LinearProbe(self.Cs, self.folds, self.class_weight, self.rule).solve(task, source).head.outputs(target)
            )
            a, b, weight = prototype_pairs(x * scale, source.y, target * scale, guess)
        found = linear_map(a, b, penalty=self.penalty, weight=weight)
        inside = Affine(found.matrix, None if found.offset is None else found.offset / scale)
        return Moved(Alignment(inside.part_way(self.strength)), notes=notes)


def _kept(dimensions: int, x: Array, z: Array) -> int:
    return min(dimensions, int(principal_directions(np.concatenate([x, z])).shape[1]))


def _at_length_one(map_: Affine, scale: float) -> Affine:
    """``map_(scale · x)`` as a map of ``x``, each of its directions at length 1.

    At variance 1, as the papers have them, the last of many directions are noise as loud as the first, which a
    regularised head believes: 64 of them lost 3 to 51 points on four pairs of office_caltech10, at length 1 at most 3
    (``transferium fit TARGET --source SOURCE --method tca``, amazon to webcam, dslr to amazon, webcam to caltech10 and
    caltech10 to amazon, one seed).
    """
    assert map_.matrix is not None and map_.offset is not None
    length = np.linalg.norm(map_.matrix, axis=0)
    return Affine(map_.matrix / length, map_.offset / (scale * length))
