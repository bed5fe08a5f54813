"""From the rows of a sheet to verdicts in the database: every row checked against the evidence it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from minecsc.curation.selection import STRATEGIES
from minecsc.curation.sheet import VERDICT_COLUMNS, read_sheet
from minecsc.errors import CurationError
from minecsc.evidence.curation import CURATION_CATEGORIES, REPAIRABLE, Curation
from minecsc.evidence.statements import OPPOSITE
from minecsc.schema import RELATION_TYPES, ErrorCategory, RelationType
from minecsc.store.connect import writing
from minecsc.store.curation import ShownEvidence, add_curations, known_texts, shown_evidence
from minecsc.store.evidence_io import Evidence, EvidenceRows, evidence_rows, put_evidence

_YES: Final = frozenset({"yes", "y", "true", "1", "right", "correct", "accept"})
_NO: Final = frozenset({"no", "n", "false", "0", "wrong", "incorrect", "reject"})
_UNSURE: Final = frozenset({"unsure", "?", "ignore", "skip", "unclear"})
_OTHER_NAMES: Final = MappingProxyType(
    {
        "no_relation": "spurious",
        "entity_boundaries": "boundary",
        "polarity": "wrong_polarity",
        "direction": "wrong_direction",
        "wrong_relation": "wrong_type",
        "negative_result": "negation_missed",
        "negation": "negation_missed",
        "hypothesis": "speculation_missed",
        "speculation": "speculation_missed",
    }
)
"""What others call a category (INDRA's curation tags, and shorter forms)."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that was not taken: the file, its row as a spreadsheet counts, and why."""

    file: str
    row: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What became of a sheet's rows. added: new verdicts; known: stored already; open: without a verdict."""

    added: int
    known: int
    open: int
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """The cells of one row, understood but not yet held against the evidence."""

    row: int
    evidence_id: str
    shown: str
    correct: bool | None
    category: ErrorCategory | None
    type: RelationType | None
    negated: bool | None
    speculative: bool | None
    note: str | None
    chosen: str | None


class _Refused(ValueError):
    """Why a row is not taken."""


def read_verdicts(
    db: Path | str,
    sheet: Path | str,
    *,
    curator: str,
    judged: datetime | None = None,
    evidence: Callable[[EvidenceRows], Evidence] | None = None,
) -> ReadReport:
    """Stores the verdicts of a filled-in sheet; a row that is wrong is reported and costs no other row.

    judged: when, UTC; default: when the file was last saved. evidence: makes frames and statements, which then
    change together with the verdicts; without it they are marked as older than what they rest on. Reading a
    file again changes nothing. Raises CurationError where the file is no sheet, StoreError.
    """
    sheet = Path(sheet)
    name = curator.strip()
    if not name:
        raise CurationError("a verdict needs the name of its curator")
    answers, problems, left_open = _answers(sheet)
    recorded = datetime.now(UTC).replace(tzinfo=None)
    judged = judged or datetime.fromtimestamp(sheet.stat().st_mtime, UTC).replace(tzinfo=None)
    with writing(db) as con:
        shown = shown_evidence(con, [answer.evidence_id for answer in answers])
        texts = known_texts(con, {answer.evidence_id[:64] for answer in answers})
        taken: dict[str, tuple[_Answer, Curation]] = {}
        for answer in answers:
            try:
                found = _checked(answer, shown.get(answer.evidence_id), texts)
                curation = _curation(answer, found, name, judged, recorded, sheet.name)
                first, same = taken.setdefault(answer.evidence_id, (answer, curation))
                if same != curation:
                    raise _Refused(f"row {first.row} judges the same evidence otherwise; that one was taken")
            except _Refused as refusal:
                problems.append(RowProblem(sheet.name, answer.row, str(refusal)))
        stored = add_curations(con, [curation for _, curation in taken.values()])
        if stored.added and evidence is not None:
            put_evidence(con, *evidence(evidence_rows(con)))
    return ReadReport(stored.added, stored.known, left_open, tuple(sorted(problems, key=lambda p: p.row)))


def _answers(sheet: Path) -> tuple[list[_Answer], list[RowProblem], int]:
    answers: list[_Answer] = []
    problems: list[RowProblem] = []
    left_open = 0
    for row, cells in read_sheet(sheet):
        if isinstance(cells, str):
            problems.append(RowProblem(sheet.name, row, cells))
        elif not any(cells.get(name, "").strip() for name in VERDICT_COLUMNS):
            left_open += any(cell.strip() for cell in cells.values())
        else:
            try:
                answers.append(_answer(row, cells))
            except _Refused as refusal:
                problems.append(RowProblem(sheet.name, row, str(refusal)))
    return answers, problems, left_open


def _word(cells: Mapping[str, str], name: str) -> str:
    return "_".join(cells.get(name, "").strip().casefold().replace("-", " ").replace("_", " ").split())


def _choice(cells: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    word = _word(cells, name)
    if not word:
        return None
    if word not in allowed:
        raise _Refused(f"{name} {cells[name].strip()!r} is none of {', '.join(allowed)}")
    return word


def _flag(cells: Mapping[str, str], name: str) -> bool | None:
    word = _word(cells, name)
    if not word:
        return None
    if word not in _YES | _NO:
        raise _Refused(f"{name} {cells[name].strip()!r} is neither yes nor no")
    return word in _YES


def _answer(row: int, cells: Mapping[str, str]) -> _Answer:
    verdict = _word(cells, "correct")
    if not verdict:
        raise _Refused("something is filled in, but 'correct' is empty: yes, no or unsure")
    if verdict not in _YES | _NO | _UNSURE:
        raise _Refused(f"correct {cells['correct'].strip()!r} is none of yes, no, unsure")
    named = _word(cells, "category")
    category = _choice(
        {"category": _OTHER_NAMES.get(named, cells.get("category", ""))}, "category", CURATION_CATEGORIES
    )
    note, why = cells.get("note", ""), cells.get("why", "").partition(":")[0]
    return _Answer(
        row=row,
        evidence_id=cells["evidence_id"].strip(),
        shown=cells["shown"].strip(),
        correct=None if verdict in _UNSURE else verdict in _YES,
        category=cast(ErrorCategory | None, category),
        type=cast(RelationType | None, _choice(cells, "corrected_type", RELATION_TYPES)),
        negated=_flag(cells, "corrected_negated"),
        speculative=_flag(cells, "corrected_speculative"),
        note=note if note.strip() else None,
        chosen=why if why in STRATEGIES else None,
    )


def _checked(answer: _Answer, shown: ShownEvidence | None, texts: set[str]) -> ShownEvidence:
    """The evidence as it stands, if it is what the curator saw."""
    if not answer.evidence_id:
        raise _Refused("the cell evidence_id is empty")
    if shown is None and answer.evidence_id[:64] not in texts:
        raise _Refused(
            "no document of this database has the text it was judged on: another database, a text revised since, "
            "or a damaged evidence_id"
        )
    if shown is None:
        raise _Refused("its document no longer yields this relation, or the cell evidence_id is damaged")
    if shown.fingerprint != answer.shown:
        raise _Refused("links, entity types or flags have changed since the sheet was written: judge a new sheet")
    return shown


def _curation(
    answer: _Answer, shown: ShownEvidence, curator: str, judged: datetime, recorded: datetime, source: str
) -> Curation:
    relation = shown.relation
    correct, category = _consistent(answer, shown)
    curation = Curation(
        evidence_id=shown.evidence_id,
        curator=curator,
        judged=judged,
        recorded=recorded,
        correct=correct,
        category=category,
        corrected_type=None if answer.type == relation.type else answer.type,
        corrected_negated=None if answer.negated == relation.negated else answer.negated,
        corrected_speculative=None if answer.speculative == relation.speculative else answer.speculative,
        note=answer.note,
        source=source,
        chosen=answer.chosen,
        document_id=relation.document_id,
        relation_id=relation.relation_id,
        run_id=shown.run_id,
        type=cast(RelationType, relation.type),
        head=relation.head_surface,
        head_type=relation.head_type,
        head_id=relation.head_concept_id,
        tail=relation.tail_surface,
        tail_type=relation.tail_type,
        tail_id=relation.tail_concept_id,
        negated=relation.negated,
        speculative=relation.speculative,
        probability=relation.probability,
    )
    if curation.corrected_type is not None and curation.reading(relation) is None:
        ends = (relation.head_type, relation.tail_type)
        head, tail = ends[::-1] if category == "wrong_direction" else ends
        raise _Refused(f"{answer.type} cannot hold from {head} to {tail}")
    return curation


def _consistent(answer: _Answer, shown: ShownEvidence) -> tuple[bool | None, ErrorCategory | None]:
    """Verdict and category; a category that the corrections tell need not be given."""
    relation = shown.relation
    turned = {
        "corrected_type": answer.type is not None and answer.type != relation.type,
        "corrected_negated": answer.negated is not None and answer.negated != relation.negated,
        "corrected_speculative": answer.speculative is not None and answer.speculative != relation.speculative,
    }
    corrected = [name for name, changed in turned.items() if changed]
    category = answer.category
    if answer.correct is None:
        if category or corrected:
            raise _Refused("unsure goes with neither a category nor a correction")
        return None, None
    if answer.correct and (category or turned["corrected_type"]):
        raise _Refused(f"correct is yes, but {'category' if category else 'corrected_type'} says what is wrong")
    if category is None:
        category = _told(answer, relation.type, corrected)
        return (True, None) if answer.correct and category is None else (False, category)
    if category not in REPAIRABLE and corrected:
        raise _Refused(f"{category} leaves no relation to correct: empty {', '.join(corrected)}")
    if category in ("wrong_polarity", "wrong_type") and answer.type == relation.type:
        raise _Refused(f"{category}, but corrected_type is {answer.type}, as shown")
    if category == "wrong_polarity" and answer.type is None and relation.type not in OPPOSITE:
        raise _Refused(f"{relation.type} has no opposite: give the corrected_type, or another category")
    for name, given, flag in (
        ("negation_missed", answer.negated, relation.negated),
        ("speculation_missed", answer.speculative, relation.speculative),
    ):
        if category == name and given == flag:
            raise _Refused(f"{name}, but the corrected flag is {'yes' if flag else 'no'}, as shown")
    return False, category


def _told(answer: _Answer, type_: str, corrected: list[str]) -> ErrorCategory | None:
    """The category that the corrections amount to; None for none, which only a yes may have."""
    if "corrected_type" in corrected:
        return "wrong_polarity" if OPPOSITE.get(type_) == answer.type else "wrong_type"
    if "corrected_negated" in corrected:
        return "negation_missed"
    if "corrected_speculative" in corrected:
        return "speculation_missed"
    if answer.correct:
        return None
    raise _Refused(f"what is wrong? category is one of {', '.join(CURATION_CATEGORIES)}")
