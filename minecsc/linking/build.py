"""Building the knowledge base: vocabularies in, one merged set of concepts and a look-up table out.

Deterministic: sources are read in a fixed order, every set is sorted before it is written.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import layout, lineage, mechanisms, ngrams, sources
from minecsc.linking.card import write_card
from minecsc.linking.compose import KINDS, modulator_id, pathway_core
from minecsc.linking.layout import CURATED, NAME, OFFICIAL, REVIEW, Concept
from minecsc.linking.lexicon import Entry, fold, table, tidy
from minecsc.linking.merge import GROUPS, Merger, is_descriptor
from minecsc.schema import ENTITY_TYPES, EntityType

DATA: Final = Path(__file__).resolve().parent / "data"
_KEPT_XREFS = (
    "hgnc:", "ncbigene:", "uniprot:", "mirbase:", "fplx:", "hgnc.genegroup:", "drugbank:", "CHEBI:", "mesh:", "broad:",
    "cas:", "unii:", "pubchem.compound:", "DOID:", "mondo:", "ncit:", "oncotree:", "CL:", "BTO:", "cellosaurus:",
    "depmap:", "GO:", "reactome:", "wikipathways:", "msigdb:",
)  # fmt: skip


def _curated_entries() -> Iterable[Entry]:
    for row in table(DATA / "concepts.tsv"):
        names = [(row["name"], CURATED), *((s, CURATED) for s in row["synonyms"].split("|") if s)]
        if row["type"] not in ENTITY_TYPES:
            raise KnowledgeBaseError(f"concepts.tsv: unknown type {row['type']!r} of {row['id']}")
        yield Entry(
            row["id"],
            row["type"],  # type: ignore[arg-type]
            names,
            [x for x in row["xrefs"].split("|") if x],
            [p for p in row["parents"].split("|") if p],
            mechanism_class=row["mechanism_class"] or None,
            strategy_class=row["strategy_class"] or None,
        )


def _apply_aliases(merger: Merger) -> dict[str, list[list[Any]]]:
    """Curated names: unconditional ones become surfaces, those with context words become sense rules."""
    rules: dict[str, list[list[Any]]] = defaultdict(list)
    unknown = []
    for row in table(DATA / "aliases.tsv"):
        target = merger.resolve(row["id"], GROUPS[row["type"]]) or merger.resolve(row["id"])
        if target is None:
            unknown.append(f"{row['surface']} ({row['id']})")
            continue
        for surface in row["surface"].split("|"):
            if row["context"]:
                rules[fold(surface)].append([row["type"], target, row["context"].split("|")])
            else:
                draft = merger.drafts[target]
                if row["type"] == draft.type:
                    draft.names[tidy(surface)] = CURATED
                else:
                    draft.other_types.setdefault((tidy(surface), row["type"]))  # type: ignore[arg-type]
    if unknown:
        raise KnowledgeBaseError(f"aliases.tsv: names of unknown concepts: {', '.join(unknown)}")
    return dict(rules)


def _apply_blocks(merger: Merger) -> None:
    for row in table(DATA / "blocked.tsv"):
        target = merger.resolve(row["id"])
        if target is None:
            raise KnowledgeBaseError(f"blocked.tsv: {row['surface']!r} points to unknown {row['id']}")
        key = fold(row["surface"])
        names = merger.drafts[target].names
        for name in [n for n in names if fold(n) == key]:
            del names[name]


def _apply_relations(merger: Merger, lexicons: Path) -> None:
    for child, parent in sources.famplex_relations(lexicons):
        child_id, parent_id = merger.resolve(child), merger.resolve(parent)
        if child_id and parent_id:
            merger.drafts[child_id].parents.setdefault(parent_id)
    symbols = {next(iter(d.names)): d.id for d in merger.drafts.values() if d.id.startswith("hgnc:") and d.names}
    classes: dict[str, str | None] = {}
    for drug, moas, targets in sources.mechanisms_of_action(lexicons):
        drug_id = merger.resolve(drug, "chemical")
        if drug_id is None:
            continue
        draft = merger.drafts[drug_id]
        draft.genes.update(dict.fromkeys(symbols[t] for t in targets if t in symbols))
        for moa in moas:
            if moa not in classes:
                classes[moa] = _drug_class(merger, moa)
            class_id = classes[moa]
            if class_id is not None and class_id != drug_id:
                draft.parents.setdefault(class_id)
            draft.strategy_class = draft.strategy_class or mechanisms.strategy_of_moa(moa)
        if moas and all(moa.endswith(("inhibitor", "antagonist", "blocker", "degrader")) for moa in moas):
            merger.blockers.add(drug_id)
    for row in table(DATA / "drugs.tsv"):
        found = [i for i in merger.by_preferred.get(("chemical", fold(row["drug"])), ()) if i.startswith("drugbank:")]
        blocked = row["targets"].split()
        if len(found) != 1 or any(t not in symbols for t in blocked):
            raise KnowledgeBaseError(f"drugs.tsv: unknown drug or target in {row}")
        draft = merger.drafts[found[0]]
        draft.genes.update(dict.fromkeys(symbols[t] for t in blocked))
        draft.strategy_class = row["strategy_class"] or draft.strategy_class


_ACTION: Final = re.compile(rf"^(?P<target>.+?)(?: pathway)? (?P<kind>{'|'.join(KINDS)})$")


def _drug_class(merger: Merger, moa: str) -> str | None:
    """The concept of a mechanism of action: one that has the name, or one composed of target and action."""
    found = {c for c in merger.by_name.get(("chemical", fold(moa)), ()) if not c.startswith(("drugbank:", "broad:"))}
    if len(found) == 1:
        return next(iter(found))
    action = _ACTION.match(moa)
    if found or action is None:
        return None
    target = action["target"]
    for name in (target, target.removesuffix(" receptor"), target.removesuffix(" tyrosine kinase")):
        key = ("gene", fold(name))
        genes = merger.by_preferred.get(key) or merger.by_name.get(key, set())
        if len(genes) == 1:
            gene = merger.drafts[next(iter(genes))]
            composed = modulator_id(Concept(gene.id, next(iter(gene.names)), "Gene"), action["kind"])
            merger.composed.add(composed)
            return composed
    return None


def _finish(merger: Merger) -> list[Concept]:
    out = []
    kept = {id_ for id_, draft in merger.drafts.items() if draft.names}
    for draft in merger.drafts.values():
        if draft.id not in kept:
            continue
        name, *rest = draft.names
        parents = {p for raw in draft.parents if (p := merger.resolve(raw)) in kept and p != draft.id}
        parents |= merger.composed & set(draft.parents)
        xrefs = {x for x in draft.xrefs if x.startswith(_KEPT_XREFS) and x not in merger.drafts}
        if not any(map(is_descriptor, xrefs)):
            xrefs.update(draft.headings)
        out.append(
            Concept(
                draft.id, name, draft.type, tuple(rest), tuple(sorted(xrefs)), tuple(sorted(parents)),
                draft.mechanism_class, draft.strategy_class, tuple(sorted(draft.genes)),
            )
        )  # fmt: skip
    out.sort(key=lambda c: c.concept_id)
    out = lineage.derive(out)
    out = mechanisms.assign(out, DATA / "mechanisms.tsv", merger.resolve)
    return mechanisms.strategies_by_target(out, merger.blockers)


def _keys(merger: Merger, concepts: list[Concept]) -> Iterable[tuple[str, int]]:
    for row, concept in enumerate(concepts):
        draft = merger.drafts[concept.concept_id]
        best: dict[tuple[str, bool], int] = {}
        for position, (name, tier) in enumerate(draft.names.items()):
            if tier == REVIEW:
                continue
            if position == 0 and tier != CURATED:
                tier = NAME
            _note(best, concept, name, tier)
        for name in draft.review:
            _note(best, concept, name, REVIEW)
        for (key, _), tier in best.items():
            yield key, layout.pack(row, concept.type, tier)
        for name, type_ in draft.other_types:
            for key in _name_keys(name, type_):
                yield key, layout.pack(row, type_, CURATED)


def _name_keys(name: str, type_: EntityType) -> list[str]:
    """Keys of a name; a pathway is also found by what it is about."""
    keys = [fold(name)]
    if type_ == "Pathway" and (core := pathway_core(name) or name):
        keys.append("~" + fold(core))
    return keys


def _note(best: dict[tuple[str, bool], int], concept: Concept, name: str, tier: int) -> None:
    review = tier == REVIEW
    for key in _name_keys(name, concept.type):
        grade = max(tier, OFFICIAL) if key.startswith("~") and tier == NAME else tier
        best[key, review] = min(grade, best.get((key, review), REVIEW))


def gather(lexicons: Path, left_out: Collection[str] = ()) -> Merger:
    """All entries of the curated concepts and the vocabularies, merged."""
    merger = Merger()
    for entry in _curated_entries():
        if "minecsc_tables" in left_out:
            entry.names = entry.names[:1]
        merger.add(entry, "minecsc_tables")
    for name, read in sources.SOURCES:
        if name not in left_out:
            for entry in read(lexicons):
                merger.add(entry, name)
    return merger


def build(lexicons: Path, out: Path, *, exclude: Iterable[str] = ()) -> dict[str, Any]:
    """Build the knowledge base into ``out`` and return its meta table.

    lexicons: folder of ``<name>.tsv.gz`` files; exclude: source names to leave out (``minecsc_seed`` gives the
    variant for testing on the seed review's entities, ``minecsc_tables`` leaves out our own curated names).
    Raises KnowledgeBaseError where a lexicon is missing or a curated table points to an unknown concept.
    """
    left_out = set(exclude)
    unknown = left_out - {name for name, _ in sources.SOURCES} - {"minecsc_tables"}
    if unknown:
        raise KnowledgeBaseError(f"no such source: {', '.join(sorted(unknown))}")
    merger = gather(lexicons, left_out)
    rules: dict[str, Any] = {"senses": {}}
    if "minecsc_tables" not in left_out:
        rules["senses"] = _apply_aliases(merger)
    _apply_blocks(merger)
    _apply_relations(merger, lexicons)
    concepts = _finish(merger)
    meta = {
        "left_out": sorted(left_out),
        "sources": {name: dict(counts) for name, counts in merger.counts.items()},
        "types": dict(Counter(c.type for c in concepts)),
        "mechanism_classes": dict(sorted(Counter(c.mechanism_class for c in concepts if c.mechanism_class).items())),
    }
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as beside:
        fresh = Path(beside)
        layout.write(fresh, concepts, _keys(merger, concepts), rules, meta)
        meta = ngrams.write(fresh, concepts)
        write_card(fresh / "README.md", meta, DATA / "sources.tsv")
        # renamed, not overwritten: a process that has the old files mapped keeps them; last the one that names them
        for file in sorted(fresh.iterdir(), key=lambda f: f.name == "meta.json"):
            file.replace(out / file.name)
    return meta
