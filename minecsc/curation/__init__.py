"""The curation loop: choose evidence for people to judge, read their verdicts back, tell what they say."""

from __future__ import annotations

from minecsc.curation.report import CurationReport, curation_report
from minecsc.curation.selection import STRATEGIES, Strategy, select
from minecsc.curation.sheet import read_sheet, write_sheet
from minecsc.curation.verdicts import ReadReport, RowProblem, read_verdicts

__all__ = [
    "STRATEGIES",
    "CurationReport",
    "ReadReport",
    "RowProblem",
    "Strategy",
    "curation_report",
    "read_sheet",
    "read_verdicts",
    "select",
    "write_sheet",
]
