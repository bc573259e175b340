"""Changes of sounds: what each does, and that it is the same for the same seed, epoch and row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.errors import DataError, InputError
from transferium.models.sound_preprocess import SoundPreprocess
from transferium.training.augment.recipe import SOUNDS
from transferium.training.augment.sounds import OF_PICTURES, OF_SAMPLES, SoundAugment, find_sound_augment
from transferium.training.feeds.feeds import Feeds
from transferium.training.preview import contact_of
from worlds.recordings import note, write_sounds

KEY = (0, 1, 2)


def test_every_change_is_made_and_has_an_amount() -> None:
    assert {*OF_SAMPLES, *OF_PICTURES} == {*SOUNDS.changes}
    assert find_sound_augment("none") is None


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_a_change_of_samples_is_drawn_anew_by_epoch_alone(name: str) -> None:
    change, wave = SoundAugment({name: 0.3}), note(300)
    changed = change.heard(wave, KEY)
    np.testing.assert_array_equal(changed, change.heard(wave, KEY))
    other = change.heard(wave, (0, 2, 2))
    assert len(other) != len(changed) or (other != changed).any()
    assert changed.dtype == np.float32 and np.isfinite(changed).all() and len(changed) > 0.6 * len(wave)


def test_faster_is_higher_and_shorter() -> None:
    wave = np.sin(2 * np.pi * 300 * np.arange(8000) / 8000).astype(np.float32)
    changed = SoundAugment({"speed": 0.5}).heard(wave, KEY)
    by = len(wave) / len(changed)
    loudest = np.abs(np.fft.rfft(changed)).argmax() * 8000 / len(changed)
    assert abs(by - 1) > 0.02 and loudest == pytest.approx(300 * by, abs=3)


def test_noise_is_a_share_of_its_own_loudness() -> None:
    wave = 1e-3 * note(300)
    louder = SoundAugment({"noise": 1.0}).heard(wave, KEY) - wave
    assert 0 < louder.std() < 1.1 * wave.std()


@pytest.mark.parametrize(("name", "axis"), [("mask-pitch", 1), ("mask-time", 2)])
def test_a_mask_hides_one_run_of_an_axis(name: str, axis: int) -> None:
    hidden = [
        (SoundAugment({name: 0.5}).seen(np.ones((3, 20, 40), np.float32), (0, 0, row)) == 0).all(
            axis=tuple({0, 1, 2} - {axis})
        )
        for row in range(40)
    ]
    shares = [one.mean() for one in hidden]
    assert max(shares) <= 0.5 and len(set(shares)) > 3
    assert all(np.abs(np.diff(one.astype(int))).sum() <= 2 for one in hidden), "one run"


def test_a_feed_without_changes_reads_as_the_backbone_does(tmp_path: Path) -> None:
    domain, reads = tm.read(write_sounds(tmp_path, each=2)), SoundPreprocess(seconds=1, rate=8000)
    feeds = Feeds(reads, augment="strong")
    plain = feeds.open(domain, augmented=False).batch(3, np.arange(4))
    np.testing.assert_array_equal(plain.inputs[0][2], reads.read(domain.samples.raw(2)))
    first, again, later = (feeds.open(domain, augmented=True).batch(e, np.arange(4)).inputs[0] for e in (0, 0, 1))
    assert (first == again).all() and (first != later).any() and first.shape == plain.inputs[0].shape


def test_what_does_not_fit_in_memory_is_decoded_anew(tmp_path: Path) -> None:
    domain, reads = tm.read(write_sounds(tmp_path, each=2)), SoundPreprocess(seconds=1, rate=8000)
    small, large = (Feeds(reads, cache_bytes=n).open(domain, augmented=False) for n in (10_000, 1 << 20))
    for _ in range(2):
        assert (small.batch(0, np.arange(4)).inputs[0] == large.batch(0, np.arange(4)).inputs[0]).all()
    assert (len(small.kept), len(large.kept)) == (1, 4)


def test_an_unreadable_sound_is_named(tmp_path: Path) -> None:
    root = write_sounds(tmp_path, each=2)
    (root / "low" / "00.wav").write_bytes(b"")
    feed = Feeds(SoundPreprocess(seconds=1)).open(tm.read(root), augmented=False)
    with pytest.raises(DataError, match=r"sound 'low/00.wav' cannot be trained on: empty file"):
        feed.batch(0, np.array([2]))


def test_recipes_of_other_kinds_are_refused(tmp_path: Path) -> None:
    domain, reads = tm.read(write_sounds(tmp_path, each=2)), SoundPreprocess(seconds=1)
    with pytest.raises(InputError, match="augment='flip' is for images, and these are sounds"):
        Feeds(reads, augment="flip").open(domain, augmented=True)
    with pytest.raises(InputError, match=r"rewrites texts, and domain .* holds sound examples"):
        Feeds(reads, augment=lambda texts: texts).open(domain, augmented=True)


def test_a_preview_is_drawn(tmp_path: Path) -> None:
    domain = tm.read(write_sounds(tmp_path, each=2))
    contact = contact_of(Feeds(SoundPreprocess(seconds=1, rate=8000), augment="strong"), domain, count=2, versions=3)
    assert contact is not None and contact.drawn and len(contact.examples) == 2
    assert {one.size for e in contact.examples for one in (e.original, *e.versions)} == {(400, 128)}
