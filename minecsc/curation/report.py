"""What the verdicts say of the extraction: precision with intervals, errors by category, agreement of curators.

Only a random sample tells the precision of the whole: evidence picked because it is uncertain or contested is
wrong more often than the rest. The sample is the start of a shuffle that never changes, up to the last row that
the strategy ``random`` picked and someone judged; what of it is not judged is counted as open.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from minecsc.curation.selection import SHUFFLE
from minecsc.evidence.curation import CURATION_CATEGORIES, Curation
from minecsc.evidence.rows import LinkedRelation
from minecsc.schema import RELATION_TYPES
from minecsc.store.connect import connect_read_only
from minecsc.store.curation import EVIDENCE_ID, shown_evidence, standing_curations

if TYPE_CHECKING:
    import duckdb
    from rich.table import Table

OPERATING_POINTS: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
_SLIPS: Final = frozenset({"negation_missed", "speculation_missed", "grounding"})
"""Errors that leave the relation itself right: what is scored apart in `minecsc evaluate`."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of judged evidence with its 95 % Wilson interval; where curators differ, each vote counts its part."""

    label: str
    judged: int
    count: float
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, label: str, count: float, judged: int) -> Share:
        return cls(label, judged, count, count / judged if judged else math.nan, *wilson(count, judged))


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the judged evidence a label covers: the share right in everything, and right as a bare relation."""

    label: str
    right: Share
    relation: Share


@dataclass(frozen=True, slots=True)
class CurationReport:
    """verdicts: all ever stored. evidence: judged by at least one who could tell, and in the database now.

    gone: judged, but its text or relation is no longer there. lapsed: whose link or type was changed since.
    disputed: on which curators differ. agreement: share of pairs of verdicts on one piece of evidence that agree.
    sample_open: rows of the random sample that no one has judged. precision: of the sample and of all judged.
    """

    verdicts: int
    evidence: int
    gone: int
    lapsed: int
    disputed: int
    curators: Mapping[str, int]
    agreement: Share
    sample_open: int
    sample: tuple[Precision, ...]
    judged: tuple[Precision, ...]
    categories: tuple[Share, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; a share of nothing is None."""
        return _without_nan(asdict(self))

    def tables(self) -> Iterator[Table]:
        """The report for people; rows of which nothing was judged are left out."""
        from rich.table import Table

        facts = Table("verdicts", "", title="Curation", title_justify="left", title_style="bold")
        for name, value in (
            ("stored", f"{self.verdicts:,}"),
            *((f"  of {curator}", f"{count:,}") for curator, count in self.curators.items()),
            ("evidence judged", f"{self.evidence:,}"),
            ("  curators disagree", f"{self.disputed:,}"),
            ("  lapsed: linked or typed otherwise since", f"{self.lapsed:,}"),
            ("  gone: its text or relation is not here now", f"{self.gone:,}"),
            ("pairs of verdicts that agree", _shown(self.agreement)),
        ):
            facts.add_row(name, value)
        yield facts
        if self.sample[0].right.judged:
            title = f"Precision by the random sample ({self.sample_open:,} of it not judged)"
            yield _precision_table(title, self.sample)
        yield _precision_table("Precision of what was judged (picked, so not that of the whole)", self.judged)
        errors = Table("category", "share of what was judged", title="Errors", title_justify="left", title_style="bold")
        for share in self.categories:
            if share.count:
                errors.add_row(share.label, _shown(share))
        yield errors


@dataclass(frozen=True, slots=True)
class _Judged:
    """One piece of evidence with its votes: parts of them that find everything, or the bare relation, right."""

    relation: LinkedRelation
    right: float
    relation_right: float
    categories: Counter[str]
    votes: int


