"""What a fine-tuning tells of its augmentation."""

import numpy as np

from transferium.embedding.embed import Embedder
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.holdout import hold_out
from transferium.methods.task import Task
from transferium.training.feeds.feeds import Feeds
from worlds.toy import PICTURE, picture_backbone, pictures


def task(seed=2):
    return Task(pictures(30), None, picture_backbone(), Embedder(None, engine="torch"), seed)


def test_it_shows_the_very_pictures_that_were_trained_on():
    given = task()
    contact = FineTune(epochs=1, unfreeze="none", augment="medium").fit(given).contact
    train = hold_out(given, 0.2).train
    feed = Feeds(PICTURE, augment="medium", seed=2).open(train, augmented=True)
    assert len(contact.examples) == 4 and contact.recipe == "medium = crop:0.65+flip:0.5+colour:0.2"
    for example in contact.examples:
        row = list(train.ids).index(example.id)
        for epoch, version in enumerate(example.versions):
            assert np.array_equal(np.asarray(version), feed.picture(epoch, row).permute(1, 2, 0).numpy())


def test_without_augmentation_there_is_nothing_to_show():
    assert FineTune(epochs=1, unfreeze="none", augment="none").fit(task()).contact is None


def test_auto_is_simple_for_images():
    auto, simple = (FineTune(epochs=1, unfreeze=1, augment=name).fit(task()).history for name in ("auto", "simple"))
    assert [r["task"] for r in auto] == [r["task"] for r in simple]
