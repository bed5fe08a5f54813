"""The report as one HTML page: style and charts are in it, nothing is loaded, everything from outside is escaped."""

from __future__ import annotations

from importlib.resources import files
from math import sqrt

from jinja2 import Environment, StrictUndefined

from minecsc.evaluation.report import NUMERIC, Report

_TEMPLATE = "report.html.j2"


def page(report: Report) -> str:
    """The page as text; readable in light and dark, and on paper."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"sqrt": sqrt, "numeric": NUMERIC}
    template = environment.from_string(files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8"))
    scores = {title: [score for _, score in rows] for title, _, rows in report.score_tables()}
    widest = max((max(abs(item.low), abs(item.high)) for item in report.comparison), default=0.0)
    return template.render(
        report=report,
        grids=[(title, columns, rows, scores.get(title)) for title, columns, rows in report.grids()],
        widest=widest or 1.0,
        calibration={name: value.to_dict() for name, value in report.calibration.items()},
    )