def wilson(count: float, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval for a share, 95 % by default; (nan, nan) of nothing. ``count`` may hold parts of votes."""
    if not total:
        return math.nan, math.nan
    p, z2 = count / total, z * z / total
    middle = (p + z2 / 2) / (1 + z2)
    reach = z * math.sqrt(p * (1 - p) / total + z2 / (4 * total)) / (1 + z2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def curation_report(db: Path | str) -> CurationReport:
    """Reports on the verdicts in ``db``, held against the relations as they stand there now. Raises StoreError."""
    with connect_read_only(db) as con:
        by_evidence = {found[0].evidence_id: found for found in standing_curations(con).values()}
        shown = {key: item.relation for key, item in shown_evidence(con, by_evidence).items()}
        verdicts, evidence = con.execute("SELECT count(*), count(DISTINCT evidence_id) FROM curation").fetchall()[0]
        curators = con.execute("SELECT curator, count(*) FROM standing_curation GROUP BY ALL ORDER BY ALL").fetchall()
        sample = _sample(con, by_evidence)
    voting = {key: [c for c in by_evidence[key] if c.votes(relation)] for key, relation in shown.items()}
    judged = {key: _judge(shown[key], curations) for key, curations in voting.items() if curations}
    pairs = [
        a.reading(shown[key]) == b.reading(shown[key])
        for key, curations in voting.items()
        for a, b in combinations(curations, 2)
    ]
    errors: dict[str, float] = defaultdict(float)
    for item in judged.values():
        for category, votes in item.categories.items():
            errors[category] += votes / item.votes
    return CurationReport(
        verdicts=verdicts,
        evidence=len(judged),
        gone=evidence - len(shown),
        lapsed=sum(any(c.lapsed(shown[key]) for c in by_evidence[key]) for key in shown),
        disputed=sum(len({c.correct for c in curations}) > 1 for curations in voting.values()),
        curators=dict(curators),
        agreement=Share.of("pairs of verdicts", sum(pairs), len(pairs)),
        sample_open=sum(key not in judged and not _told_open(by_evidence.get(key, ())) for key in sample),
        sample=_precision([judged[key] for key in sample if key in judged]),
        judged=_precision(judged.values()),
        categories=tuple(Share.of(name, errors[name], len(judged)) for name in CURATION_CATEGORIES),
    )


def _told_open(curations: Iterable[Curation]) -> bool:
    """Whether someone looked and could not tell."""
    return any(c.correct is None for c in curations)


def _sample(con: duckdb.DuckDBPyConnection, judged: Mapping[str, Sequence[Curation]]) -> list[str]:
    """The random sample: evidence in the order of the shuffle up to the last that was picked by it and judged."""
    picked = [key for key, curations in judged.items() if any(c.chosen == "random" for c in curations)]
    rows = con.execute(
        f"""
        WITH paper AS (
            SELECT text_sha256, min(document_id) AS document_id FROM document
            WHERE NOT (retracted OR deleted) GROUP BY text_sha256
        ), item AS (
            SELECT {EVIDENCE_ID} AS evidence_id FROM relation r JOIN paper d ON d.document_id = r.document_id
        )
        SELECT evidence_id FROM item
        WHERE {SHUFFLE} <= (SELECT max({SHUFFLE}) FROM (SELECT unnest(?::VARCHAR[]) AS evidence_id))
        """,
        [picked],
    ).fetchall()
    return [row[0] for row in rows]


def _judge(relation: LinkedRelation, curations: Sequence[Curation]) -> _Judged:
    as_read = replace(relation, probability=1.0)
    categories: Counter[str] = Counter()
    right = bare = 0
    for curation in curations:
        reading = curation.reading(relation)
        if reading == as_read:
            right += 1
            bare += 1
            continue
        category = curation.category
        if category is None:  # right when judged; a later run has set another flag
            negated, _ = curation.stated_flags()
            category = "negation_missed" if negated != relation.negated else "speculation_missed"
        categories[category] += 1
        bare += category in _SLIPS
    return _Judged(relation, right / len(curations), bare / len(curations), categories, len(curations))


def _precision(items: Iterable[_Judged]) -> tuple[Precision, ...]:
    held = list(items)
    groups = [("all", held)]
    groups += [
        (f"probability ≥ {point}", [item for item in held if item.relation.probability >= point])
        for point in OPERATING_POINTS
    ]
    groups += [(type_, [item for item in held if item.relation.type == type_]) for type_ in RELATION_TYPES]
    return tuple(
        Precision(
            label,
            Share.of(label, sum(item.right for item in group), len(group)),
            Share.of(label, sum(item.relation_right for item in group), len(group)),
        )
        for label, group in groups
    )


def _precision_table(title: str, rows: Iterable[Precision]) -> Table:
    from rich.table import Table

    table = Table(
        "evidence", "all of it right", "relation right", title=title, title_justify="left", title_style="bold"
    )
    for row in rows:
        if row.right.judged:
            table.add_row(row.label, _shown(row.right), _shown(row.relation))
    return table


def _shown(share: Share) -> str:
    if not share.judged:
        return "–"
    interval = f"({100 * share.low:.1f}–{100 * share.high:.1f})"
    return f"{100 * share.share:.1f} % {interval} of {share.judged:,}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
