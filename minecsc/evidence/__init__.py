"""Evidence: frames within a document, statements and belief over documents. Pure functions on plain rows.

Importing it costs nothing; no function here opens a database or reads text.
"""

from __future__ import annotations

from minecsc.evidence.belief import frame_belief, statement_belief
from minecsc.evidence.frames import build_frames
from minecsc.evidence.rows import (
    DocumentInfo,
    Frame,
    LinkedMention,
    LinkedRelation,
    Statement,
    concept_key,
    normalise,
)
from minecsc.evidence.statements import build_statements

__all__ = [
    "DocumentInfo",
    "Frame",
    "LinkedMention",
    "LinkedRelation",
    "Statement",
    "build_frames",
    "build_statements",
    "concept_key",
    "frame_belief",
    "normalise",
    "statement_belief",
]
