"""Where the shipped folders are: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from minecsc.errors import MinecscError

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. ``resource("models", "kb")``.

    A wheel carries the folders under ``minecsc/_data``; a checkout has them at its top level.
    Raises MinecscError where neither place has it.
    """
    places = (_PACKAGE / "_data", _PACKAGE.parent)
    for place in places:
        path = place.joinpath(*parts)
        if path.exists():
            return path
    name = "/".join(parts)
    raise MinecscError(f"shipped resource {name!r} is missing; looked in the package and beside it")
