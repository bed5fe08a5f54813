"""Readers of the BioNLP event corpora: regulation events as signed pairs, with negation and speculation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minecsc.training.corpora.records import CorpusSpec, Record, text_id
from minecsc.training.examples import AnnotatedText, type_index

EVENT_RELATIONS = ("increases", "decreases", "associated_with")
PROCESS = "Process"
"""Type of the mentions that triggers of processes make."""

_SIGNS = {
    "Positive_regulation": 1,
    "Activation": 1,
    "Catalysis": 1,
    "Negative_regulation": -1,
    "Inactivation": -1,
    "Regulation": 0,
}
_LOSSES = frozenset(("Protein_catabolism", "Degradation", "Catabolism"))  # to further them is to take the theme away
_PROCESSES = frozenset(
    (
        "Metastasis Cell_proliferation Cell_death Death Growth Carcinogenesis Cell_transformation "
        "Development Blood_vessel_development Cell_differentiation Cell_division Glycolysis Breakdown "
        "Pathway DNA_methylation Cell_adhesion Cell_communication Cellular_physiological_process"
    ).split()
)
_NAMES = {1: "increases", -1: "decreases", 0: "associated_with"}
_DEEPEST = 4


class _Events:
    """Events of one record, resolved to the mentions they stand for."""

    def __init__(self, record: Record, spec: CorpusSpec) -> None:
        self.events: dict[str, dict[str, Any]] = {e["id"]: e for e in record["events"]}
        triggers = {t["id"]: t for t in record["triggers"]}
        self.processes = {
            e["trigger"] for e in self.events.values() if e["type"] in _PROCESSES and e["trigger"] in triggers
        }
        self.rows: list[tuple[str, int, int, str]] = [
            (e["id"], e["start"], e["end"], e["type"])
            for e in record["entities"]
            if not e.get("fragments") and (e["type"] in spec.entity_types or e["type"] in spec.pair_types)
        ]
        self.rows += [(t, triggers[t]["start"], triggers[t]["end"], PROCESS) for t in sorted(self.processes)]
        self.index = {row[0]: i for i, row in enumerate(self.rows)}

    def resolve(self, node: str, depth: int = 0) -> list[tuple[int, int]]:
        """(row, sign) of the mentions that an argument stands for."""
        if node in self.index:
            return [(self.index[node], 1)]
        event = self.events.get(node)
        if event is None or depth > _DEEPEST:
            return []
        if event["trigger"] in self.processes:
            return [(self.index[event["trigger"]], 1)]
        sign = -1 if event["type"] in _LOSSES else _SIGNS.get(event["type"], 1)
        return [(row, sign * s) for theme in arguments(event, "Theme") for row, s in self.resolve(theme, depth + 1)]

    def pairs(self, marks: dict[str, set[str]]) -> Iterator[tuple[str, int, int, bool, bool]]:
        """(label, cause, theme, negated, speculative) of every regulation event with both."""
        for event in self.events.values():
            if event["type"] not in _SIGNS:
                continue
            said = marks.get(event["id"], set())
            for cause in arguments(event, "Cause"):
                for head, head_sign in self.resolve(cause):
                    for theme in arguments(event, "Theme"):
                        for tail, tail_sign in self.resolve(theme):
                            if head != tail:
                                sign = _SIGNS[event["type"]] * head_sign * tail_sign
                                yield _NAMES[sign], head, tail, "Negation" in said, "Speculation" in said


def arguments(event: dict[str, Any], role: str) -> list[str]:
    """What fills a role; numbered roles (Theme2) count as the role."""
    return [a[1] for a in event["args"] if a[0].rstrip("0123456789") == role]


def events(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """Regulation events as signed pairs (cause, theme); triggers of processes count as mentions.

    Test splits without public events have entities alone.
    """
    found = _Events(record, spec)
    marks: dict[str, set[str]] = {}
    for modifier in record.get("modifiers", ()):
        marks.setdefault(modifier["target"], set()).add(modifier["type"])
    known = record.get("gold_events", True)
    yield AnnotatedText(
        text_id=text_id(record, spec),
        text=record["text"],
        entities=[(start, end, spec.entity_types.get(kind, kind)) for _, start, end, kind in found.rows],
        pair_types=[type_index(spec.pair_types[r[3]]) if r[3] in spec.pair_types else None for r in found.rows],
        relations=list(found.pairs(marks)) if known else [],
        entity_head=spec.name,
        relation_head=spec.name if known else None,
    )


def genia(record: Record, spec: CorpusSpec) -> Iterator[AnnotatedText]:
    """GENIA events, whose triggers are cue words and whose negation and doubt are attributes of the event."""
    triggers, modifiers, made = [], [], []
    for event in record["events"]:
        cue = next((c for c in event["cues"] if c["role"] == "clueType"), None)
        trigger = f"trigger-{event['id']}" if cue else None
        if cue:
            triggers.append({"id": trigger, "start": cue["start"], "end": cue["end"]})
        if event["assertion"] == "non-exist":
            modifiers.append({"target": event["id"], "type": "Negation"})
        if event["uncertainty"] in ("probable", "doubtful"):
            modifiers.append({"target": event["id"], "type": "Speculation"})
        made.append({**event, "trigger": trigger})
    yield from events({**record, "events": made, "triggers": triggers, "modifiers": modifiers}, spec)
