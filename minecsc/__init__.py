"""minecsc: evidence on cancer stem cells and drug resistance, mined from PubMed abstracts.

``load()`` gives the spaCy pipeline, ``link()`` the concepts a name may stand for, ``open()`` a database
of evidence for reading. What they need is imported on first use, so that ``import minecsc`` costs nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minecsc.linking import Candidate, Linker
    from minecsc.nlp import load
    from minecsc.schema import EntityType
    from minecsc.store import open_base as open

    __version__: str

__all__ = ["__version__", "link", "load", "open"]

_HOME = {
    "load": ("minecsc.nlp", "load"),
    "open": ("minecsc.store", "open_base"),
}


def link(
    name: str,
    type: EntityType | None = None,
    *,
    context: str = "",
    expansions: Mapping[str, str] | None = None,
) -> list[Candidate]:
    """Concepts of the shipped knowledge base that ``name`` may stand for, best first; an empty list is NIL.

    type: its entity type, where known; context: the text around it; expansions: short form → long form.
    """
    return _linker().link(name, type, context=context, expansions=expansions)


@cache
def _linker() -> Linker:
    from minecsc.linking import KnowledgeBase, Linker

    return Linker(KnowledgeBase.load())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _HOME:
        from importlib import import_module

        module, attribute = _HOME[name]
        value = getattr(import_module(module), attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Version of the installed package; of the checkout where it runs without being installed."""
    from importlib.metadata import PackageNotFoundError, version
    from pathlib import Path

    try:
        return version("minecsc")
    except PackageNotFoundError:
        import tomllib

        project = Path(__file__).resolve().parent.parent / "pyproject.toml"
        if not project.is_file():
            raise
        found: str = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
        return found
