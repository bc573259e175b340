"""The rules of the house: which file may import which, how full a folder and how long a file may be, what a name means.

Everything is read from the syntax trees; imports inside functions and under ``TYPE_CHECKING`` count like any other.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "transferium"

ORDER = (
    *("errors", "version", "system", "functional", "problems", "data", "models", "embedding", "training", "objectives"),
    *("selection", "artifact", "methods", "evaluation", "policies", "report", "job", "serving", "estimator", "cli"),
)
"""The layers. Left never imports right; one that does not exist (yet) is passed over."""

FACES = ("__init__", "__main__")
"""What lies right of every layer: ``import transferium`` and ``python -m transferium``."""

MOST_FILES, MOST_LINES = 16, 400

MEANINGS = {
    "adapted": "what an adaptation came to",
    "adversarial": "critics that tell two domains apart",
    "alternating": "players who take turns",
    "attack": "the worst small change of an input",
    "augmented": "a look at augmented examples",
    "base": "what everything in the folder has in common",
    "bss": "batch spectral shrinkage",
    "catalogue": "everything of a kind, by name",
    "class_balance": "classes of unequal frequency",
    "co_tuning": "Co-Tuning",
    "coral": "correlation alignment",
    "cosine": "classification by the angle to one direction a class",
    "decode": "raw examples as pixels or samples",
    "discrepancy": "a distance between two streams that is lowered",
    "distillation": "a student that answers like its teacher",
    "evidence": "what may be looked at when a model is chosen without target labels",
    "feature_maps": "feature maps that stay what they were",
    "findings": "what is said of data, each with its weight",
    "images": "pictures",
    "label_shift": "other class shares in the target",
    "labelled_target": "a few labelled target examples",
    "modality": "a kind of example",
    "options": "what a command may be told",
    "prediction": "terms on predictions that need no labels",
    "range_test": "the learning-rate range test",
    "resume": "going on with an interrupted run",
    "run": "the folder's work, from start to end",
    "sniff": "what the first bytes of a file say",
    "sounds": "recordings",
    "surface": "how two domains differ before any model looks",
    "table": "rows and columns",
    "tables": "tables that are printed for a reader",
    "texts": "texts",
    "tradaboost": "TrAdaBoost",
}
"""Names that several rooms use for the same thing. Any other name belongs to one file."""


@dataclass
class House:
    """The files below ``root`` by dotted name (a package by its own), and which of them each one imports."""

    root: Path
    files: dict[str, Path] = field(default_factory=dict)
    imports: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.root.rglob("*.py")):
            parts = [self.root.name, *path.relative_to(self.root).with_suffix("").parts]
            self.files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        self.imports = {name: self._imported(name) for name in self.files}

    def _imported(self, name: str) -> set[str]:
        path, found = self.files[name], set()
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*above, *([node.module] if node.module else [])])
                dotted = {f"{module}.{alias.name}" for alias in node.names}
                found |= {inside if inside in self.files else module for inside in dotted}
        return {module for module in found if module in self.files and module != name}

    def shown(self, name: str) -> str:
        return self.files[name].relative_to(self.root).as_posix()

    def layer(self, name: str) -> str:
        return self.files[name].relative_to(self.root).parts[0].removesuffix(".py")

    def named(self) -> list[Path]:
        """Every file but those that only say that a folder is a package."""
        return [path for path in self.files.values() if path.name != "__init__.py"]


def components(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Strongly connected nodes together, each component after those that it points to (Tarjan 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_nodes: list[str] = []
    closed: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        open_nodes.append(node)
        for other in sorted(graph[node]):
            if other not in number:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in open_nodes:
                lowest[node] = min(lowest[node], number[other])
        if lowest[node] == number[node]:
            start = open_nodes.index(node)
            closed.append(sorted(open_nodes[start:]))
            del open_nodes[start:]

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return closed


def circles(house: House) -> list[str]:
    found = [names for names in components(house.imports) if len(names) > 1]
    return ["import one another: " + ", ".join(map(house.shown, names)) for names in found]


def from_the_right(house: House) -> list[str]:
    """Imports of a layer that stands right of the importing file's own, and files that belong to no layer."""
    place = {layer: i for i, layer in enumerate((*ORDER, *FACES))}
    strangers = sorted({house.layer(name) for name in house.files} - set(place))
    return [f"{layer} is no layer of ORDER" for layer in strangers] + [
        f"{house.shown(name)} imports {house.shown(other)} from its right"
        for name, others in house.imports.items()
        for other in sorted(others)
        if not {house.layer(name), house.layer(other)} & {*strangers}
        and place[house.layer(other)] > place[house.layer(name)]
    ]


