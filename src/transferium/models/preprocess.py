"""Preprocessing: an example as the input that a backbone's weights were trained on. It needs no torch."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from transferium.data.images.decode import decode
from transferium.errors import InputError
from transferium.functional.sequences.ngrams import Vocabulary

if TYPE_CHECKING:
    from PIL import Image

    from transferium.data.domain import Domain

SMALLEST, LARGEST = 8, 4096
"""The allowed input sides of a backbone, in pixels; a larger one would not fit into memory."""
LONGEST = 1 << 20
"""More tokens than a text may have that a saved model reads."""


def _digest(description: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


class Preprocess(ABC):
    """How an example becomes what a backbone reads; each kind of example has a class of its own.

    A ``ragged`` one gives rows of token ids of different lengths, which a network reads beside a mask. ``files`` names
    the fields that are files, which travel with a saved model.
    """

    kind: ClassVar[str]
    ragged: ClassVar[bool] = False
    files: ClassVar[tuple[str, ...]] = ()

    @property
    def shape(self) -> str:
        """The shape of what is read, in words: graphs of one backbone are told apart by it."""
        return self.kind

    @property
    def fineness(self) -> str:
        """How finely an example is read, in words, where it could be read more coarsely."""
        return ""

    def cheaper(self) -> Preprocess:
        """The same examples read more coarsely, at a fraction of the cost; itself where there is no such thing."""
        return self

    def redrawn(self, seed: int) -> Preprocess:
        """The same with random numbers in the place of trained ones; itself where nothing of it was trained."""
        del seed
        return self

    def like(self, told: Mapping[str, Any]) -> Preprocess:
        """As a saved description says, in what was fitted to the data it was made for."""
        del told  # nothing is
        return self

    def suited(self, *domains: Domain, fixed: bool = False) -> Preprocess:
        """As these domains are best read, without a look at their labels; of ``fixed`` ones how much is read stays."""
        del domains, fixed  # most kinds are read in one way
        return self

    def unread(self, *domains: Domain) -> str:
        """What of these domains is not read, because they are too long, in a sentence; nothing where all is."""
        del domains
        return ""

    @abstractmethod
    def read(self, raw: Any) -> NDArray[Any]:
        """One example without the batch axis; raises ``DataError`` or ``OSError`` where it cannot be read."""

    @abstractmethod
    def made_up(self) -> list[NDArray[Any]]:
        """Some inputs of the right shape, for checks without data."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The description that makes it again."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Preprocess:
        """The inverse of ``to_json``, without ``kind``; ``ValueError`` for what makes no sense."""
        values = {
            name: Path(value) if name in cls.files else tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        made = cls(**values)
        made.check()
        return made

    def check(self) -> None:  # noqa: B027  (not every kind has something to check)
        """Raise ``ValueError`` where a description asks for what cannot be read, or not in the memory there is."""

    def fingerprint(self) -> str:
        """A key: two preprocessings that share it read alike."""
        return _digest(self.to_json())


@dataclass(frozen=True)
class ImagePreprocess(Preprocess):
    """Resize the shorter side to ``resize``, crop the centre ``size`` x ``size``, scale to [0, 1], normalise.

    ``crop="squash"`` squeezes the whole picture into the square instead. ``via=2`` crops at twice the size and
    averages 2 x 2 pixels, so that a backbone at half size shares the resize of one at full size.
    ``decode_at_least``: a JPEG may be decoded at reduced scale while its shorter side keeps this many pixels. At
    twice ``resize`` that moves EfficientNet-Lite0's features less than one grey level of noise does (median cosine
    0.999 against 0.9987, 5 % quantile 0.995 against 0.985, on photographs scaled up to 1,100 and 2,200 pixels).

    >>> ImagePreprocess(224, 256, "bicubic", (0.5,) * 3, (0.5,) * 3, 512).resized(64).resize
    73
    """

    size: int
    resize: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    decode_at_least: int
    via: int = 1
    crop: Literal["center", "squash"] = "center"
    kind: ClassVar[str] = "image"

    def check(self) -> None:
        from PIL.Image import Resampling

        sides = (self.size, self.resize, self.decode_at_least, self.via)
        if not all(isinstance(side, int) and side > 0 for side in sides) or self.size * self.via > LARGEST:
            raise ValueError(f"an input side of {self.size!r} out of {self.resize!r}")
        if self.resize > 4 * LARGEST or (self.resize < self.size and self.crop != "squash"):
            raise ValueError(f"an input side of {self.size} out of {self.resize}")
        numbers = (*self.mean, *self.std)
        if [len(self.mean), len(self.std)] != [3, 3] or not all(np.isfinite(n) for n in numbers) or 0 in self.std:
            raise ValueError(f"mean {self.mean} and standard deviation {self.std}")
        if self.interpolation.upper() not in Resampling.__members__ or self.crop not in ("center", "squash"):
            raise ValueError(f"resizing by {self.interpolation!r} and cropping by {self.crop!r}")

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """``(3, size, size)`` of an upright RGB picture."""
        return self.normalise(self.cut(image))

    @property
    def shape(self) -> str:
        return f"side {self.size}"

    def read(self, raw: Any) -> NDArray[np.float32]:
        return self(decode(raw, self.decode_at_least))

    def made_up(self) -> list[NDArray[Any]]:
        draw = np.random.default_rng(0)
        return [draw.standard_normal((3, self.size, self.size)).astype(np.float32) for _ in range(2)]

    @property
    def geometry(self) -> tuple[int, int, str, str]:
        """Two preprocessings with the same geometry make the same ``cut``."""
        return self.size * self.via, self.resize * self.via, self.interpolation, self.crop

    def cut(self, image: Image.Image) -> Image.Image:
        """Resize and crop in one step: only the pixels that stay are computed.

        The box is the crop of the resized picture (whose sides are whole numbers) mapped back to the original, so
        each pixel is the one that resizing first and cropping then would give.
        """
        from PIL import Image as Pillow

        size, resize, interpolation, crop = self.geometry
        width, height = image.size
        filter_ = Pillow.Resampling[interpolation.upper()]
        if crop == "squash":
            return image.resize((size, size), filter_)
        short = min(width, height)
        wide, high = (resize * width // short, resize * height // short)
        left, top = round((wide - size) / 2), round((high - size) / 2)
        across, down = width / wide, height / high
        box = (left * across, top * down, (left + size) * across, (top + size) * down)
        return image.resize((size, size), filter_, box=box)

    def normalise(self, cut: Image.Image) -> NDArray[np.float32]:
        """``(3, size, size)``: ``(pixel / 255 - mean) / std``, channel by channel."""
        pixels = np.asarray(cut.reduce(self.via) if self.via > 1 else cut)
        out = np.empty((3, self.size, self.size), np.float32)
        for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            np.multiply(pixels[:, :, channel], np.float32(1 / (255 * std)), out=out[channel])
            out[channel] -= np.float32(mean / std)
        return out

    def resized(self, size: int) -> ImagePreprocess:
        """The same preprocessing at another input side; the share of the picture that the crop keeps stays."""
        if not SMALLEST <= size <= LARGEST:
            raise InputError(
                f"size={size} is too {'small' if size < SMALLEST else 'large'} for an image; give the side of the "
                f"input in pixels, from {SMALLEST} to {LARGEST}."
            )
        if size == self.size:
            return self
        by = size / self.size
        return replace(
            self, size=size, resize=max(size, int(self.resize * by)), decode_at_least=int(self.decode_at_least * by)
        )

    @property
    def fineness(self) -> str:
        return f"{self.size} pixels"

    def cheaper(self) -> ImagePreprocess:
        """The same preprocessing at half the side, with the crop of the full side; itself where a side is odd."""
        if self.size % 2 or self.resize % 2:
            return self
        return replace(self, size=self.size // 2, resize=self.resize // 2, via=self.via * 2)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class TextPreprocess(Preprocess):
    """Token ids by a ``tokenizer.json`` of the ``tokenizers`` library, cut to ``max_length`` tokens.

    With a ``vocabulary`` these are bytes of UTF-8 plus 1, and the ids are of its n-grams in what they spell.
    """

    tokenizer: Path
    max_length: int
    pad_id: int = 0
    vocabulary: Vocabulary | None = None
    kind: ClassVar[str] = "text"
    ragged: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ("tokenizer",)

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, special tokens included, without padding."""
        if self.vocabulary is not None:
            return [self.vocabulary.ids(text) for text in self.spelled(texts)]
        return self._tokens(texts)

    def _tokens(self, texts: Iterable[str]) -> list[list[int]]:
        encoder = _tokenizer(self.tokenizer, self.max_length)
        return [encoding.ids for encoding in encoder.encode_batch_fast(list(texts))]

    def spelled(self, texts: Iterable[str]) -> list[str]:
        """The texts as tokens that are bytes spell them: of one form, and cut to ``max_length``."""
        return [bytes(i - 1 for i in ids).decode(errors="ignore") for ids in self._tokens(texts)]

    def read(self, raw: Any) -> NDArray[np.int64]:
        return np.array(self([str(raw)])[0], np.int64)

    def made_up(self) -> list[NDArray[Any]]:
        texts = ("one text", "another, somewhat longer text")
        if self.vocabulary is not None:
            texts = ("".join(self.vocabulary.grams[:4]), "".join(self.vocabulary.grams[:16]))
        return [self.read(text) for text in texts]

    def unknown_share(self, texts: Sequence[str]) -> float:
        """The share of the pieces of ``texts`` that are not in the vocabulary; special tokens are not counted."""
        if self.vocabulary is not None:
            return self.vocabulary.unknown_share(self.spelled(texts))
        unknown = _unknown_id(self.tokenizer)
        if unknown is None:
            return 0.0
        cut = _tokenizer(self.tokenizer, self.max_length).encode_batch_fast(list(texts), add_special_tokens=False)
        pieces = [piece for encoding in cut for piece in encoding.ids]
        return pieces.count(unknown) / max(1, len(pieces))

    def check(self) -> None:
        if not isinstance(self.max_length, int) or not 0 < self.max_length <= LONGEST:
            raise ValueError(f"texts of {self.max_length!r} tokens")

    def shortened(self, max_length: int) -> TextPreprocess:
        if max_length < 4:
            raise InputError(f"max_length={max_length} leaves no room for a text; give 4 tokens or more.")
        return replace(self, max_length=max_length)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "tokenizer": self.tokenizer.name,
            "max_length": self.max_length,
            "pad_id": self.pad_id,
        } | ({} if self.vocabulary is None else {"vocabulary": list(self.vocabulary.grams)})

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Preprocess:
        told = fields.get("vocabulary")
        return super().from_json(fields | ({} if told is None else {"vocabulary": Vocabulary(tuple(map(str, told)))}))

    def fingerprint(self) -> str:
        """A key that depends on the content of the tokenizer file, not on its path."""
        content = hashlib.sha256(self.tokenizer.read_bytes()).hexdigest()
        return _digest(self.to_json() | {"tokenizer": content})


@dataclass(frozen=True)
class CallablePreprocess(Preprocess):
    """A user's own transform (PIL picture to array or tensor) for a user's own module.

    It is known by its ``repr``; where that shows a memory address, by nothing that outlives this process.
    """

    transform: Any
    decode_at_least: int | None = None
    kind: ClassVar[str] = "image"

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        return np.ascontiguousarray(np.asarray(self.transform(image), np.float32))

    def read(self, raw: Any) -> NDArray[np.float32]:
        return self(decode(raw, self.decode_at_least))

    def made_up(self) -> list[NDArray[Any]]:
        from PIL import Image as Pillow

        return [self(Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)))]

    def to_json(self) -> dict[str, Any]:
        return {"kind": "callable", "transform": repr(self.transform)}

    def fingerprint(self) -> str:
        description = self.to_json()
        if " at 0x" in description["transform"]:
            description["process"] = _this_process()
        return _digest(description)


@lru_cache(maxsize=8)
def _tokenizer(path: Path, max_length: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


@lru_cache(maxsize=8)
def _unknown_id(path: Path) -> int | None:
    """The id of an unknown piece, or None where the tokenizer has no such id."""
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    found = model["vocab"].get(model.get("unk_token")) if isinstance(model["vocab"], dict) else None
    return None if found is None else int(found)


@lru_cache(maxsize=1)
def _this_process() -> str:
    import secrets

    return secrets.token_hex(16)
