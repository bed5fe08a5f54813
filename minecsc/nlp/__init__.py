"""The pipeline: one spaCy ``Language`` from raw text to linked entities and relations.

Names are imported when first used: training needs the network's modules on machines without spaCy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minecsc.nlp.components import RelationSpan, pipeline_digests
    from minecsc.nlp.model_io import default_model, model_digest, read_meta
    from minecsc.nlp.pipeline import load

__all__ = ["RelationSpan", "default_model", "load", "model_digest", "pipeline_digests", "read_meta"]

_HOME = {
    "RelationSpan": "minecsc.nlp.components",
    "pipeline_digests": "minecsc.nlp.components",
    "default_model": "minecsc.nlp.model_io",
    "model_digest": "minecsc.nlp.model_io",
    "read_meta": "minecsc.nlp.model_io",
    "load": "minecsc.nlp.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