def rooms(house: House, folder: Path) -> dict[str, dict[str, set[str]]]:
    """What lies directly in ``folder``, rooms and single files: whom each imports, and by which imports."""

    def room(name: str) -> str | None:
        path = house.files[name]
        if folder not in path.parents or path == folder / "__init__.py":
            return None
        first = path.relative_to(folder).parts[0]
        return first if first.endswith(".py") else f"{first}/"

    graph: dict[str, dict[str, set[str]]] = {}
    for name, others in house.imports.items():
        if (here := room(name)) is None:
            continue
        towards = graph.setdefault(here, defaultdict(set))
        for other in others:
            if (there := room(other)) not in (None, here):
                towards[str(there)].add(f"{house.shown(name)} imports {house.shown(other)}")
    return graph


def tangled_rooms(house: House) -> list[str]:
    """Rooms of one folder that import one another, with the imports that do it and the order of the others."""
    told = []
    for folder in sorted({p for path in house.named() for p in path.parents if house.root in p.parents}):
        graph = rooms(house, folder)
        order = components(graph)
        for circle in order:
            if len(circle) < 2 or not any(room.endswith("/") for room in circle):
                continue
            ways = sorted(way for a in circle for b in circle if a != b for way in graph[a].get(b, ()))
            shown = " → ".join("{" + ", ".join(found) + "}" if len(found) > 1 else found[0] for found in order)
            where = folder.relative_to(house.root).as_posix()
            told.append(f"{where}/ has no order among {', '.join(circle)}:\n  {shown}\n  " + "\n  ".join(ways))
    return told


def full_folders(house: House) -> list[str]:
    count: dict[str, int] = defaultdict(int)
    for path in house.named():
        count[f"{path.parent.relative_to(house.root).as_posix()}/"] += 1
    return [f"{folder} has {n} files, {n - MOST_FILES} too many" for folder, n in count.items() if n > MOST_FILES]


def long_files(house: House) -> list[str]:
    lines = {house.shown(name): len(path.read_text("utf-8").splitlines()) for name, path in house.files.items()}
    return [f"{name} has {n} lines, {n - MOST_LINES} too many" for name, n in lines.items() if n > MOST_LINES]


