"""What a question returns: a table that becomes whatever the asker works with."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_SHOWN: Final = 20
_WIDTH: Final = 120


class Result:
    """An immutable table of answers. Iterating gives one dict per row.

    >>> base.frames(drug="salinomycin").df()
    """

    __slots__ = ("_table",)

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @property
    def columns(self) -> list[str]:
        """Column names."""
        return list(self._table.column_names)

    def arrow(self) -> pa.Table:
        """As an Arrow table."""
        return self._table

    def df(self) -> pd.DataFrame:
        """As a pandas frame; needs pandas."""
        return self._table.to_pandas()

    def pl(self) -> pl.DataFrame:
        """As a polars frame; needs polars."""
        import polars

        frame = polars.from_arrow(self._table)
        return frame if isinstance(frame, polars.DataFrame) else frame.to_frame()

    def rows(self) -> list[dict[str, Any]]:
        """As a list of dicts."""
        return self._table.to_pylist()

    def __len__(self) -> int:
        return self._table.num_rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._table.to_batches():
            yield from batch.to_pylist()

    def __repr__(self) -> str:
        return f"<Result: {len(self)} rows of {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>"
            for row in self._table.slice(0, _SHOWN).to_pylist()
        )
        more = f"<p>{len(self):,} rows, the first {_SHOWN} shown</p>" if len(self) > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: object) -> str:
    text = "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
    return html.escape(text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…")
