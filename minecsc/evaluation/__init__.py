"""Scores of extraction against gold: entities, links, relations, flags, frames, calibration, errors, intervals.

Running the pipeline over gold (:mod:`.predict`) and reading predictions from a database
(:mod:`.stored`) are imported from their modules, since they need the models and the store.
"""

from minecsc.evaluation.bootstrap import Counts, PairedComparison, compare, paired_bootstrap
from minecsc.evaluation.calibration import Calibration, OperatingPoint, ReliabilityBin, calibrate
from minecsc.evaluation.gold import link_gold, load_gold
from minecsc.evaluation.links import load_links, named_links
from minecsc.evaluation.report import Report, Score
from minecsc.evaluation.score import evaluate
from minecsc.evaluation.taxonomy import ErrorCategory, ErrorCount, RelationError

__all__ = [
    "Calibration",
    "Counts",
    "ErrorCategory",
    "ErrorCount",
    "OperatingPoint",
    "PairedComparison",
    "RelationError",
    "ReliabilityBin",
    "Report",
    "Score",
    "calibrate",
    "compare",
    "evaluate",
    "link_gold",
    "load_gold",
    "load_links",
    "named_links",
    "paired_bootstrap",
]
