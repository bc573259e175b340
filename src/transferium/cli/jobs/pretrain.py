"""``transferium pretrain``: an encoder from a corpus without labels."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli.echo import echo
from transferium.cli.progress import command_progress, is_quiet
from transferium.cli.resume import saying_how_to_go_on


class WithSettings(click.Command):
    """A command whose help ends with the objectives and their settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them."""
        from transferium.data.modality import KINDS
        from transferium.methods.pretraining.by_objective import OBJECTIVES, all_classes
        from transferium.methods.settings.field import declared

        with formatter.section("Objectives"):
            formatter.write_dl([(name, said) for name, (_, said) in OBJECTIVES.items()])
        for cls in all_classes():
            with formatter.section(f"Settings (--set) of {', '.join(cls.objectives)}, from {KINDS[cls.kind]}"):
                rows = [(f"{name}={getattr(cls, name)}", said["help"]) for name, said in declared(cls).items()]
                formatter.write_dl(rows)


@click.command(cls=WithSettings)
@click.argument("corpus", type=opt.GivenPath())
@click.option("--objective", default="mlm", show_default=True, help="What is learned, or a sum of several: mlm,nsp.")
@click.option("--out", type=opt.GivenPath(), help="Folder of the encoder.  [default: runs/<name of CORPUS>-encoder]")
@click.option("--backbone", metavar="NAME", help="A pretrained encoder that goes on.  [default: random weights]")
@click.option("--text", metavar="COL", help="Column with texts.")
@click.option("--label", metavar="COL", help="Column of a table that is not learned from.")
@click.option("--drop", multiple=True, metavar="COL", help="Another such column; repeatable.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting; repeatable.")
@click.option("--seed", type=opt.SEED, default=0, show_default=True, help="Seed of every random choice.")
@click.option("--restart", is_flag=True, help="Throw away what an interrupted run left in --out, and begin anew.")
@opt.as_json
def pretrain(corpus: Path, **options: Any) -> None:
    """Learn an encoder from CORPUS, which needs no labels; then: transferium fit … --backbone OUT.

    CORPUS is plain text, CSV, JSON lines or Parquet, a folder of these, a folder of images, or a table of columns.
    Texts are read once and kept on disk as tokens, so that they need not fit into memory. The same command goes on
    after an interruption.
    """
    from transferium.job.pretrain.run import default_out, looked_at_with_options, pretrain_job
    from transferium.job.run_directory.state_paths import STATE
    from transferium.methods.settings.parse import split_settings
    from transferium.system.folder_locks import alone_in

    command = shlex.join(["transferium", *sys.argv[1:]])
    out = options["out"] or default_out(corpus)
    seen, asked = looked_at_with_options(
        *(corpus, options["objective"], split_settings(options["settings"])),
        out=out,
        backbone=options["backbone"],
        columns={use: options[use] for use in ("text", "label", "drop") if options[use]},
        seed=options["seed"],
        restart=options["restart"],
        command=command,
    )
    with saying_how_to_go_on(command, out / STATE), alone_in(out):
        facts = pretrain_job(seen, asked, command_progress())
    if options["as_json"]:
        echo(json.dumps(facts, ensure_ascii=False))
    elif not is_quiet():
        echo(summary(facts, out))


def summary(facts: dict[str, Any], out: Path) -> str:
    """What came out, in a few lines."""
    counts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in facts["counts"].items())
    lines = [f"learned from {counts}, in {facts['seconds']:.0f} s", *facts["said"]]
    for name, value in facts["held_out"].items():
        lines.append(f"held-out {name.replace('_', ' ')}: {value:.4g}")
    for name, value in facts["beside"].items():
        lines.append(f"for comparison, {name}: {value:.4g}")
    return "\n".join([*lines, f"the encoder is in {out}: transferium fit DATA --backbone {out}"])
