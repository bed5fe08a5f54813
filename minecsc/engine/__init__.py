"""The engine: runs the pipeline over many documents and leaves a database of evidence."""

from __future__ import annotations

from minecsc.engine.assemble import Assembly, assemble
from minecsc.engine.local import extract
from minecsc.engine.processor import Processor, load_processor
from minecsc.engine.summary import RunSummary

__all__ = ["Assembly", "Processor", "RunSummary", "assemble", "extract", "load_processor"]
