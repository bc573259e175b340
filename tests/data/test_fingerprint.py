"""A fingerprint changes with what an example holds, with its label and with the classes, and with nothing else."""

from dataclasses import replace

import numpy as np

from transferium.data.fingerprint import fingerprint
from transferium.problems.classes import Classes
from worlds.toy import blobs, pictures


def test_it_sees_contents_labels_classes_and_order():
    world = replace(pictures(6), keys=tuple("abcdef"))
    said = fingerprint(world)
    assert said.startswith("6 image examples, 2 classes, ") and fingerprint(replace(world, name="other")) == said
    labels = world.y.copy()
    labels[0] = 1 - labels[0]
    others = [
        replace(world, keys=tuple("abcdeg")),
        replace(world, labels=labels),
        replace(world, problem=Classes(world.classes[::-1])),
        world.take(np.arange(6)[::-1]),
        world.take(np.arange(5)),
        world.unlabeled(),
    ]
    assert len({said, *map(fingerprint, others)}) == 7


def test_contents_are_known_by_names_until_they_are_scanned_and_rows_by_their_numbers():
    assert fingerprint(pictures(6)) != fingerprint(replace(pictures(6), ids=list("uvwxyz")))
    rows = blobs(20)
    changed = rows.features.copy()
    changed[3, 0] += 1
    assert fingerprint(rows.embedded(changed)) != fingerprint(rows) == fingerprint(rows.embedded(rows.features.copy()))
