"""The words of ``augment=``: presets, and single changes with ``+`` between. No torch.

A recipe is ``name`` or ``name:amount``, joined by ``+``: ``strong``, ``crop+flip+erase``, ``rotate:10+shift:0.1``,
``strong+no-flip``. A later amount of one change replaces an earlier one; an amount of 0 turns that change off wherever
it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from transferium.data.domain import Kind
from transferium.data.modality import KINDS
from transferium.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Change:
    """One random change: the amount it has unless another is given, the most there can be, and what an amount is."""

    amount: float
    most: float
    help: str


@dataclass(frozen=True)
class Language:
    """The single changes and the presets of one kind of example; a preset is a recipe.

    ``drawn``: changed examples are looked at as pictures; others are printed as texts.
    """

    kind: Kind
    changes: dict[str, Change]
    presets: dict[str, str]
    drawn: bool = False

    @property
    def names(self) -> list[str]:
        """Presets first, then single changes."""
        return [*self.presets, *self.changes]

    def read(self, recipe: str) -> dict[str, float]:
        """Amounts by change, in order of first mention; empty where nothing is to be changed.

        >>> IMAGES.read("light+colour:0.1")
        {'crop': 0.3, 'flip': 0.5, 'colour': 0.1}
        >>> IMAGES.read("no-flip+light")
        {'crop': 0.3}
        """
        if not recipe:
            self._refuse("", recipe)
        amounts: dict[str, float] = {}
        off: set[str] = set()
        for name, amount in self._steps(recipe):
            amounts[name] = amount
            if amount == 0:
                off.add(name)
        return {name: amount for name, amount in amounts.items() if name not in off}

    def _steps(self, recipe: str) -> list[tuple[str, float]]:
        steps: list[tuple[str, float]] = []
        for word in recipe.split("+") if recipe else []:
            name, colon, amount = (piece.strip() for piece in word.partition(":"))
            if name in self.presets and not colon:
                steps += self._steps(self.presets[name])
            elif name in self.changes:
                steps.append((name, self._amount(name, amount) if colon else self.changes[name].amount))
            else:
                self._refuse(name, recipe)
        return steps

    def _amount(self, name: str, text: str) -> float:
        change = self.changes[name]
        try:
            amount = float(text)
        except ValueError:
            amount = -1.0
        if not 0 <= amount <= change.most:
            raise InputError(
                f"{name}:{text} says how much of {name!r} there is: {change.help}, from 0 to {change.most:g}, as in "
                f"{name}:{change.amount:g}."
            )
        return amount

    def _refuse(self, name: str, recipe: str) -> None:
        if name in self.presets:
            raise InputError(
                f"{name!r} is a preset and takes no amount; it is short for {self.presets[name] or 'nothing'!r}: "
                "change the amounts there."
            )
        within = "" if name == recipe else f" (in {recipe!r})"
        raise InputError(f"there is no augmentation preset {name!r}{within}. {did_you_mean(name, self.names)}")


IMAGES = Language(
    "image",
    changes={
        "crop": Change(0.5, 0.95, "largest share of the picture cut away"),
        "rotate": Change(40, 180, "degrees to either side"),
        "shift": Change(0.2, 0.9, "share of the side, in both directions"),
        "zoom": Change(0.2, 0.9, "share by which it grows or shrinks"),
        "shear": Change(10, 60, "degrees to either side"),
        "flip": Change(0.5, 1, "probability of a mirror image"),
        "flip-vertical": Change(0.5, 1, "probability of turning it upside down"),
        "colour": Change(0.3, 1, "share by which brightness, contrast and saturation change"),
        "hue": Change(0.1, 0.5, "share of the circle of colours"),
        "grey": Change(0.2, 1, "probability of losing its colours"),
        "blur": Change(0.3, 1, "probability of a blur"),
        "perspective": Change(0.3, 1, "how far the corners move"),
        "trivialaugment": Change(1, 1, "probability of one change of TrivialAugmentWide's"),
        "randaugment": Change(9, 30, "magnitude of RandAugment's two changes"),
        "erase": Change(0.5, 1, "probability of erasing a rectangle"),
    },
    presets={
        "none": "",
        "auto": "simple",
        "light": "crop:0.3+flip",
        "simple": "crop:0.5+flip",
        "medium": "crop:0.65+flip+colour:0.2",
        "strong": "crop:0.8+flip+colour:0.4+erase:0.5",
        "geometric": "rotate:40+shift:0.2+zoom:0.2+flip",
        "digits": "rotate:10+shift:0.1+zoom:0.1",
        "trivial": "crop:0.5+flip+trivialaugment",
        "rand": "crop:0.5+flip+randaugment:9",
        "no-flip": "flip:0+flip-vertical:0",
    },
    drawn=True,
)
TEXTS = Language(
    "text",
    changes={
        "swap": Change(0.1, 1, "share of words that trade places with another"),
        "delete": Change(0.1, 0.9, "probability of losing a word"),
        "letters": Change(0.05, 1, "probability of a slip at a letter"),
        "span": Change(0.15, 0.9, "share of words in the masked run"),
    },
    presets={
        "none": "",
        "auto": "",
        "simple": "",
        "light": "swap:0.05+delete:0.05",
        "eda": "swap:0.1+delete:0.1",
        "medium": "swap:0.1+delete:0.1+letters:0.02",
        "strong": "swap:0.1+delete:0.1+letters:0.05+span:0.2",
    },
)
SOUNDS = Language(
    "sound",
    changes={
        "speed": Change(0.1, 0.5, "share by which it is played faster or slower"),
        "delay": Change(0.1, 0.9, "share of its length by which it begins later or earlier"),
        "noise": Change(0.1, 1, "loudness of noise, as a share of its own"),
        "mask-time": Change(0.2, 0.9, "largest share of the moments that are hidden"),
        "mask-pitch": Change(0.2, 0.9, "largest share of the pitches that are hidden"),
    },
    presets={
        "none": "",
        "auto": "simple",
        "light": "delay:0.1+mask-time:0.1+mask-pitch:0.1",
        "simple": "speed:0.1+delay:0.1+mask-time:0.15+mask-pitch:0.15",
        "medium": "speed:0.15+delay:0.15+noise:0.1+mask-time:0.2+mask-pitch:0.2",
        "strong": "speed:0.2+delay:0.2+noise:0.3+mask-time:0.3+mask-pitch:0.3",
    },
    drawn=True,
)
LANGUAGES: dict[Kind, Language] = {"image": IMAGES, "text": TEXTS, "sound": SOUNDS}
"""The recipes of each kind of example; feature rows have none, for nothing is known of what their columns mean."""


def spell(amounts: dict[str, float]) -> str:
    """The recipe that has these amounts.

    >>> spell(IMAGES.read("light"))
    'crop:0.3+flip:0.5'
    """
    return "+".join(f"{name}:{amount:g}" for name, amount in amounts.items())


def check_recipe(recipe: str) -> None:
    """Raise ``InputError`` unless some kind of example has every name in ``recipe``."""
    changes = {name: change for language in LANGUAGES.values() for name, change in language.changes.items()}
    presets = {name: preset for language in LANGUAGES.values() for name, preset in language.presets.items()}
    Language("image", changes, presets).read(recipe)
    if not _kinds_of(recipe):
        names = {word.partition(":")[0].strip() for word in recipe.split("+")}
        common = set.intersection(*(set(language.names) for language in LANGUAGES.values()))
        own = {kind: sorted(names & set(language.names) - common) for kind, language in reversed(LANGUAGES.items())}
        mixed = " and of ".join(f"{KINDS[kind]} ({', '.join(found)})" for kind, found in own.items() if found)
        raise InputError(f"augment={recipe!r} mixes changes of {mixed}; an example is one or the other.")


def _kinds_of(recipe: str) -> list[Kind]:
    """The kinds of example that have every name in ``recipe``."""
    names = {word.partition(":")[0].strip() for word in recipe.split("+")}
    return [kind for kind, language in LANGUAGES.items() if names <= set(language.names)]


def read_for(language: Language, recipe: str) -> dict[str, float]:
    """``language.read(recipe)``, or an ``InputError`` that says it is a recipe for another kind of example.

    >>> read_for(TEXTS, "flip")
    Traceback (most recent call last):
    ...
    transferium.errors.InputError: augment='flip' is for images, and these are texts. Choose from 'auto', ...
    """
    try:
        return language.read(recipe)
    except InputError:
        check_recipe(recipe)
        others = " and ".join(KINDS[kind] for kind in _kinds_of(recipe))
        legal = ", ".join(repr(name) for name in sorted(language.names))
        raise InputError(
            f"augment={recipe!r} is for {others}, and these are {KINDS[language.kind]}. Choose from {legal}."
        ) from None
