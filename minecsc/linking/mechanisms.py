"""Which mechanism class a concept belongs to, and which strategy class a drug: curated rules, no guessing.

Rules stand in ``data/mechanisms.tsv`` and ``data/strategies.tsv``. For a concept the most specific kind of rule
wins: its own id or symbol, then the nearest group it descends from, then a pattern on its preferred name; among
rules of one kind the first in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from minecsc.errors import KnowledgeBaseError
from minecsc.linking.compose import strategy_for
from minecsc.linking.layout import Concept
from minecsc.linking.lexicon import table
from minecsc.schema import MECHANISM_CLASSES, STRATEGY_CLASSES

_KINDS = ("id", "symbol", "group", "name")
_STRATEGIES = Path(__file__).resolve().parent / "data" / "strategies.tsv"
_MAX_DEPTH = 8
_DRUG_CLASS = re.compile(r"(inhibitor|antagonist|blocker|agonist|therapy)s?$|^immunotherapy", re.IGNORECASE)


def assign(concepts: Sequence[Concept], rules: Path, resolve: Callable[[str], str | None]) -> list[Concept]:
    """The concepts with ``mechanism_class`` filled in where a rule reaches them; Cancer and Drug never get one.

    resolve: known identifier → concept id.
    Raises KnowledgeBaseError for a rule with an unknown class or kind, or an id or symbol that does not exist.
    """
    by_id: dict[str, str] = {}
    by_symbol: dict[str, str] = {}
    by_group: dict[str, str] = {}
    patterns: list[tuple[str, re.Pattern[str], frozenset[str]]] = []
    for row in table(rules):
        if row["class"] not in MECHANISM_CLASSES or row["kind"] not in _KINDS:
            raise KnowledgeBaseError(f"{rules.name}: unknown class or kind in {row}")
        if row["kind"] == "name":
            types = frozenset(row["types"].split("|")) if row["types"] else frozenset()
            patterns.append((row["class"], re.compile(row["value"], re.IGNORECASE), types))
            continue
        target = {"id": by_id, "symbol": by_symbol, "group": by_group}[row["kind"]]
        for value in row["value"].split():
            known = value if row["kind"] == "symbol" else resolve(value) or value
            target.setdefault(known, row["class"])
    _check_known(concepts, by_id, by_symbol, by_group, rules.name)
    table_ = {c.concept_id: c for c in concepts}
    out = []
    for concept in concepts:
        if concept.mechanism_class is None and concept.type not in ("Cancer", "Drug"):
            symbol = by_symbol.get(concept.name) if concept.concept_id.startswith("hgnc:") else None
            found = by_id.get(concept.concept_id) or symbol or _by_ancestor(concept, table_, by_group)
            found = found or _by_name(concept, patterns)
            concept = replace(concept, mechanism_class=found) if found else concept
        out.append(concept)
    return out


def _check_known(
    concepts: Sequence[Concept], ids: dict[str, str], symbols: dict[str, str], groups: dict[str, str], name: str
) -> None:
    known = {c.concept_id for c in concepts}
    genes = {c.name for c in concepts if c.concept_id.startswith("hgnc:")}
    missing = sorted((set(ids) | set(groups)) - known) + sorted(set(symbols) - genes)
    if missing:
        raise KnowledgeBaseError(f"{name}: unknown ids or symbols: {', '.join(missing)}")


def _by_ancestor(concept: Concept, concepts: dict[str, Concept], groups: dict[str, str]) -> str | None:
    if concept.concept_id in groups:
        return groups[concept.concept_id]
    level, seen = list(concept.parents), set(concept.parents)
    for _ in range(_MAX_DEPTH):
        found = next((class_ for group, class_ in groups.items() if group in level), None)
        if found:
            return found
        level = [up for p in level if p in concepts for up in concepts[p].parents if up not in seen]
        seen.update(level)
        if not level:
            break
    return None


def _by_name(concept: Concept, patterns: list[tuple[str, re.Pattern[str], frozenset[str]]]) -> str | None:
    for class_, pattern, types in patterns:
        if (not types or concept.type in types) and pattern.search(concept.name):
            return class_
    return None


@lru_cache(maxsize=1)
def _strategy_rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    out = []
    for row in table(_STRATEGIES):
        if row["class"] not in STRATEGY_CLASSES:
            raise KnowledgeBaseError(f"strategies.tsv: unknown class {row['class']!r}")
        out.append((row["class"], re.compile(row["moa"], re.IGNORECASE)))
    return tuple(out)


def strategy_of_moa(moa: str) -> str | None:
    """Strategy class of a mechanism of action in words (``HDAC inhibitor`` → epigenetic_modification), or None."""
    for class_, pattern in _strategy_rules():
        if pattern.search(moa):
            return class_
    return None


def strategies_by_target(concepts: Sequence[Concept], blockers: Collection[str]) -> list[Concept]:
    """The concepts with ``strategy_class`` filled in for drugs that block targets of one mechanism class.

    blockers: ids of drugs whose every known action is to inhibit. Drugs whose targets belong to several classes, or
    to none, stay without. A class of drugs has the strategy that its name tells.
    """
    genes = {c.concept_id: c for c in concepts if c.type == "Gene"}
    out = []
    for concept in concepts:
        if concept.strategy_class is None and concept.concept_id in blockers:
            found = {strategy_for(genes[g]) for g in concept.genes if g in genes and genes[g].mechanism_class}
            if len(found) == 1 and (strategy := found.pop()) is not None:
                concept = replace(concept, strategy_class=strategy)
        elif concept.strategy_class is None and concept.type == "Drug" and _DRUG_CLASS.search(concept.name):
            concept = replace(concept, strategy_class=strategy_of_moa(concept.name))
        out.append(concept)
    return out
