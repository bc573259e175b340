"""Settings of a fine-tuning that cannot work, or do not fit the backbone or the data, are named."""

import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError, TransferiumWarning
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.task import Task
from worlds.toy import picture_backbone, pictures


def task(n=40, seed=0, backbone=None, **change):
    torch.set_num_threads(1)
    embedder = Embedder(None, engine="torch")
    return Task(pictures(n), None, backbone or picture_backbone(), embedder, seed, **change)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"lr": 0.0},
            r"lr=0.0 trains nothing: give a number above 0, as in lr=0.0001, and lr=auto \(--lr auto\) tests",
        ),
        ({"lr": -1.0}, r"lr=-1.0 trains nothing"),
        ({"head_lr": float("nan")}, r"head_lr=nan trains nothing"),
        ({"nesterov": True}, r"nesterov is a kind of SGD, and the optimiser is adamw: use optimiser=sgd"),
        ({"optimiser": "sgd", "nesterov": True, "momentum": 0.0}, r"momentum=0 has none: use momentum=0.9"),
        ({"optimiser": "sgd", "momentum": -1.0}, r"momentum must be 0 or more and below 1; it was -1.0"),
        ({"optimiser": "adamx"}, r"optimiser cannot be 'adamx'. Did you mean 'adam'"),
        ({"lr": "aut"}, r"lr is a number, as in lr=0.0001, or auto, to have a range of rates tested; it was 'aut'"),
        (
            {"schedule": "plateau", "gamma": 1.0},
            r"gamma must be below 1 with schedule=plateau, which lowers the rate; it was 1.0",
        ),
        ({"schedule": "plateau", "average": "swa"}, r"swa takes the mean of epochs at one rate, and schedule=plateau"),
        ({"plateau_patience": 0}, r"plateau_patience must be at least 1"),
        ({"schedule": "cos"}, r"schedule cannot be 'cos'"),
        ({"augment": "simpl"}, r"no augmentation preset 'simpl'. Did you mean 'simple'"),
        ({"best_epoch": "acuracy"}, r"best_epoch cannot be 'acuracy'. Did you mean 'accuracy'"),
        ({"best_epoch": "last", "average": "soup"}, r"soup chooses among epochs by their score, and best_epoch=last"),
        ({"best_epoch": "last", "patience": 2}, r"patience=2 stops when epochs no longer get better, and best_epoch=l"),
        ({"batch_norm": "keep"}, r"batch_norm cannot be 'keep'. Did you mean 'kept'"),
        ({"precision": "bf8"}, r"precision cannot be 'bf8'. Choose from 'auto'"),
        ({"epochs": 0}, r"epochs must be at least 1; it was 0"),
        ({"patience": 0}, r"patience must be at least 1, or none; it was 0"),
        ({"workers": -1}, r"workers must be 0 or more"),
        ({"layer_decay": 0.0}, r"layer_decay must be above 0 and at most 1; it was 0.0"),
        ({"layer_decay": 1.5}, r"layer_decay must be above 0 and at most 1"),
        ({"val_share": 0.6}, r"val_share must be above 0 and at most 0.5"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be 0 or more and below 1"),
        ({"clip": 0.0}, r"clip must be above 0, or none; it was 0.0"),
        ({"warmup": 1.0}, r"warmup must be 0 or more and below 1; it was 1.0"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        FineTune(**settings)
    method = FineTune()
    with pytest.raises(InputError, match=message):
        method.set_params(**settings)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"lr": 5.0}, r"lr=5.0 is far above what adamw can use .*about 0.1.*default is 0.0001"),
        ({"head_lr": 20.0, "optimiser": "sgd"}, r"head_lr=20.0 is far above what sgd can use .*default is 0.001"),
        ({"lr": 1e-12}, r"lr=1e-12 is so low that hardly anything moves .*above 1e-07\).*default is 0.0001"),
        ({"head_lr": 1e-9}, r"head_lr=1e-09 is so low that hardly anything moves .*default is 0.001"),
    ],
)
def test_an_absurd_rate_is_a_warning_that_says_how_to_find_one(rates, said):
    with pytest.warns(TransferiumWarning, match=rf"{said}, and lr=auto \(--lr auto\) tests a range of rates"):
        FineTune(**rates)
    FineTune(lr=5.0, head_lr=5.0, optimiser="sgd")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (FineTune(unfreeze=9), r"unfreeze=9: this backbone has 3 blocks \(stem, body, top\)"),
        (FineTune(unfreeze="bdy"), r"unfreeze='bdy' matches nothing in this backbone. Did you mean 'body'"),
        (FineTune(batch_size=1, batch_norm="batch"), r"gives batches of 1, and batch normalisation needs 2 examples"),
    ],
)
def test_what_does_not_fit_the_backbone_is_named(method, message):
    with pytest.raises(InputError, match=message):
        method.fit(task())


def test_a_batch_of_one_is_fine_where_norms_are_frozen_or_kept():
    assert FineTune(unfreeze="top", batch_norm="batch", batch_size=1, epochs=1).fit(task(12)).history[0]["task"] > 0
    assert FineTune(batch_size=1, epochs=1).fit(task(12)).history[0]["task"] > 0


def test_a_batch_larger_than_the_data_is_a_warning():
    with pytest.warns(
        TransferiumWarning, match=r"batch_size=100 is more than the 32 examples .* every step sees all 32"
    ):
        fitted = FineTune(batch_size=100, epochs=2).fit(task())
    assert len(fitted.history) == 2
    assert len(FineTune(epochs=2).fit(task(20)).history) == 2, "the default adapts without a word"


def test_methods_are_described_without_torch():
    import subprocess
    import sys

    code = (
        "import sys; from transferium.methods.finetuning.finetune import FineTune; "
        "from transferium.methods.finetuning.lp_ft import LPFT; "
        "from transferium.methods.finetuning.scratch import FromScratch; "
        "rows = [s for m in (FineTune, LPFT, FromScratch) for s in m.settings()]; "
        "assert all(s['help'] and s['default'] is not s for s in rows); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
