"""Once a graph is exported, embedding needs neither torch nor, ever, a socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from transferium.embedding.embed import Embedder
from transferium.models.catalogue import find_backbone, randomised
from worlds.domains import images, texts

SCRIPT = """
import socket, sys

def refuse(*args, **kwargs):
    raise OSError("a socket was opened")

socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.models.catalogue import find_backbone, randomised

image = find_backbone(None, "image")
pictures = Domain(Items([bytes.fromhex(h) for h in sys.argv[1].split(",")]), "image", ["a", "b"])
for store in (None, FeatureStore()):
    results = Embedder(store)(pictures, image, randomised(image))
    assert all(r.engine == "onnx" and r.ok.all() and r.computed == 2 for r in results)
results = Embedder(None)(Domain(Items(["one text"]), "text", ["a"]), find_backbone(None, "text"))
assert results[0].ok.all()
print(sorted({"torch", "timm", "transformers", "sklearn", "pyarrow", "scipy"} & set(sys.modules)))
"""


def test_the_exported_path_imports_no_torch_and_opens_no_socket(tmp_path: Path, monkeypatch) -> None:
    image = find_backbone(None, "image")
    domain = images([0, 1])
    Embedder(None)(domain, image, randomised(image))  # exports where no test did before
    Embedder(None)(texts(["to export", "the graph"]), find_backbone(None, "text"))
    pictures = ",".join(domain.samples.raw(i).hex() for i in range(2))
    out = subprocess.check_output([sys.executable, "-c", SCRIPT, pictures], text=True)
    assert out.strip() == "[]"
