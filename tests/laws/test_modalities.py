"""Every kind of example has a row in each table by kind, or a reason why it has none; a new kind needs no case."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import transferium
from transferium.artifact import load_artifact
from transferium.cli.options import COLUMNS as OPTIONS
from transferium.data.doctor.doctor import OWN_CHECKS
from transferium.data.doctor.scan import SCANS
from transferium.data.domain import Domain, Kind
from transferium.data.folders.example_files import EXAMPLE_FILES
from transferium.data.labels import IN_PARTS
from transferium.data.modality import KINDS, by_kind
from transferium.data.read import ANNOTATED
from transferium.data.readers.arrays import MEMORY
from transferium.data.readers.columns import COLUMNS, PAIRS, USES
from transferium.data.readers.frames import MEMORY_CELLS
from transferium.data.readers.table_files import CELLS
from transferium.embedding.embed import AT_ONCE, FITTED, WAYS, Embedder
from transferium.errors import InputError
from transferium.evaluation.corruptions.corruptions import CORRUPTIONS
from transferium.evaluation.gradient_boosting import TREES
from transferium.evaluation.occlusion.occlusion import OCCLUSIONS
from transferium.evaluation.occlusion.permuted_columns import PERMUTED
from transferium.job.compare.surface import SURFACES, compare_surface
from transferium.job.export.huggingface_folder import FOLDERS
from transferium.job.export.onnx.entrances import ENTRANCES
from transferium.job.export.torch_inputs import MODULES
from transferium.job.fit.run import fit_job
from transferium.job.inspect import show_augmented
from transferium.job.options import FitOptions
from transferium.job.predict.apply import evaluate_domain
from transferium.job.run_directory.files import LOOKS
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.model_selection.auto import FIRST_WITH_FEW
from transferium.methods.pretraining.by_objective import USUAL
from transferium.methods.pretraining.corpus_of_examples import CALLED
from transferium.methods.task import Task
from transferium.methods.zero_shot.zero_shot import IN_WORDS
from transferium.models.catalogue import OWN
from transferium.models.modality import BY_PART, MODALITIES
from transferium.models.sources.transformers_models import READERS, transformers_folder
from transferium.serving.intake import INTAKES
from transferium.training.attack import SPACES, attack_on
from transferium.training.augment.recipe import LANGUAGES
from transferium.training.feeds.feeds import FEEDS, Feeds
from transferium.training.preview import PREVIEWS
from worlds.waves import add_waves, tones, waves

SOURCE = Path(transferium.__file__).parent
AS_THEY_ARE = {
    "features": "feature rows are read as they are",
    "row": "a table is encoded by its own columns",
    "mixed": "each column of examples has a backbone of its kind",
}
UNKNOWN = dict.fromkeys(("row", "mixed", "features"), "nothing is known of what columns mean")
OF_CELLS = dict.fromkeys(("row", "mixed", "features"), "one row is made of several cells") | {
    "scene": "their labels lie in files beside them"
}
PAIRED = ("pair", "image_pair")
FROZEN = "they are embedded by a frozen backbone alone, for now"
OF_TEXTS = dict.fromkeys((*PAIRED, "scene"), FROZEN) | {"sentence": "its words are labelled one by one, as they stand"}
OF_SEVERAL = OF_TEXTS | {"mixed": FROZEN}
TABLES: dict[str, tuple[dict[Any, Any], dict[str, str]]] = {
    "KINDS": (KINDS, {}),
    "MEMORY": (MEMORY, {"mixed": "its columns have names, which a list has not"}),
    "COLUMNS": (
        COLUMNS,
        dict.fromkeys(("row", "features"), "every column that is left")
        | dict.fromkeys(PAIRED, "two columns of one kind are named")
        | {"mixed": "what each column holds is said by types"}
        | {"scene": "their labels lie in files beside them"},
    ),
    "PAIRS": (
        PAIRS,
        dict.fromkeys(PAIRED, "they are pairs already")
        | dict.fromkeys(
            ("sound", "sentence", "scene", "row", "mixed", "features"), "no pairs of them are read, for now"
        ),
    ),
    "CELLS": (CELLS, OF_CELLS),
    "MEMORY_CELLS": (MEMORY_CELLS, OF_CELLS),
    "SCANS": (SCANS, {}),
    "MODALITIES": (MODALITIES, AS_THEY_ARE),
    "OWN": (
        OWN,
        dict.fromkeys(
            ("image", "text", "sound", *PAIRED, "sentence", "scene"),
            "there are many backbones to choose from",
        ),
    ),
    "IN_PARTS": (
        IN_PARTS,
        dict.fromkeys(("image", "text", "sound", *PAIRED, "row", "mixed", "features"), "a label is about all of it"),
    ),
    "BY_PART": (
        BY_PART,
        AS_THEY_ARE
        | dict.fromkeys(("sentence", "scene"), "their backbones give a row for each part anyway")
        | dict.fromkeys(("image", *PAIRED), "no text is written of them, for now"),
    ),
    "READERS": (
        READERS,
        AS_THEY_ARE
        | dict.fromkeys(("scene", "image_pair"), "backbones for images read them")
        | dict.fromkeys(("pair", "sentence"), "backbones for texts read them"),
    ),
    "WAYS": (WAYS, AS_THEY_ARE | dict.fromkeys(PAIRED, "each of its sides is embedded alone")),
    "AT_ONCE": (
        AT_ONCE,
        dict.fromkeys(("image", "text", "sound", "sentence", "scene"), "examples are embedded one by one"),
    ),
    "FITTED": (
        FITTED,
        dict.fromkeys(
            ("image", "text", "sound", *PAIRED, "sentence", "scene", "features"),
            "nothing of it hangs on the data",
        ),
    ),
    "FEEDS": (FEEDS, dict.fromkeys((*PAIRED, "scene", "mixed"), FROZEN)),
    "SPACES": (SPACES, {"sound": "how far a sound may be moved before people notice is not one number"} | OF_SEVERAL),
    "LANGUAGES": (LANGUAGES, UNKNOWN | OF_TEXTS),
    "USUAL": (
        USUAL,
        dict.fromkeys(("sound", *PAIRED, "sentence", "scene", "mixed", "features"), "nothing is pretrained on them"),
    ),
    "CALLED": (
        CALLED,
        dict.fromkeys(
            ("text", "sound", *PAIRED, "sentence", "scene", "mixed", "features"),
            "no corpus of them is a domain",
        ),
    ),
    "PREVIEWS": (PREVIEWS, UNKNOWN | OF_TEXTS),
    "SURFACES": (SURFACES, OF_TEXTS),
    "IN_WORDS": (
        IN_WORDS,
        dict.fromkeys(
            ("sound", *PAIRED, "sentence", "scene", "row", "mixed", "features"),
            "no network knows words for them",
        ),
    ),
    "TREES": (
        TREES,
        dict.fromkeys(
            ("image", "text", "sound", *PAIRED, "sentence", "scene", "features"),
            "trees read columns of a table",
        ),
    ),
    "CORRUPTIONS": (
        CORRUPTIONS,
        dict.fromkeys((*PAIRED, "sentence", "scene"), "what a mishap leaves of their labels is not clear")
        | {"mixed": "each of its columns has mishaps of its own kind"},
    ),
    "OCCLUSIONS": (
        OCCLUSIONS,
        dict.fromkeys(("row", "features"), "their columns are permuted in place of that")
        | dict.fromkeys((*PAIRED, "sentence", "scene", "mixed"), "which parts they have is a question of their labels"),
    ),
    "PERMUTED": (
        PERMUTED,
        dict.fromkeys(("image", "text", "sound", *PAIRED, "sentence", "scene"), "they have no columns")
        | {"mixed": "its columns are left out one kind after another beside the fit"},
    ),
    "FIRST_WITH_FEW": (
        FIRST_WITH_FEW,
        dict.fromkeys(
            ("image", "sound", *PAIRED, "sentence", "scene", "row", "mixed", "features"),
            "measured on texts alone",
        ),
    ),
    "LOOKS": (
        LOOKS,
        dict.fromkeys(("row", "features"), "numbers tell a reader of the report nothing"),
    ),
    "INTAKES": (INTAKES, dict.fromkeys((*PAIRED, "scene"), "these are answered by predict alone")),
    "ANNOTATED": (
        ANNOTATED,
        dict.fromkeys(
            ("image", "text", "sound", *PAIRED, "sentence", "row", "mixed", "features"),
            "labels are folders or columns",
        ),
    ),
    "EXAMPLE_FILES": (
        EXAMPLE_FILES,
        dict.fromkeys(("text", *PAIRED, "sentence", "row", "mixed", "features"), "they are cells of tables")
        | {"scene": "their files are those of images"},
    ),
    "ENTRANCES": (
        ENTRANCES,
        {
            "image_pair": "a graph reads one picture of each example, for now",
            "sound": "their spectrograms are made outside of a graph",
            "sentence": "words are averaged outside of a graph",
            "scene": "boxes are made of places outside of a graph",
            "mixed": "columns of several kinds are put together outside of a graph",
        },
    ),
    "FOLDERS": (
        FOLDERS,
        dict.fromkeys(
            ("sound", *PAIRED, "sentence", "scene", "row", "mixed", "features"),
            "transformers and timm have no such folder",
        ),
    ),
    "MODULES": (
        MODULES,
        dict.fromkeys(("sound", "image_pair", "sentence", "scene", "mixed"), "they have no entrance to a graph either"),
    ),
    "OWN_CHECKS": (
        OWN_CHECKS,
        dict.fromkeys(
            ("image", "text", *PAIRED, "sentence", "scene", "row", "mixed", "features"),
            "what is common to all is enough",
        ),
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_has_a_row_or_a_reason(name: str) -> None:
    rows, reasons = TABLES[name]
    assert {*rows, *reasons} == {*get_args(Kind)}
    assert not {*rows} & {*reasons}, "a reason is given for a kind that has a row"


def test_every_column_of_examples_can_be_named() -> None:
    assert {*COLUMNS} <= {*USES} & {*inspect.signature(transferium.read).parameters} & {*OPTIONS}


def test_no_table_is_forgotten() -> None:
    """Every dictionary by kind in the source is one of the tables above."""
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    assert sorted(re.findall(r"^(\w+): dict\[Kind, ", source, re.M)) == sorted(TABLES)


def test_a_foreign_kind_is_read_fitted_evaluated_and_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_waves(monkeypatch)
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    _fit(tmp_path / "run", waves())
    artifact = load_artifact(tmp_path / "run")
    assert (artifact.kind, artifact.backbone.name) == ("wave", "tones")
    assert artifact.backbone.preprocess == tones().preprocess
    measured = evaluate_domain(artifact, waves(seed=1), Embedder(None))
    assert measured["accuracy"].value > 0.9, "low and high are told apart"
    assert "<span>data</span> waves<" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_foreign_kind_is_fine_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    add_waves(monkeypatch)
    train, held, embedder = waves(40), waves(40, seed=1), Embedder(None, engine="torch")
    method = find_method("finetune", {"unfreeze": "all", "epochs": 20, "lr": 0.003, "batch_size": 8})
    fitted = method.fit(Task(train, waves(20, seed=2), tones(), embedder, 0))
    seen = embedder(held, fitted.backbone)[0].features
    assert fitted.backbone.tuned and np.mean(fitted.head.outputs(seen).argmax(1) == held.y) > 0.9


def _fit(out: Path, domain: Domain) -> None:
    fit_job(domain, FitOptions(out, find_method("probe", {})), Embedder(None, engine="torch"), Stopwatch())


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("KINDS", "kind='wave' is unknown"),
        ("MEMORY", "no reader of data in memory for waves, only for images and texts and sounds and pairs of texts"),
        ("SCANS", "no scan for waves, only for"),
        ("MODALITIES", "no backbone for waves, only for images and texts and"),
        ("UNTRAINED", "no backbone 'tones'"),
        ("WAYS", "no embedding for waves, only for images and texts and sounds"),
    ],
)
def test_a_row_that_is_missing_is_said(
    without: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_waves(monkeypatch, without=without)
    with pytest.raises(Exception, match=message) as raised:
        _fit(tmp_path / "run", waves(8))
    assert isinstance(raised.value, InputError) or without == "UNTRAINED"
    assert not (tmp_path / "run").exists()


OPTIONAL: dict[str, Any] = {
    "FEEDS": lambda domain, _: Feeds(tones().preprocess).open(domain, augmented=False),
    "SPACES": lambda domain, _: attack_on(tones(), domain, "fgm"),
    "LANGUAGES": lambda domain, _: show_augmented(domain, None, "strong"),
    "SURFACES": lambda domain, _: compare_surface(domain, domain, seed=0),
    "READERS": lambda _, path: transformers_folder(path, "wave", None),
}
"""What a kind can do without; a kind without recipes has no preview, and one without looks is not shown."""


@pytest.mark.parametrize("without", OPTIONAL)
def test_what_a_kind_cannot_do_is_said(without: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_waves(monkeypatch, without=without)
    with pytest.raises(InputError, match=r"there is no .* for waves, only for images and texts"):
        OPTIONAL[without](waves(8), tmp_path)


def test_an_empty_table_is_said() -> None:
    with pytest.raises(InputError, match="there is no feed for texts, only for nothing"):
        by_kind({}, "text", "feed")


FACTS = {
    "data/domain.py": "rows of numbers are a table or features, as is asked for",
    "artifact.py": "feature rows have a width and no file of a backbone",
    "data/doctor/copies.py": "rows of whole numbers can be equal by chance",
    "data/fingerprint.py": "feature rows are in memory",
    "data/learned.py": "feature rows are hashed as numbers, in single precision",
    "data/readers/row_cells.py": "features are numbers alone",
    "job/advise/rules.py": "what tuning is worth was measured on images",
    "job/compare/findings.py": "images have modes",
    "job/fit/prepare.py": "feature rows are their own features",
    "job/predict/apply.py": "feature rows have columns",
    "methods/finetuning/augmentation.py": "some recipes, and CutMix, are for images alone",
    "methods/finetuning/inference_views.py": "images have a side and a mirror image",
    "models/surgery/attention_maps.py": "images have rows and columns of places",
}
"""Where the source compares a kind with one of them: only for what is true of that one alone, and why it is."""


def test_a_kind_is_compared_only_for_what_is_true_of_it_alone() -> None:
    """Texts are told apart nowhere: a table says what they need, and whatever is no image is not taken for one."""
    kinds = "|".join(KINDS)
    compared = re.compile(rf'kind (?:==|!=) "(?:{kinds})"|kind (?:not )?in \("(?:{kinds})"')
    found = {
        path.relative_to(SOURCE).as_posix(): compared.findall(path.read_text(encoding="utf-8"))
        for path in SOURCE.rglob("*.py")
    }
    assert sorted(name for name, said in found.items() if said) == sorted(FACTS)
    assert not [name for name, said in found.items() if any('"text"' in words for words in said)]
