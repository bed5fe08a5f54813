"""What the store holds, made readable: for a terminal."""

from minecsc.report.collect import best_frames, document_rows, verdict_rows
from minecsc.report.summary import demo_view, fact_table, installation, overview, run_facts, run_table
from minecsc.report.terminal import (
    document_view,
    frame_lines,
    relation_lines,
    row_table,
    statement_table,
    verdict_lines,
    verdict_table,
)
from minecsc.report.validation import novel_lines, trial_table, validation_facts, validation_view

__all__ = [
    "best_frames",
    "demo_view",
    "document_rows",
    "document_view",
    "fact_table",
    "frame_lines",
    "installation",
    "novel_lines",
    "overview",
    "relation_lines",
    "row_table",
    "run_facts",
    "run_table",
    "statement_table",
    "trial_table",
    "validation_facts",
    "validation_view",
    "verdict_lines",
    "verdict_rows",
    "verdict_table",
]
