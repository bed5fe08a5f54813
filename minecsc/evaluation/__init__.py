"""Scores of extraction against gold: entities, relations, flags, calibration, errors, intervals.

Running the pipeline over gold (:mod:`.predict`) and reading predictions from a database
(:mod:`.stored`) are imported from their modules, since they need the models and the store.
"""

from minecsc.evaluation.bootstrap import Counts, PairedComparison, paired_bootstrap
from minecsc.evaluation.calibration import Calibration, OperatingPoint, ReliabilityBin, calibrate
from minecsc.evaluation.gold import link_gold, load_gold
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
    "evaluate",
    "link_gold",
    "load_gold",
    "paired_bootstrap",
]
