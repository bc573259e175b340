"""Pattern-exploiting training: a masked language model is tuned to say the right label's word at a slot."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.errors import InputError
from transferium.methods.few_shots.constant_stage import constant_stage
from transferium.methods.fitted import Fitted
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.tuned_backbone import tuned_backbone
from transferium.methods.unused_settings import Rule
from transferium.methods.zero_shot.answers import mean_of_templates
from transferium.methods.zero_shot.told_in_words import ToldInWords, as_candidates
from transferium.models.backbone import Backbone
from transferium.models.prompting.cloze_backbone import Cloze, check_cloze, cloze_backbone
from transferium.models.prompting.pattern import check_pattern
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from torch import nn

    from transferium.models.heads.linear import Head
    from transferium.training.loop.stage import Stage


@dataclass
class PET(ToldInWords):
    """Tune a masked language model to say a word of the label at a slot beside each text.

    ``min mean_i -log softmax_c(s_c(x_i))[y_i]``, ``s_c`` being the score of class c that zero-shot has there: the mean
    log-probability of its words, over words, their pieces and templates. So a few labels a class start from what the
    model knows of the words, and no new head is needed. Needs a backbone of transformers with a head for masked tokens,
    and ``labels`` that are words. With ``tokens`` the network is frozen, and what is learned are so many embeddings
    before every sentence. Nothing is held out; a val part gives the temperature. Prefer ``setfit`` where the backbone
    has no such head or labels have no names, ``finetune`` where there are hundreds of labels a class.
    Schick and Schütze, "Exploiting cloze questions for few shot text classification" (2021); embeddings: Lester et al.,
    "The power of scale for parameter-efficient prompt tuning" (2021).
    """

    name: ClassVar[str] = "pet"
    searched: ClassVar[tuple[str, ...]] = ("lr", "epochs")
    unused_rules: ClassVar[dict[str, Rule]] = {
        "prompt_lr": Rule("tokens", lambda m: m.tokens > 0, "learned embeddings, as with tokens=16"),
        "lr": Rule("tokens", lambda m: m.tokens == 0, "tokens=0"),
        "weight_decay": Rule("tokens", lambda m: m.tokens == 0, "tokens=0"),
    }

    templates: tuple[str, ...] = setting(
        ("{text} This is {mask}.",), "sentences around a {text}, with a {mask} for a word of its label"
    )
    tokens: int = setting(
        0, "learned embeddings before each sentence, of a frozen network; 0: all of it moves", (0, 32)
    )
    epochs: int = setting(10, "passes over the examples", (2, 40))
    batch_size: int = setting(8, "texts per step, over all processes", (4, 64))
    lr: float = setting(5e-5, "learning rate of the network, which is constant", (5e-6, 1e-3), {"above": 0})
    prompt_lr: float = setting(
        1e-2, "learning rate of learned embeddings, which is constant", (1e-3, 1.0), {"above": 0}
    )
    weight_decay: float = setting(0.01, "pull towards zero; biases and norms are left out", (0.0, 0.3))

    @property
    def trains(self) -> bool:
        return True

    @property
    def moves_backbone(self) -> bool:
        return True

    def check(self) -> None:
        """Raise ``InputError`` for a template without its places, or none, and for words that cannot be read."""
        if not self.templates:
            raise InputError("pet needs a template, such as '{text} It was {mask}.', and none was given.")
        for template in self.templates:
            check_pattern(template)
        super().check()

    def check_backbone(self, backbone: Backbone) -> None:
        """Raise ``BackboneError`` where it has no head for masked tokens."""
        check_cloze(backbone)

    def fit(self, task: Task) -> Fitted:
        """Train, from the last checkpoint in ``task.workdir``, if there is one."""
        self.check_data(task.train)
        task.problem.check_learnable(task.train.y, f"the training part of {task.train.name!r}")
        said = self.said(task.train)
        cloze = cloze_backbone(task.backbone, self.templates, said, prompt=self.tokens, seed=task.seed)
        outcome, _, start = run_stages(self, task, self.stages(task, cloze))
        (tuned, moved), trained = outcome.result, time.perf_counter()
        head, notes = mean_of_templates(len(self.templates), len(said)), [moved, *cloze.notes]
        if task.val is not None:
            scores = head.logits(task.embed(task.val, tuned).features)
            head = head.with_temperature(task.problem.calibrate(scores, task.val.y))
        else:
            notes.append("nothing was held out, so that its probabilities may be too sure")
        how = Selection("being the last epoch", "no example", as_candidates(said), {"epochs": self.epochs}, notes)
        seconds = {"train": trained - start, "calibrate": time.perf_counter() - trained}
        return Fitted(self.name, tuned, head, how, history=outcome.history, seconds=seconds)

    def stages(self, task: Task, cloze: Cloze) -> Generator[Stage, None, tuple[Backbone, str]]:
        """One stage. What it leaves is for answers: no other method could train it, so that no weights travel."""
        from transferium.models.model import Model
        from transferium.objectives.supervised import Supervised
        from transferium.training.feeds.feeds import Feeds
        from transferium.training.loop.param_groups import plain_groups

        network: Any = cloze.backbone.build()
        rate, decay = self.lr, self.weight_decay
        if self.tokens:
            network.freeze_but_prompt()
            rate, decay = self.prompt_lr, 0.0
        model = Model(network, _layer(mean_of_templates(len(self.templates), task.classes)))
        yield constant_stage(
            self,
            task,
            cloze.backbone,
            name="cloze",
            model=model,
            streams={"target": task.train},
            objective=Supervised("target", problem=task.problem),
            groups=plain_groups(network.parameters(), rate, decay, "network"),
            feeds=Feeds(cloze.backbone.preprocess, seed=task.seed),
        )
        counts = [(p.numel(), p.requires_grad) for p in network.parameters()]
        moved, total = sum(n for n, moves in counts if moves), sum(n for n, _ in counts)
        note = f"{moved:,} of {total:,} parameters were trained ({100 * moved / total:.2g} %)"
        return replace(tuned_backbone(cloze.backbone, network), tuned=False), note


def _layer(head: Head) -> nn.Module:
    """A head as a layer that does not move."""
    import torch

    layer = torch.nn.Linear(head.width, head.classes, bias=False).requires_grad_(False)
    layer.weight.copy_(torch.from_numpy(head.weight))
    return layer
