"""Sounds in the report: a spectrogram for each, and a player for the first few."""

from __future__ import annotations

import base64
import io
import re
import wave
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.functional.sounds.drawing import as_wav, drawn
from transferium.job.run_directory.files import thumbnails
from transferium.job.run_directory.spectrogram import heard
from transferium.report.gallery import PLAYED, gallery
from transferium.report.page import render
from worlds.recordings import note, write_sounds


def test_louder_is_lighter_and_low_pitch_is_at_the_bottom() -> None:
    decibels = np.array([[-80.0, -40.0, 0.0], [-80.0, -80.0, -80.0]], np.float32)
    picture = drawn(decibels)
    assert (np.diff(picture[1].sum(axis=1).astype(int)) > 0).all() and (picture[0] == picture[0, 0]).all()


def test_what_is_played_is_what_was_recorded() -> None:
    samples = note(300, rate=16000)
    with wave.open(io.BytesIO(as_wav(samples, 16000))) as file:
        played = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
    np.testing.assert_allclose(played, samples, atol=1e-4)


def _run(domain: tm.Domain) -> dict:
    examples = [{"id": name, "label": "low", "predicted": "high", "confidence": 0.9} for name in domain.ids]
    metric = {"value": 0.5, "low": 0.1, "high": 0.9}
    return {"name": "run", "kind": "sound", "problem": "classes", "test": {"accuracy": metric}, "examples": examples}


def test_each_is_drawn_and_the_first_are_played(tmp_path: Path) -> None:
    domain = tm.read(write_sounds(tmp_path, each=6))
    shown = gallery(_run(domain), thumbnails(domain))
    assert len(shown) == 12 and all(one.image and one.size == (384, 288) for one in shown)
    assert [one.sound is not None for one in shown] == [True] * PLAYED + [False] * (12 - PLAYED)
    page = render(_run(domain), thumbnails(domain))
    assert len(re.findall("<audio controls", page)) == PLAYED and "media-src data:;" in page
    encoded = re.search(r'<audio [^>]*src="data:audio/wav;base64,([^"]+)"', page)
    assert encoded
    with wave.open(io.BytesIO(base64.b64decode(encoded[1]))) as file:
        assert file.getframerate() == 16000


def test_a_page_of_other_examples_plays_nothing() -> None:
    domain = tm.read([np.zeros((8, 8, 3), np.uint8)] * 2, kind="image")
    assert "media-src" not in render(_run(domain) | {"kind": "image"}, thumbnails(domain))


@pytest.mark.parametrize("raw", [b"", Path("/nowhere.wav")])
def test_what_cannot_be_read_is_not_drawn(raw: object) -> None:
    assert heard(raw) is None
