"""Reliability diagrams as SVG: how often answers of a stated probability are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from minecsc.evaluation import Calibration

_SIDE: Final = 200
"""Pixels of a diagram's side."""
_LEFT, _TOP, _GAP, _BOTTOM = 46, 30, 40, 44
_TICKS: Final = (0.0, 0.5, 1.0)


def reliability_svg(heads: Sequence[tuple[str, Calibration]]) -> str:
    """One diagram a head, side by side: share right by mean probability; the area of a dot is its share of answers."""
    width = _LEFT + len(heads) * (_SIDE + _GAP)
    height = _TOP + _SIDE + _BOTTOM
    panels = "".join(_panel(_LEFT + k * (_SIDE + _GAP), name, measured) for k, (name, measured) in enumerate(heads))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n{panels}</svg>\n'
    )


def _panel(left: int, name: str, measured: Calibration) -> str:
    def x(p: float) -> str:
        return f"{left + p * _SIDE:.1f}"

    def y(p: float) -> str:
        return f"{_TOP + (1 - p) * _SIDE:.1f}"

    points = [
        (x(b.confidence), y(b.accuracy), 1.5 + 9 * (b.count / measured.predictions) ** 0.5) for b in measured.bins
    ]
    parts = [
        f'<text x="{left}" y="{_TOP - 12}" font-weight="bold">{escape(name)}: ECE {measured.ece:.3f}, '
        f"n = {measured.predictions}</text>",
        f'<rect x="{left}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
        f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="#bbb" stroke-dasharray="4 3"/>',
        *(
            f'<text x="{x(t)}" y="{_TOP + _SIDE + 14}" text-anchor="middle">{t:g}</text>'
            f'<text x="{left - 6}" y="{y(t)}" text-anchor="end" dominant-baseline="middle">{t:g}</text>'
            for t in _TICKS
        ),
        f'<text x="{x(0.5)}" y="{_TOP + _SIDE + 32}" text-anchor="middle">probability</text>',
        f'<text x="{left - 28}" y="{y(0.5)}" text-anchor="middle" transform="rotate(-90 {left - 28} {y(0.5)})">'
        "share right</text>",
        f'<polyline points="{" ".join(f"{a},{b}" for a, b, _ in points)}" fill="none" stroke="#2b6cb0"/>',
        *(
            f'<circle cx="{a}" cy="{b}" r="{1.5 + 9 * size:.1f}" fill="#2b6cb0" fill-opacity="0.6"/>'
            for a, b, size in points
        ),
    ]
    return "\n".join(parts) + "\n"
