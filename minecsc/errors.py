"""Errors a user can meet. Each carries a code that can be searched for and tested against."""

from __future__ import annotations


class MinecscError(Exception):
    """Base of all errors raised on purpose.

    code: stable identifier, e.g. ``MCSC-E101``; shown first in the message.
    """

    code = "MCSC-E000"

    def __init__(self, message: str) -> None:
        super().__init__(f"[{self.code}] {message}")


class SchemaError(MinecscError, ValueError):
    """A record breaks an invariant of :mod:`minecsc.schema`."""

    code = "MCSC-E101"


class SourceError(MinecscError):
    """An input cannot be read at all (missing file, unknown format)."""

    code = "MCSC-E201"


class ModelError(MinecscError):
    """A model folder is missing, incomplete or does not match its digests."""

    code = "MCSC-E301"


class KnowledgeBaseError(MinecscError):
    """The knowledge base is missing, incomplete or does not match its digest."""

    code = "MCSC-E401"


class StoreError(MinecscError):
    """A database cannot be opened, written, or is of another schema version."""

    code = "MCSC-E501"


class EvaluationError(MinecscError):
    """Gold and prediction cannot be compared (other texts, unknown documents)."""

    code = "MCSC-E601"


class CurationError(MinecscError):
    """A sheet of verdicts cannot be read or written as a whole (a single bad row is reported, not raised)."""

    code = "MCSC-E701"


class ExportError(MinecscError):
    """The evidence base cannot be written in the format, to the place or with the choice asked for."""

    code = "MCSC-E801"
