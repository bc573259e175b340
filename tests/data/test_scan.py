"""One read of every example: keys, formats and what is wrong."""

from __future__ import annotations

import hashlib
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Files, Items, Rows


def files(folder: Path, **contents: bytes) -> Domain:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return Domain(Files(folder, list(contents)), "image", ids=list(contents))


def test_the_key_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    content = b"GIF89a and so on"
    seen = scan(files(tmp_path, a=content, b=content, c=content + b"!"))
    assert seen.keys[0] == seen.keys[1] == hashlib.sha256(content).hexdigest() != seen.keys[2]
    assert seen.formats == ("gif",) * 3
    assert seen.problems == {}


def test_problems_are_named_and_have_no_key(tmp_path: Path) -> None:
    domain = files(tmp_path, ok=b"\xff\xd8\xff", empty=b"", page=b"<html>404</html>", pdf=b"%PDF-1.4", note=b"to do")
    domain = Domain(Files(tmp_path, [*domain.ids, "gone"]), "image", ids=[*domain.ids, "gone"])
    seen = scan(domain)
    assert seen.problems == {
        1: "empty file (0 bytes)",
        2: "not an image but an HTML page",
        3: "not an image but a PDF document",
        4: "not an image but plain text",
        5: "cannot be read: No such file or directory",
    }
    assert [bool(key) for key in seen.keys] == [True, False, False, False, False, False]


def test_unknown_bytes_are_left_for_the_decoder_to_judge(tmp_path: Path) -> None:
    seen = scan(files(tmp_path, odd=bytes(range(200))))
    assert (seen.problems, seen.formats) == ({}, ("",))
    assert seen.keys[0]


def test_progress_reaches_the_end_and_never_goes_back(tmp_path: Path) -> None:
    domain = files(tmp_path, **{f"f{i}": bytes([i]) for i in range(150)})
    heard: list[tuple[int, int]] = []
    scan(domain, progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (150, 150)
    assert heard == sorted(heard)


def test_few_examples_are_held_at_a_time() -> None:
    """However many examples there are, no more than ``workers`` of them are in memory together."""
    lock, alive, most = threading.Lock(), 0, 0

    class Counted(bytes):
        def __del__(self) -> None:
            nonlocal alive
            with lock:
                alive -= 1

    class Lazy(list[int]):
        def __getitem__(self, index: object) -> object:
            nonlocal alive, most
            with lock:
                alive += 1
                most = max(most, alive)
            return Counted(b"\xff\xd8\xff" + bytes(1000))

    seen = scan(Domain(Items(Lazy(range(1000))), "image", ids=[str(i) for i in range(1000)]), workers=3)
    assert len(seen.keys) == 1000
    assert most <= 3


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.astype(np.float64),
        lambda a: a.reshape(4, 2),
        lambda a: np.concatenate([a[:1] + 1, a[1:]]),
    ],
)
def test_type_shape_and_content_of_an_array_make_its_key(change: Callable[[np.ndarray], np.ndarray]) -> None:
    array = np.arange(8, dtype=np.float32).reshape(2, 4)
    seen = scan(Domain(Items([array, array.copy(), change(array)]), "image", ids=list("abc")))
    assert seen.keys[0] == seen.keys[1] != seen.keys[2]


def test_pillow_images_differ_by_mode_size_pixels_and_palette() -> None:
    palette = Image.new("P", (4, 2))
    recoloured = palette.copy()
    recoloured.putpalette([9] * 768)
    images = [Image.new("L", (4, 2)), Image.new("L", (2, 4)), Image.new("L", (4, 2), 1), palette, recoloured]
    seen = scan(Domain(Items([*images, images[0].copy()]), "image", ids=list("abcdef")))
    assert len(set(seen.keys)) == 5
    assert seen.keys[0] == seen.keys[5]


def test_empty_texts_are_problems() -> None:
    seen = scan(Domain(Items(["fine", "", " \n\t", "fine", "\ud800"]), "text", ids=list("abcde")))
    assert seen.problems == {1: "empty text", 2: "empty text"}
    assert seen.keys[0] == seen.keys[3] == hashlib.sha256(b"fine").hexdigest()
    assert seen.keys[4], "a lone surrogate is odd but hashes"


def test_rows_that_are_not_finite_name_their_columns() -> None:
    values = np.zeros((3, 7))
    values[1, [0, 2]] = np.nan, np.inf
    values[2] = np.nan
    names = tuple("abcdefg")
    seen = scan(Domain(Rows(values), "features", ids=list("xyz"), feature_names=names))
    assert seen.problems == {1: "NaN or infinite in a, c", 2: "NaN or infinite in a, b, c, d, e and 2 more"}
    unnamed = scan(Domain(Rows(values), "features", ids=list("xyz")))
    assert unnamed.problems[1] == "NaN or infinite in 0, 2"


def test_rows_beyond_single_precision_name_their_columns() -> None:
    values = np.array([[3.4e38, -3.4e38, 0], [1, -1e300, 0], [1e39, 0, np.inf], [0, 1, 2]])
    seen = scan(Domain(Rows(values), "features", ids=list("wxyz"), feature_names=tuple("abc")))
    both = "NaN or infinite in c; too large for single precision in a"
    assert seen.problems == {1: "too large for single precision in b", 2: both}
    assert [bool(key) for key in seen.keys] == [True, False, False, True]


def test_a_row_has_the_same_key_wherever_it_stands() -> None:
    values = np.random.default_rng(0).normal(size=(5, 3))
    everywhere = scan(Domain(Rows(values), "features", ids=list("abcde"))).keys
    alone = scan(Domain(Rows(values[3:4]), "features", ids=["d"])).keys
    strided = scan(Domain(Rows(np.asfortranarray(values)), "features", ids=list("abcde"))).keys
    assert alone[0] == everywhere[3]
    assert strided == everywhere


def test_texts_and_rows_are_fast_and_add_little_memory() -> None:
    texts = [f"a review of some length, number {i}, that goes on for a while" * 3 for i in range(10_000)]
    domain = Domain(Items(texts), "text", ids=[str(i) for i in range(10_000)])
    started = time.process_time()
    scan(domain)
    assert time.process_time() - started < 1.0
    tracemalloc.start()
    scan(domain)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000 * 500


def test_what_a_pair_or_a_sentence_is_made_of_is_part_of_what_it_is_known_by() -> None:
    pairs = scan(read([["a\x1fb", "c"], ["a", "b\x1fc"], ["a", "b\x1fc"]], kind="pair")).keys
    words = scan(read([["New", "York"], ["New\x1fYork"], ["New", "York"]], kind="sentence")).keys
    assert pairs[0] != pairs[1] == pairs[2] and words[1] != words[0] == words[2]
