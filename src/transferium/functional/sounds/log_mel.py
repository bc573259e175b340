"""Log-mel spectrograms: how loud each band of pitch is at each moment, as people hear pitch; and resampling."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DEEPEST = 80.0
"""Decibels below the loudest value of a spectrogram that still count; what is quieter is set to that."""


def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pitch in mel, ``2595 log10(1 + f / 700)``: equal steps sound equally far apart (O'Shaughnessy 1987).

    >>> mel(np.array([0.0, 700.0])).round(1).tolist()
    [0.0, 781.2]
    """
    return 2595.0 * np.log10(1.0 + hertz / 700.0)


def hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of :func:`mel`."""
    return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)


@lru_cache(maxsize=16)
def mel_filters(bands: int, rate: int, low: float, window: int) -> NDArray[np.float32]:
    """Triangles ``(bands, fft // 2 + 1)`` over the bins of a spectrum, at equal steps of mel from ``low`` to rate / 2.

    Band b rises from 0 at edge b to 1 at edge b + 1 and falls to 0 at edge b + 2. The bins are so many, ``fft`` a power
    of two, that the narrowest triangle has one at least, and that a ``window`` of samples fits into ``fft``.
    """
    first, last = mel(np.array([low, rate / 2])).tolist()
    edges = hertz(np.linspace(first, last, bands + 2))
    fft = 1 << math.ceil(math.log2(max(window, rate / np.diff(edges).min())))
    bins = np.arange(fft // 2 + 1) * (rate / fft)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters: NDArray[np.float32] = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return filters


def log_mel(
    samples: NDArray[np.float32], *, rate: int, window: int, step: int, bands: int, low: float
) -> NDArray[np.float32]:
    """``10 log10`` of the power in each band, ``(bands, frames)`` in decibels below the loudest, at least -``DEEPEST``.

    Frame t is the Hann window of ``window`` samples whose middle lies at sample ``t · step``, with zeros before the
    first sample and behind the last; there are ``ceil(n / step)``. Its power spectrum is summed by
    :func:`mel_filters`. Silence is 0 throughout. Davis and Mermelstein, Comparison of parametric representations for
    monosyllabic word recognition, IEEE Transactions on Acoustics, Speech and Signal Processing 1980.

    >>> log_mel(np.sin(np.arange(800, dtype=np.float32)), rate=8000, window=200, step=80, bands=8, low=20).shape
    (8, 10)
    """
    filters = mel_filters(bands, rate, low, window)
    fft = 2 * (filters.shape[1] - 1)
    frames = math.ceil(len(samples) / step)
    padded = np.zeros((frames - 1) * step + window, np.float32)
    placed = samples[: len(padded) - window // 2]
    padded[window // 2 : window // 2 + len(placed)] = placed
    hann = np.hanning(window).astype(np.float32)
    moments = np.lib.stride_tricks.sliding_window_view(padded, window)[::step] * hann
    spectrum = np.fft.rfft(moments, fft)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    loud = filters @ power.T.astype(np.float32)
    loudest = float(loud.max())
    if not loudest:
        return np.zeros((bands, frames), np.float32)
    decibels: NDArray[np.float32] = 10 * np.log10(np.maximum(loud / loudest, np.float32(10 ** (-DEEPEST / 10))))
    return decibels


def resampled(samples: NDArray[np.float32], rate: int, to: int) -> NDArray[np.float32]:
    """The same sound at ``to`` samples a second, by a polyphase filter that lets no pitch above ``to / 2`` fold back.

    >>> len(resampled(np.zeros(441, np.float32), 44100, 16000))
    160
    """
    if rate == to:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(rate, to)
    changed: NDArray[np.float32] = resample_poly(samples, to // common, rate // common).astype(np.float32)
    return changed
