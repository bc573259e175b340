"""Claims about real data, each with its interval."""

import numpy as np
import pytest

import transferium as tm
from transferium.embedding.embed import Embedder
from transferium.functional.bootstrap import paired_interval
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_three_hundred_questions_fine_tune_a_sentence_encoder_better_than_they_probe_it(shared_data):
    data = tm.read(shared_data("trec"))
    rows = np.random.default_rng(0).permutation(len(data.part("train")))[:300]
    test = data.part("test")
    task = Task(data.part("train").take(rows), None, find_backbone(None, "text"), Embedder(None), seed=0)

    def right(method):
        fitted = method.fit(task)
        return fitted.head.predict(task.embed(test, fitted.backbone).features) == test.y

    difference = paired_interval(right(FineTune(epochs=4)), right(LinearProbe()), seed=0)
    assert difference.low > 0.02, difference
