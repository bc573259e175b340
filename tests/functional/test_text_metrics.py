"""Figures of written texts are those of sacrebleu and jiwer on whole corpora, however often each example counts."""

from __future__ import annotations

import random

import jiwer
import numpy as np
import pytest
import sacrebleu

from transferium.functional.metrics.text_metrics import (
    edit_distance,
    transcript_counts,
    transcript_statistics,
    translation_counts,
    translation_statistics,
)

WORDS = ("a", "the", "cat", "dog,", "Ein.", "Mann-frau", "1.5", "3-4", '"sat"', "on", "it's", "&amp;", "(x)", "ä中文")


def corpus(n: int, seed: int) -> tuple[list[str], list[str]]:
    """True texts and answers: some are near, some far, some empty."""
    draw = random.Random(seed)
    true = [" ".join(draw.choices(WORDS, k=draw.randint(1, 9))) for _ in range(n)]
    far = [" ".join(draw.choices(WORDS, k=draw.randint(0, 9))) for _ in range(n)]
    near = [text.replace("cat", "dog")[: draw.randint(1, 40)].strip() for text in true]
    return true, [draw.choice(pair) for pair in zip(near, far, strict=True)]


@pytest.mark.parametrize("n", [1, 2, 5, 30])
@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_the_libraries_for_any_counts(n: int, seed: int) -> None:
    true, said = corpus(n, seed)
    times = np.random.default_rng(seed).integers(0, 3, (4, n))
    times[0], times[1:, 0] = 1, 1
    written = translation_statistics(translation_counts(true, said))(times)
    heard = transcript_statistics(transcript_counts(true, said))(times)
    for row, counts in enumerate(times):
        refs, hyps = (np.repeat(np.array(texts, object), counts).tolist() for texts in (true, said))
        assert 100 * written["chrf"][row] == pytest.approx(sacrebleu.corpus_chrf(hyps, [refs]).score)
        assert 100 * written["bleu"][row] == pytest.approx(sacrebleu.corpus_bleu(hyps, [refs]).score, abs=1e-9)
        assert heard["cer"][row] == pytest.approx(jiwer.cer(refs, hyps))
        assert heard["wer"][row] == pytest.approx(jiwer.wer(refs, hyps))
        assert heard["wrong"][row] == pytest.approx(np.mean([a != b for a, b in zip(refs, hyps, strict=True)]))


@pytest.mark.parametrize(
    ("true", "said", "far"), [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("abcd", "bcda", 2), ("aa", "aaa", 1)]
)
def test_a_distance_counts_changes_in_both_directions(true: str, said: str, far: int) -> None:
    assert edit_distance(true, said) == edit_distance(said, true) == far
