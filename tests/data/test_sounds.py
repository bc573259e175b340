"""Sounds are read from folders, tables and memory; what cannot be used is said, and of a long one little is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import transferium as tm
from transferium.data.doctor.doctor import diagnose
from transferium.data.doctor.findings import Diagnosis
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.folders.example_files import EXAMPLE_FILES
from transferium.data.sounds.decode import UnreadableSound, decode_sound
from transferium.data.sounds.sniff import sniff_sound
from transferium.errors import DataError, InputError
from transferium.models.sound_preprocess import SoundPreprocess
from worlds.recordings import note, write_sounds


def _examined(domain: Domain) -> Diagnosis:
    return diagnose(domain, scan(domain))


def _said(domain: Domain) -> dict[str, str]:
    return {finding.kind: finding.message for finding in _examined(domain).findings}


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_class_folders_of_each_format(suffix: str, tmp_path: Path) -> None:
    domain = tm.read(write_sounds(tmp_path / "notes", each=2, suffix=suffix))
    assert (domain.kind, domain.classes, len(domain)) == ("sound", ("high", "low"), 4)
    assert "4 sounds, each class in a folder of its own" in domain.layout
    read = decode_sound(domain.samples.raw(0), 1.0)
    assert read.facts.rate == 8000 and np.abs(read.samples).max() > 0.2
    assert scan(domain).formats == (suffix[1:],) * 4


def test_of_images_and_sounds_the_kind_with_more_files_is_read(tmp_path: Path) -> None:
    from PIL import Image

    root = write_sounds(tmp_path / "notes", each=2)
    Image.new("RGB", (8, 8)).save(root / "low" / "cover.jpg")
    domain = tm.read(root)
    assert (domain.kind, len(domain), domain.ignored["files"]) == ("sound", 4, ("low/cover.jpg",))


def test_a_table_names_files_and_parts(tmp_path: Path) -> None:
    write_sounds(tmp_path, each=2)
    rows = [f"{name}/0{i}.wav,{name},{part}" for name in ("low", "high") for i, part in enumerate(("train", "test"))]
    (tmp_path / "clips.csv").write_text("\n".join(["clip,note,part", *rows]))
    domain = tm.read(tmp_path / "clips.csv", label="note", part="part")
    assert (domain.kind, domain.classes, domain.ids[0]) == ("sound", ("high", "low"), "low/00.wav")
    assert "sounds in column 'clip'" in domain.layout
    assert tm.read(tmp_path / "clips.csv", sound="clip").kind == "sound"


def test_sounds_in_memory_are_pairs_of_samples_and_rate() -> None:
    waves = [(note(300, seed=i), 8000) for i in range(3)] + [(np.stack([note(300)] * 2, 1), 16000)]
    domain = tm.read(waves, kind="sound", label=[0, 1, 0, 1])
    assert domain.kind == "sound" and not scan(domain).problems and len(set(scan(domain).keys)) == 4
    with pytest.raises(InputError, match="item 0 is ndarray and no sound: give paths, encoded bytes, or pairs"):
        tm.read([note(300)], kind="sound")


BAD: dict[str, tuple[Any, str]] = {
    "nothing": (np.zeros(0, np.float32), "empty recording (0 s)"),
    "one sample": (np.ones(1, np.float32), "shorter than 10 ms (1 sample at 8,000 Hz)"),
    "NaN": (np.full(800, np.nan, np.float32), "NaN or infinite samples"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_sound_is_put_aside_with_its_reason(name: str, tmp_path: Path) -> None:
    samples, reason = BAD[name]
    root = write_sounds(tmp_path, each=3)
    soundfile.write(root / "low" / "bad.wav", samples, 8000, subtype="FLOAT")
    found = _examined(tm.read(root))
    assert found.keep.sum() == 6
    assert any(reason in finding.message and "low/bad.wav" in finding.message for finding in found.errors)


def test_files_of_other_contents_are_said(tmp_path: Path) -> None:
    root = write_sounds(tmp_path, each=3)
    (root / "low" / "empty.wav").write_bytes(b"")
    (root / "low" / "page.wav").write_bytes(b"<!doctype html><p>404")
    (root / "low" / "phone.m4a").write_bytes(b"\x00\x00\x00\x20ftypM4A " + bytes(40))
    (root / "low" / "torn.wav").write_bytes((root / "low" / "00.wav").read_bytes()[:30])
    (root / "high" / "00.flac").write_bytes((root / "high" / "00.wav").read_bytes())
    said = _said(tm.read(root))
    assert "empty.wav (empty file (0 bytes))" in said["empty"]
    for words in (
        "page.wav (not a sound but an HTML page)",
        "phone.m4a (not readable: an AAC",
        "torn.wav (damaged WAV",
    ):
        assert words in said["unreadable"]
    assert "high/00.flac (a WAV)" in said["wrong-extension"]
    assert "high/00.flac = high/00.wav" in said["duplicate"] or "high/00.wav" in said["duplicate"]


def test_silence_clipping_channels_bits_and_rates_are_said(tmp_path: Path) -> None:
    root = write_sounds(tmp_path, each=3)
    loud = np.clip(20 * note(300), -1, 1)
    soundfile.write(root / "low" / "silent.wav", np.zeros(800), 8000)
    soundfile.write(root / "low" / "loud.wav", loud, 8000, subtype="FLOAT")
    soundfile.write(root / "low" / "six.wav", np.stack([note(300, seed=7)] * 6, 1), 8000)
    soundfile.write(root / "low" / "eight.wav", note(300, seed=8), 8000, subtype="PCM_U8")
    soundfile.write(root / "high" / "other.wav", note(1200, seed=9, rate=44100), 44100)
    domain, said = tm.read(root), _said(tm.read(root))
    assert _examined(domain).keep.all()
    for kind, name in {"silent": "silent", "clipped": "loud", "channels": "six", "few-bits": "eight"}.items():
        assert f"low/{name}.wav" in said[kind]
    assert "8,000 Hz (10), 44,100 Hz (1)" in said["sampling-rates"] and "told by that" not in said["sampling-rates"]


def test_a_class_of_its_own_rate_is_warned_of(tmp_path: Path) -> None:
    write_sounds(tmp_path, each=2)
    for name in ("00", "01"):
        soundfile.write(tmp_path / "high" / f"{name}.wav", note(1200, rate=16000, seed=int(name)), 16000)
    assert "it may be told by that" in _said(tm.read(tmp_path))["sampling-rates"]


def test_six_channels_are_their_mean() -> None:
    six = np.stack([note(300, seed=i) for i in range(6)], 1)
    np.testing.assert_allclose(decode_sound((six, 8000), 9).samples, six.mean(1), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_whole_numbers_are_shares_of_full_scale(dtype: Any) -> None:
    most = np.iinfo(dtype).max
    samples = decode_sound((np.tile(np.array([most, most // 2], dtype), 200), 8000), 9).samples
    assert samples[0] == pytest.approx(1, abs=0.01)
    assert samples[1] == pytest.approx(0 if dtype == np.uint8 else 0.5, abs=0.01)


def test_ten_hours_are_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that says that it lasts ten hours, of which only the beginning is there."""
    path, rate = tmp_path / "long.wav", 8000
    soundfile.write(path, note(300, seconds=12), rate)
    whole = path.read_bytes()
    size = (36_000 * rate * 2).to_bytes(4, "little")
    path.write_bytes(whole[:40] + size + whole[44:])
    asked: list[int] = []
    read = soundfile.SoundFile.read

    def counted(self: Any, frames: int = -1, **more: Any) -> Any:
        asked.append(frames)
        return read(self, frames, **more)

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    domain = tm.read([path], kind="sound")
    reads = SoundPreprocess(seconds=10, rate=rate)
    assert reads.read(domain.samples.raw(0)).shape == (3, 128, reads.frames)
    assert not scan(domain).problems
    assert max(asked) == 10 * rate


