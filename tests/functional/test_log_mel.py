"""Log-mel pictures are what their definition says, number by number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from transferium.functional.sounds.log_mel import DEEPEST, hertz, log_mel, mel, mel_filters, resampled


def _slowly(
    samples: NDArray[np.float32], rate: int, window: int, step: int, bands: int, low: float
) -> NDArray[np.float64]:
    """The definition with loops: discrete Fourier sums, triangles, decibels below the loudest."""
    edges = hertz(np.linspace(mel(np.array(low)), mel(np.array(rate / 2)), bands + 2))
    fft = 1
    while rate / fft > min(np.diff(edges)) or fft < window:
        fft *= 2
    power = []
    for middle in range(0, len(samples), step):
        total = np.zeros(fft // 2 + 1)
        moment = [
            samples[at] * (0.5 - 0.5 * math.cos(2 * math.pi * i / (window - 1)))
            if 0 <= (at := middle - window // 2 + i) < len(samples)
            else 0.0
            for i in range(window)
        ]
        for bin in range(fft // 2 + 1):
            wave = [
                math.cos(2 * math.pi * bin * i / fft) - 1j * math.sin(2 * math.pi * bin * i / fft)
                for i in range(window)
            ]
            total[bin] = abs(sum(x * w for x, w in zip(moment, wave, strict=True))) ** 2
        loud = []
        for b in range(bands):
            left, top, right = edges[b : b + 3]
            weights = [
                max(0.0, min((f - left) / (top - left), (right - f) / (right - top)))
                for f in np.arange(fft // 2 + 1) * rate / fft
            ]
            loud.append(float(np.dot(weights, total)))
        power.append(loud)
    whole = np.array(power).T
    return np.maximum(10 * np.log10(np.maximum(whole / whole.max(), 1e-30)), -DEEPEST)


@pytest.mark.parametrize("n", [90, 121])
def test_it_is_its_definition(n: int) -> None:
    samples = np.random.default_rng(n).normal(size=n).astype(np.float32)
    found = log_mel(samples, rate=800, window=32, step=20, bands=6, low=20.0)
    np.testing.assert_allclose(found, _slowly(samples, 800, 32, 20, 6, 20.0), atol=2e-3)
    assert found.shape == (6, math.ceil(n / 20)) and found.max() == 0


@pytest.mark.parametrize(("bands", "rate"), [(128, 8000), (128, 16000), (224, 8000), (8, 44100)])
def test_every_band_hears_something_and_none_is_louder_than_its_bins(bands: int, rate: int) -> None:
    filters = mel_filters(bands, rate, 20.0, 200)
    assert (filters.sum(axis=1) > 0).all() and filters.max() <= 1 and filters.min() == 0


def test_a_tone_is_heard_in_its_band_at_every_rate() -> None:
    bands = []
    for rate in (8000, 16000, 44100):
        wave = np.sin(2 * np.pi * 1000 * np.arange(rate // 4) / rate).astype(np.float32)
        drawn = log_mel(resampled(wave, rate, 8000), rate=8000, window=200, step=80, bands=40, low=20.0)
        bands.append(int(drawn.mean(axis=1).argmax()))
    assert len(set(bands)) == 1
    edges = hertz(np.linspace(mel(np.array(20.0)), mel(np.array(4000.0)), 42))
    assert edges[bands[0]] < 1000 < edges[bands[0] + 2]


def test_loudness_does_not_count_and_silence_is_flat() -> None:
    wave = np.random.default_rng(0).normal(size=800).astype(np.float32)
    how = {"rate": 8000, "window": 200, "step": 80, "bands": 8, "low": 20.0}
    np.testing.assert_allclose(log_mel(wave, **how), log_mel(0.01 * wave, **how), atol=1e-3)
    assert not log_mel(np.zeros(800, np.float32), **how).any()


def test_what_is_too_high_does_not_fold_back() -> None:
    high = np.sin(2 * np.pi * 7000 * np.arange(4000) / 16000).astype(np.float32)
    assert np.abs(resampled(high, 16000, 8000)[50:-50]).max() < 0.05
