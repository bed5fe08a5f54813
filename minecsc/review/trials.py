"""The review's table of trials, linked: what the base says of each drug, treatment and cancer in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from minecsc.review.assertions import Term, Trial
from minecsc.review.compatibility import Families
from minecsc.review.matching import EvidenceIndex, Match, Matcher
from minecsc.store import FrameRow, StatementRow

TrialRole = Literal["drug", "modality", "cancer"]
MAX_EXAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class TrialLink:
    """A drug, other treatment (modality) or cancer of a trial, and the evidence on it.

    name: as the table has it. concept_id: what it links to, None where the knowledge base does not know it.
    documents: papers in good standing that mention it or something narrower; documents_together: those of them
    that also mention a cancer of the trial (of a cancer: a drug or treatment of it). statements, frames: how many
    speak of it. belief: of the strongest statement that it lowers, or sensitizes, a stem cell population,
    stemness or resistance; None without one. statement_ids, frame_ids: the :data:`MAX_EXAMPLES` strongest, those
    on populations, stemness and resistance first.
    """

    nct_id: str
    role: TrialRole
    name: str
    concept_id: str | None
    documents: int
    documents_together: int
    statements: int
    frames: int
    belief: float | None
    statement_ids: tuple[str, ...] = ()
    frame_ids: tuple[str, ...] = ()


class TrialLinker:
    """Links trials against one base; every statement and frame is looked at once."""

    def __init__(
        self,
        matcher: Matcher,
        families: Families,
        index: EvidenceIndex,
        statements: Iterable[StatementRow],
        frames: Iterable[FrameRow],
    ) -> None:
        self._matcher = matcher
        self._families = families
        self._index = index
        self._statements: dict[str, list[StatementRow]] = defaultdict(list)
        for statement in statements:
            for key in {statement.head_id, statement.tail_id}:
                self._statements[key].append(statement)
        self._frames: dict[str, list[FrameRow]] = defaultdict(list)
        for frame in frames:
            for slot in {frame.drug_id, frame.cancer_id}:
                if slot is not None:
                    self._frames[slot].append(frame)

    def links(self, trial: Trial) -> Iterator[TrialLink]:
        """The trial's drugs, its other treatments, its cancers, in the order of the table."""
        aliases = dict(trial.drug_aliases)
        named: list[tuple[TrialRole, Term]] = [
            *(("drug", Term(name, "Drug", aliases.get(name, ()))) for name in trial.drugs),
            *(("modality", Term(name, "Drug")) for name in trial.modalities),
            *(("cancer", Term(name, "Cancer")) for name in trial.cancers),
        ]
        found = [(role, term, self._matcher.resolve(term)) for role, term in named]
        for role, term, match in found:
            others = [m.keys for r, _, m in found if (r == "cancer") != (role == "cancer")]
            yield self._link(trial, role, term, match, frozenset().union(*others))

    def _link(self, trial: Trial, role: TrialRole, term: Term, match: Match, others: frozenset[str]) -> TrialLink:
        about = self._index.standing(self._index.documents(match.keys))
        together = about & self._index.standing(self._index.documents(others))
        statements = {s.statement_id: s for key in match.keys for s in self._statements.get(key, ())}.values()
        frames = {f.frame_id: f for key in match.keys for f in self._frames.get(key, ())}.values()
        acting = [s for s in statements if self._acts_against(s, match)] if role != "cancer" else []
        first = {s.statement_id for s in statements if self._on_topic(s)}
        ranked = sorted(statements, key=lambda s: (s.statement_id not in first, -s.belief, s.statement_id))
        strongest = sorted(frames, key=lambda f: (-f.belief, f.frame_id))
        named = self._matcher.link(term.name, term.type) or min(match.concept_ids, default=None)
        return TrialLink(
            nct_id=trial.nct_id,
            role=role,
            name=term.name,
            concept_id=named,
            documents=len(about),
            documents_together=len(together),
            statements=len(statements),
            frames=len(frames),
            belief=max((s.belief for s in acting), default=None),
            statement_ids=tuple(s.statement_id for s in ranked[:MAX_EXAMPLES]),
            frame_ids=tuple(f.frame_id for f in strongest[:MAX_EXAMPLES]),
        )

    def _on_topic(self, statement: StatementRow) -> bool:
        return self._families.outcome(statement.tail_id, statement.tail_type, statement.type) is not None

    def _acts_against(self, statement: StatementRow, match: Match) -> bool:
        lowers = statement.type in ("decreases", "sensitizes_to")
        return lowers and statement.head_id in match.keys and self._on_topic(statement)


def link_trials(
    trials: Sequence[Trial],
    matcher: Matcher,
    families: Families,
    index: EvidenceIndex,
    statements: Iterable[StatementRow],
    frames: Iterable[FrameRow],
) -> list[TrialLink]:
    """All links of all trials, in the order of the table."""
    linker = TrialLinker(matcher, families, index, statements, frames)
    return [link for trial in trials for link in linker.links(trial)]