def test_what_is_too_long_is_said_and_lengths_and_rates_are_suited() -> None:
    waves = [(note(300, seconds=s, rate=r, seed=i), r) for i, (s, r) in enumerate([(0.4, 8000)] * 18 + [(3.0, 44100)])]
    domain = tm.read(waves, kind="sound")
    suited = SoundPreprocess(seconds=10).suited(domain)
    assert (suited.rate, suited.seconds) == (8000, 1)
    assert SoundPreprocess(seconds=4).suited(domain, fixed=True).seconds == 4
    assert suited.unread(domain).startswith(
        "1 of 19 sounds last longer than the 1 s that are read of each (up to 3.0 s)"
    )
    assert not SoundPreprocess(seconds=10).unread(domain)


def test_a_rate_that_no_recording_has_is_refused() -> None:
    with pytest.raises(UnreadableSound, match="10 samples a second"):
        decode_sound((np.zeros(100, np.float32), 10), 1)


def test_the_first_bytes_tell_formats_apart() -> None:
    heads = {b"fLaC": "flac", b"OggS": "ogg", b"ID3\x04": "mp3", b"\xff\xfb\x90\x00": "mp3", b"\xff\xf1\x50\x80": "aac"}
    assert [sniff_sound(head) for head in heads] == [*heads.values()]
    assert sniff_sound(b"\xff\xd8\xff\xe0" + bytes(20)) == "jpeg"


def test_no_ending_means_two_kinds() -> None:
    endings = [one for files in EXAMPLE_FILES.values() for one in files.endings]
    assert len(endings) == len(set(endings))


def test_a_folder_of_other_files_says_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(json.dumps({}))
    with pytest.raises(DataError, match=r"no sounds \(.*\.flac.*\) and no table"):
        tm.read(tmp_path)
