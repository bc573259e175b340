"""``transferium serve``: a saved model that answers over HTTP."""

from __future__ import annotations

import os
from pathlib import Path

import click

from transferium.cli import options as opt
from transferium.cli.echo import echo
from transferium.cli.progress import command_progress, is_quiet
from transferium.system.display import at_work

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@opt.run_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0: every one.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes with the model.")
@click.option("--examples", type=opt.GivenPath(), metavar="FEATURES", help="Known examples to show, by embed.")
def serve(run: Path, host: str, port: int, workers: int, examples: Path | None) -> None:
    """Answer requests with the model in RUN until Ctrl+C; / is a page to try it by hand.

    POST /predict takes {"texts": […]}, {"images": ["<base64>", …]}, {"rows": [{…}, …]} or a form with files; where
    TRANSFERIUM_TOKEN is set, only with that token. When another model takes its place in RUN, that one answers.
    With --examples, POST /near and the page say which known examples are nearest, by id and label, and whether any is.
    """
    from transferium.serving.run import TOKEN, bind
    from transferium.serving.run import serve as serve_model
    from transferium.serving.served_model import ServedModel
    from transferium.system.extras import require_server

    require_server()
    model = ServedModel(run, examples)
    with bind(host, port) as listening:
        if not is_quiet():
            echo(f"http://{host}:{listening.getsockname()[1]}  Ctrl+C ends it.", err=True)
            if host not in LOOPBACK and not os.environ.get(TOKEN):
                echo(f"everybody who reaches this machine may ask: set {TOKEN} to ask for a token.", err=True)
        with at_work(command_progress(), ""):
            serve_model(model, listening, workers=workers)
