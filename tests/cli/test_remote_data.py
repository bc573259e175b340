"""URLs and archives as DATA of the commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec

from transferium.job.features.features_folder import FeaturesFolder, described


def test_fit_predict_and_embed_read_urls_as_files(tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    lines = "\n".join(["text,label", *(f"{word} {i},{word}" for i in range(20) for word in ("good", "bad"))])
    (file := tmp_path / "words.csv").write_text(lines)
    fsspec.filesystem("memory").pipe("/commands/words.csv", lines.encode())
    url, backbone = "memory://commands/words.csv", ("--backbone", "char_ngrams")
    found = []
    for name, data in (("here", file), ("there", url)):
        run, features = tmp_path / name, tmp_path / f"{name} features"
        assert (ran := run_cli("fit", data, "--out", run, "--method", "ncm", *backbone)).code == 0, ran.err
        assert run_cli("predict", run, data, "--out", tmp_path / f"{name}.csv").code == 0
        assert (ran := run_cli("embed", data, "--out", features, *backbone)).code == 0
        blocks = list(FeaturesFolder(features, described(features)).blocks())
        found.append(((tmp_path / f"{name}.csv").read_text(), [block.vectors.tobytes() for block in blocks]))
    assert found[0] == found[1]
    assert f"{url}: 1 files, 0.0 MB; 0 copied now to " in ran.err
    ran = run_cli("predict", tmp_path / "here", "memory://commands/none.csv")
    assert ran.code == 2 and "memory://commands/none.csv does not exist" in ran.err and "Traceback" not in ran.err
