"""Fixtures used across the suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Time is measured in the benchmarks; a busy machine must not fail a property.
settings.register_profile("suite", deadline=None, max_examples=60)
settings.load_profile("suite")

_REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real corpora beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("MINECSC_SHARED", _REPO.parent / "shared"))
    if not (folder / "README.md").exists():
        pytest.skip("needs the real corpora in ../shared (or MINECSC_SHARED), which are not here")
    return folder
