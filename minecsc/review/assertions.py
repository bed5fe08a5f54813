"""The seed review as data: its assertions, its table of trials, its chapters. Read from ``corpus/review``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minecsc.errors import SchemaError
from minecsc.resources import resource
from minecsc.schema import (
    ENTITY_TYPES,
    MECHANISM_CLASSES,
    RELATION_TYPES,
    STRATEGY_CLASSES,
    EntityType,
    RelationType,
    signature_allows,
)


@dataclass(frozen=True, slots=True)
class Term:
    """Head or tail of an assertion.

    aliases: other names of the same. mention: how the review's sentence happens to put it.
    """

    name: str
    type: EntityType
    aliases: tuple[str, ...] = ()
    mention: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assertion:
    """One triple of the review, curated in our own words.

    cancer, population: context the review gives, several parted by ``;``. group: ties the links of one
    n-ary statement together, ``statement`` the triples of one sentence. validatable: specific enough to be
    held against single papers; core: a specific drug, gene or pathway against a CSC population or resistance.
    """

    assertion_id: str
    section: str
    kind: str
    head: Term
    relation: RelationType
    tail: Term
    cancer: str | None = None
    population: str | None = None
    model: str | None = None
    speculative: bool = False
    citations: tuple[int, ...] = ()
    context_citations: tuple[int, ...] = ()
    mechanism_class: str | None = None
    strategy_class: str | None = None
    paraphrase: str = ""
    note: str | None = None
    statement: str | None = None
    group: str | None = None
    validatable: bool = False
    core: bool = False

    def __post_init__(self) -> None:
        if self.relation not in RELATION_TYPES:
            raise SchemaError(f"{self.assertion_id}: unknown relation {self.relation!r}")
        for term in (self.head, self.tail):
            if term.type not in ENTITY_TYPES:
                raise SchemaError(f"{self.assertion_id}: unknown entity type {term.type!r}")
        if not signature_allows(self.relation, self.head.type, self.tail.type):
            raise SchemaError(
                f"{self.assertion_id}: {self.relation}({self.head.type}, {self.tail.type}) "
                "is not in the signature table"
            )
        if self.mechanism_class is not None and self.mechanism_class not in MECHANISM_CLASSES:
            raise SchemaError(f"{self.assertion_id}: unknown mechanism class {self.mechanism_class!r}")
        if self.strategy_class is not None and self.strategy_class not in STRATEGY_CLASSES:
            raise SchemaError(f"{self.assertion_id}: unknown strategy class {self.strategy_class!r}")

    def row(self) -> dict[str, Any]:
        """The assertion flat, by the columns of the store's ``review_assertion``."""
        return {
            "assertion_id": self.assertion_id,
            "section": self.section,
            "kind": self.kind,
            "head_name": self.head.name,
            "head_type": self.head.type,
            "head_aliases": self.head.aliases,
            "relation": self.relation,
            "tail_name": self.tail.name,
            "tail_type": self.tail.type,
            "tail_aliases": self.tail.aliases,
            "cancer": self.cancer,
            "population": self.population,
            "model": self.model,
            "speculative": self.speculative,
            "citations": self.citations,
            "mechanism_class": self.mechanism_class,
            "strategy_class": self.strategy_class,
            "paraphrase": self.paraphrase,
            "statement_group": self.statement,
            "link_group": self.group,
            "validatable": self.validatable,
            "core": self.core,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """A row of the review's table of interventional trials; ``drug_aliases`` are (drug, names) pairs."""

    nct_id: str
    condition: str
    intervention: str
    participants: int | None
    drugs: tuple[str, ...]
    intervention_type: str | None
    cancers: tuple[str, ...]
    strategy_class: str | None
    mechanism_class: str | None
    modalities: tuple[str, ...] = ()
    drug_aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A topic of the review: ``slug`` is a mechanism or strategy class or names a group of them.

    section: its heading in the review, None where it has none of its own.
    """

    slug: str
    label: str
    section: str | None = None
    children: tuple[Chapter, ...] = ()

    def walk(self) -> Iterator[Chapter]:
        """The chapter and everything under it, in reading order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The chapters of the review: mechanisms and strategies as trees, topics without a section, the rest."""

    mechanisms: Chapter
    strategies: Chapter
    mechanism_topics: tuple[Chapter, ...]
    other_sections: tuple[Chapter, ...]

    def sections(self) -> list[str]:
        """All section headings, in the order of the review."""
        front, back = self.other_sections[:-1], self.other_sections[-1:]
        chapters = [*front, *self.mechanisms.walk(), *self.strategies.walk(), *back]
        return [chapter.section for chapter in chapters if chapter.section is not None]


def load_assertions(path: Path | None = None) -> list[Assertion]:
    """The curated assertions, in the order of the review.

    path: another file of the same form. Raises SchemaError, naming the line, for a broken or repeated one.
    """
    source = path or resource("corpus", "review", "assertions.jsonl")
    found: dict[str, Assertion] = {}
    for where, row in _json_lines(source):
        assertion = _build(where, _assertion, row)
        if assertion.assertion_id in found:
            raise SchemaError(f"{where}: {assertion.assertion_id} is there twice")
        found[assertion.assertion_id] = assertion
    return list(found.values())


def load_trials(path: Path | None = None) -> list[Trial]:
    """The trials of the review's table, in its order; errors as for :func:`load_assertions`."""
    source = path or resource("corpus", "review", "trials.jsonl")
    return [_build(where, _trial, row) for where, row in _json_lines(source)]


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """The chapters of the review with the class each stands for; errors as for :func:`load_assertions`."""
    source = path or resource("corpus", "review", "taxonomy.json")
    try:
        tree = json.loads(source.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SchemaError(f"{source.name}: not JSON: {error}") from error
    return _build(source.name, _taxonomy, tree)


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                where = f"{path.name}:{number}"
                try:
                    yield where, json.loads(line)
                except ValueError as error:
                    raise SchemaError(f"{where}: not JSON: {error}") from error


def _build(where: str, make: Any, row: Mapping[str, Any]) -> Any:
    try:
        return make(row)
    except SchemaError as error:
        raise SchemaError(f"{where}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SchemaError(f"{where}: field missing or of the wrong kind: {error!r}") from error


def _term(row: Mapping[str, Any]) -> Term:
    return Term(row["name"], row["type"], tuple(row.get("aliases") or ()), tuple(row.get("mention") or ()))


def _assertion(row: Mapping[str, Any]) -> Assertion:
    return Assertion(
        assertion_id=row["id"],
        section=row["section"],
        kind=row["kind"],
        head=_term(row["head"]),
        relation=row["relation"],
        tail=_term(row["tail"]),
        cancer=row.get("cancer"),
        population=row.get("population"),
        model=row.get("model"),
        speculative=bool(row.get("speculative")),
        citations=tuple(row.get("citations") or ()),
        context_citations=tuple(row.get("context_citations") or ()),
        mechanism_class=row.get("mechanism_class"),
        strategy_class=row.get("strategy_class"),
        paraphrase=row["paraphrase"],
        note=row.get("note"),
        statement=row.get("statement"),
        group=row.get("group"),
        validatable=row["validatable"],
        core=row["core"],
    )


def _trial(row: Mapping[str, Any]) -> Trial:
    return Trial(
        nct_id=row["nct_id"],
        condition=row["condition"],
        intervention=row["intervention"],
        participants=row.get("participants"),
        drugs=tuple(row["drugs"]),
        intervention_type=row.get("intervention_type"),
        cancers=tuple(row["cancers"]),
        strategy_class=row.get("strategy_class"),
        mechanism_class=row.get("mechanism_class"),
        modalities=tuple(row.get("modalities") or ()),
        drug_aliases=tuple((drug, tuple(names)) for drug, names in sorted((row.get("drug_aliases") or {}).items())),
        note=row.get("note"),
    )


def _chapter(row: Mapping[str, Any]) -> Chapter:
    children = tuple(_chapter(child) for child in row.get("children") or ())
    return Chapter(row["slug"], row["label"], row.get("section"), children)


def _taxonomy(row: Mapping[str, Any]) -> Taxonomy:
    return Taxonomy(
        mechanisms=_chapter(row["mechanisms"]),
        strategies=_chapter(row["strategies"]),
        mechanism_topics=tuple(_chapter(topic) for topic in row["mechanism_topics_without_section"]),
        other_sections=tuple(_chapter(section) for section in row["other_sections"]),
    )
