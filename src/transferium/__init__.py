"""Transfer learning that is fast on ordinary machines and honest about its results.

>>> import transferium as tm
>>> domain = tm.read([[0.0, 1.0], [1.0, 0.0]])
>>> len(domain), domain.kind
(2, 'row')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from transferium.version import __version__

if TYPE_CHECKING:
    from transferium import policies as policies
    from transferium.data.domain import Domain as Domain
    from transferium.data.read import read as read
    from transferium.embedding.embed import Embedder as Embedder
    from transferium.embedding.embed import embed as embed
    from transferium.errors import TransferiumError as TransferiumError
    from transferium.estimator.adapters import Adapters as Adapters
    from transferium.estimator.adapters import load_adapters as load_adapters
    from transferium.estimator.classifier import TransferClassifier as TransferClassifier
    from transferium.estimator.load import load as load
    from transferium.estimator.regressor import TransferRegressor as TransferRegressor
    from transferium.estimator.tagger import TransferTagger as TransferTagger
    from transferium.job.advise.run import advise as advise
    from transferium.job.pretrain.run import pretrain as pretrain
    from transferium.job.rank.run import rank as rank
    from transferium.models.backbone import Backbone as Backbone
    from transferium.models.catalogue import find_backbone as find_backbone

_WHERE = {
    "Adapters": "estimator.adapters",
    "Backbone": "models.backbone",
    "Domain": "data.domain",
    "Embedder": "embedding.embed",
    "advise": "job.advise.run",
    "embed": "embedding.embed",
    "TransferClassifier": "estimator.classifier",
    "TransferRegressor": "estimator.regressor",
    "TransferTagger": "estimator.tagger",
    "TransferiumError": "errors",
    "find_backbone": "models.catalogue",
    "load": "estimator.load",
    "load_adapters": "estimator.adapters",
    "pretrain": "job.pretrain.run",
    "rank": "job.rank.run",
    "read": "data.read",
}
__all__ = [
    "Adapters",
    "Backbone",
    "Domain",
    "Embedder",
    "TransferClassifier",
    "TransferRegressor",
    "TransferTagger",
    "TransferiumError",
    "__version__",
    "advise",
    "embed",
    "find_backbone",
    "load",
    "load_adapters",
    "policies",
    "pretrain",
    "rank",
    "read",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and only that: ``import transferium`` alone costs milliseconds."""
    if name == "policies":
        return import_module("transferium.policies")
    if name not in _WHERE:
        raise AttributeError(f"module 'transferium' has no attribute {name!r}")
    return getattr(import_module(f"transferium.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
