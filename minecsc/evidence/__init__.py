"""Evidence: frames within a document, statements and belief over documents. Pure functions on plain rows.

Importing it costs nothing; no function here opens a database or reads text.
"""

from __future__ import annotations

from minecsc.evidence.belief import frame_belief, statement_belief
from minecsc.evidence.context import find_cues
from minecsc.evidence.frames import build_frames
from minecsc.evidence.rows import (
    DocumentContext,
    DocumentInfo,
    Frame,
    LinkedMention,
    LinkedRelation,
    ModelCue,
    ModelSystem,
    Statement,
    concept_key,
    normalise,
)
from minecsc.evidence.statements import build_statements

__all__ = [
    "DocumentContext",
    "DocumentInfo",
    "Frame",
    "LinkedMention",
    "LinkedRelation",
    "ModelCue",
    "ModelSystem",
    "Statement",
    "build_frames",
    "build_statements",
    "concept_key",
    "find_cues",
    "frame_belief",
    "normalise",
    "statement_belief",
]
