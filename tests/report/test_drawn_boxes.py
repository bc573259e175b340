"""Boxes in the report: drawn over pictures, put in words, and counted by what they are."""

from __future__ import annotations

import numpy as np
from PIL import Image

from transferium.problems.boxes import Boxes, Placed
from transferium.report.boxes.drawn_boxes import COLOURS, box_lines, draw_frames
from transferium.report.page import render

LABELS, PROBLEM = Boxes.read([[Placed("cat", 0.0, 0.0, 0.5, 1.0), Placed("cat", 0.6, 0.0, 1.0, 0.5)], []], "boxes")
OUTPUT = np.array([[0, 0.0, 0.0, 0.5, 0.9, 0.9], [0, 0.7, 0.6, 0.9, 0.9, 0.6], [0, 0.0, 0.0, 0.4, 0.9, 0.2]])


def test_frames_say_what_each_box_is() -> None:
    frames = PROBLEM.drawn(LABELS[0], OUTPUT)
    assert frames is not None
    assert [(one.state, one.said) for one in frames] == [
        ("missed", "cat missed"),
        ("right", "cat 0.90"),
        ("wrong", "cat 0.60, nothing there"),
    ]
    assert PROBLEM.drawn(LABELS[1], np.empty((0, 6))) == []


def test_frames_are_drawn_in_their_colours() -> None:
    image = Image.new("RGB", (100, 60), "white")
    frames = PROBLEM.drawn(LABELS[0], OUTPUT) or []
    draw_frames(image, [frame._asdict() for frame in frames])
    assert image.getpixel((0, 30)) == tuple(int(COLOURS["right"][i : i + 2], 16) for i in (1, 3, 5))
    assert image.getpixel((55, 30)) == (255, 255, 255)


def test_a_page_shows_boxes_by_kind_and_class() -> None:
    found = PROBLEM.evaluate(LABELS, PROBLEM.alike(LABELS, LABELS), seed=0).as_dict()
    lines = box_lines(found)
    assert lines is not None and ("missed", "2") in [line[:2] for line in lines["kinds"]]
    assert box_lines({"accuracy": 1.0}) is None
    boxes = '[{"label": "cat", "box": [0, 0, 1, 1]}]'
    example = {"id": "a.png", "label": boxes, "predicted": "[]", "frames": [], "right": False}
    page = render({"name": "run", "problem": "boxes", "kind": "scene", "test": found, "examples": [example]})
    assert "What its boxes are" in page and "1 cat" in page and "no box" in page and "yellow ones were missed" in page
