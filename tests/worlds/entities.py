"""Sentences whose entities are known by their words and by what stands around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PEOPLE = ("Anna", "Peter Smith", "Maria", "John Brown", "Clara", "Thomas")
PLACES = ("Paris", "New York", "Berlin", "Rome", "London", "Cape Town")
NEW = ("Laura", "Michael Jones", "Sarah", "David Miller"), ("Madrid", "Los Angeles", "Vienna", "Tokyo")
FRAMES = ("{} lives in {} .", "yesterday {} travelled to {} by train", "in {1} , {0} works at a school")


def tagged(n: int, seed: int = 0, *, new: bool = False) -> list[list[tuple[str, str]]]:
    """``n`` sentences, each a list of words with their tags (BIO), of the usual names or of ``new`` ones.

    One in five has no entity.
    """
    draw = np.random.default_rng(seed)
    people, places = NEW if new else (PEOPLE, PLACES)
    sentences = []
    for i in range(n):
        if draw.random() < 0.2:
            sentences.append([(word, "O") for word in ("nothing", "happened", "on", "day", str(i), ".")])
            continue
        person, place = people[draw.integers(len(people))], places[draw.integers(len(places))]
        words = FRAMES[draw.integers(len(FRAMES))].replace("{}", "{0}", 1).replace("{}", "{1}").split()
        words += ["on", "day", str(i)]
        sentence: list[tuple[str, str]] = []
        for word in words:
            if word not in ("{0}", "{1}"):
                sentence.append((word, "O"))
                continue
            named, kind = (person, "person") if word == "{0}" else (place, "place")
            sentence += [(one, f"{'I' if k else 'B'}-{kind}") for k, one in enumerate(named.split())]
        sentences.append(sentence)
    return sentences


def write_conll(path: Path, sentences: list[list[tuple[str, str]]]) -> Path:
    path.write_text("\n\n".join("\n".join(f"{w}\t{t}" for w, t in s) for s in sentences) + "\n", encoding="utf-8")
    return path
