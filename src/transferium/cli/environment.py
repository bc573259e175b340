"""The environment variables that are read, as ``transferium --help`` lists them."""

from __future__ import annotations

VARIABLES = {
    "TRANSFERIUM_HOME": "Folder of stored features and exported graphs.  [default: ~/.cache/transferium]",
    "TRANSFERIUM_STORE_LIMIT": "Size at which the least used features are dropped, as in 500MB.  [default: 10 GiB]",
    "TRANSFERIUM_TOKEN": "What transferium serve asks clients for, as Authorization: Bearer TOKEN.",
    "XDG_CACHE_HOME": "Takes the place of ~/.cache.",
    "CUDA_VISIBLE_DEVICES": "The GPUs that may be used; empty or -1: none.",
    "HF_HOME": "Where Hugging Face keeps what was downloaded; HF_HUB_OFFLINE=1: never ask the hub.",
    "WANDB_MODE": "online: --track wandb sends to a server; else it writes files here.",
    "MLFLOW_TRACKING_URI": "Where --track mlflow sends; else it writes files here.",
    "CXX": "The C++ compiler of compile=yes.  [default: g++]",
    "RANK": "Set by torchrun and accelerate launch, as WORLD_SIZE and LOCAL_WORLD_SIZE: several processes.",
    "ACCELERATE_USE_FSDP": "Set by accelerate launch, as FSDP_…: the backbone is split over the processes.",
}
"""What each one does; the ones that are set together are told at the first."""


def help_text() -> str:
    """The section of the help page."""
    width = max(map(len, VARIABLES)) + 2
    return "\n".join(["\b", "Environment:", *(f"  {name:<{width}}{text}" for name, text in VARIABLES.items())])