def ambiguous_names(house: House, meanings: Mapping[str, str]) -> list[str]:
    """Names of several files that ``meanings`` does not explain, and explanations of names that are unique."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in house.named():
        places[path.stem].append(path.relative_to(house.root).as_posix())
    shared = {name: found for name, found in places.items() if len(found) > 1}
    return [
        f"{name} is {len(found)} files: {', '.join(found)}" for name, found in shared.items() if name not in meanings
    ] + [f"{name} is explained and does not occur twice" for name in meanings if name not in shared]


@pytest.fixture(scope="module")
def house() -> House:
    return House(SOURCE)


@pytest.fixture
def planted(tmp_path: Path):
    """``planted({"data/a.py": "import x"})`` is a house of these files."""

    def build(files: Mapping[str, str]) -> House:
        for name, text in files.items():
            path = tmp_path / "transferium" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return House(tmp_path / "transferium")

    return build


def test_the_house_is_read(house: House) -> None:
    assert {house.layer(name) for name in house.files} >= {"errors", "functional", "methods", "cli", *FACES}
    assert sum(map(len, house.imports.values())) > len(house.files)


def said(faults: list[str]) -> str:
    return "\n" + "\n".join(faults)


def test_no_files_import_one_another(house: House) -> None:
    assert not circles(house), said(circles(house))


@pytest.mark.parametrize(
    "back",
    [
        "from transferium.data.a import f",
        "from transferium.data import a",
        "import transferium.data.a",
        "from .a import f",
        "from . import a",
        "from ..data.a import f",
        "def g():\n    from transferium.data.a import f",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from transferium.data.a import f",
    ],
)
def test_a_planted_circle_is_seen(planted, back: str) -> None:
    files = {
        "data/__init__.py": "",
        "data/a.py": "from transferium.data.b import g",
        "data/b.py": "import transferium.data.c",
    }
    assert not circles(planted({**files, "data/c.py": "import json"}))
    assert circles(planted({**files, "data/c.py": back})) == ["import one another: data/a.py, data/b.py, data/c.py"]


def test_layers_import_to_the_left_alone(house: House) -> None:
    assert not from_the_right(house), said(from_the_right(house))


def test_an_import_from_the_right_is_seen(planted) -> None:
    files = {"__init__.py": "from transferium.cli.app import main", "cli/__init__.py": "", "cli/app.py": "main = 0"}
    assert not from_the_right(planted({**files, "data/a.py": "import transferium.errors"}))
    house = planted(
        {"data/a.py": "def f():\n    from transferium.cli.app import main", "errors.py": "import transferium"}
    )
    assert from_the_right(house) == [
        "data/a.py imports cli/app.py from its right",
        "errors.py imports __init__.py from its right",
    ]


def test_a_stranger_among_the_layers_is_seen(planted) -> None:
    assert from_the_right(planted({"helpers/a.py": "", "data/a.py": "import transferium.helpers.a"})) == [
        "helpers is no layer of ORDER"
    ]


def test_rooms_of_a_layer_have_an_order(house: House) -> None:
    assert not tangled_rooms(house), said(tangled_rooms(house))


def test_rooms_without_an_order_are_seen(planted) -> None:
    """No file imports itself in a circle here; the rooms do, once straight back and once by a file between them."""
    files = {
        "data/one/a.py": "import transferium.data.two.a",
        "data/two/a.py": "",
        "data/two/b.py": "import transferium.data.between",
        "data/between.py": "",
        "data/above.py": "import transferium.data.one.a",
    }
    assert not tangled_rooms(planted(files))
    house = planted({**files, "data/two/b.py": "import transferium.data.one.b", "data/one/b.py": ""})
    assert not circles(house)
    assert tangled_rooms(house) == [
        "data/ has no order among one/, two/:\n  {one/, two/} → above.py → between.py\n"
        "  data/one/a.py imports data/two/a.py\n  data/two/b.py imports data/one/b.py"
    ]
    house = planted({**files, "data/between.py": "import transferium.data.one.b"})
    assert not circles(house)
    assert "no order among between.py, one/, two/" in tangled_rooms(house)[0]


def test_no_folder_is_full(house: House) -> None:
    assert not full_folders(house), said(full_folders(house))


def test_a_full_folder_is_seen(planted) -> None:
    files = {f"data/file{i}.py": "" for i in range(MOST_FILES)} | {"data/__init__.py": ""}
    assert not full_folders(planted(files))
    assert full_folders(planted({"data/more.py": ""})) == [f"data/ has {MOST_FILES + 1} files, 1 too many"]


def test_no_file_is_long(house: House) -> None:
    assert not long_files(house), said(long_files(house))


def test_a_long_file_is_seen(planted) -> None:
    assert not long_files(planted({"data/a.py": "\n" * MOST_LINES}))
    assert long_files(planted({"data/a.py": "\n" * (MOST_LINES + 3)})) == ["data/a.py has 403 lines, 3 too many"]


def test_a_name_means_one_thing(house: House) -> None:
    faults = ambiguous_names(house, MEANINGS)
    assert not faults, said(faults)


def test_a_name_of_two_meanings_is_seen(planted) -> None:
    house = planted({"data/__init__.py": "", "cli/__init__.py": "", "data/pairs.py": "", "functional/pairs.py": ""})
    assert not ambiguous_names(house, {"pairs": "two of a kind"})
    assert ambiguous_names(house, {}) == ["pairs is 2 files: data/pairs.py, functional/pairs.py"]
    (house.root / "data/pairs.py").unlink()
    assert ambiguous_names(House(house.root), {"pairs": "two of a kind"}) == [
        "pairs is explained and does not occur twice"
    ]
