"""README of a built knowledge base: what is inside, under which terms, what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minecsc.linking.lexicon import table

_INTRO = """# Knowledge base

Concepts for linking mentions in CSC abstracts: identifiers, names, synonyms, cross-references, parents, mechanism and
strategy classes. No definitions, no text of others. Built by `scripts/build_kb.py`; the same vocabularies give the
same digest on every machine.

- digest `{digest}`, {concepts:,} concepts, {keys:,} names
- files: `concepts.bin` (concepts in zlib blocks), `index.npz`, `keys.npy` and `postings.npy` (mapped look-up table),
  `ngram_*` (names by spelling, for candidates that differ in a few letters), `rules.json` (names read by context),
  `meta.json` (counts and SHA-256 of each file, checked on loading)

## Sources and licences

| source | version | licence | rows read | new concepts | use |
| --- | --- | --- | --- | --- | --- |
"""

_MERGING = """
## How entries become concepts

An entry joins an earlier concept of its kind when one of its identifiers or cross-references names exactly one, or,
for some vocabularies, when its preferred name is a name of exactly one. Priority, which decides the identifier:

- Gene: HGNC, FamPlex, HGNC gene group, miRBase, MeSH
- Drug and Chemical: DrugBank, ChEBI, MeSH, Drug Repurposing Hub
- Cancer: DOID, Mondo, NCIT, OncoTree, MeSH
- Cell: CL, Cellosaurus (for lines), BTO, NCIT, MeSH; CSC: MeSH, BTO, `minecsc:`
- Process and Pathway: GO, MeSH, Reactome, WikiPathways, MSigDB hallmark

`minecsc:` identifiers are ours. Those that spell their parts (`minecsc:cd44-pos-cd24-neg`,
`minecsc:lung-cancer-stem-cell`, `minecsc:foxm1-pdgfa-stat3-axis`) are composed at run time and are not stored.

A MeSH heading of neoplasms joins the cancer it is used for (Breast Neoplasms, entry term Breast Cancer, is breast
cancer), one of a salt the drug (Imatinib Mesylate is imatinib); benign neoplasms take no heading. A heading that a
vocabulary lists as a synonym of one member of the class (Receptors, Cell Surface; CD177) stays apart unless a second
name agrees.

Diseases other than neoplasms are left out: no entity type of ours covers them, so nothing could be linked to them, and
their names would only compete with those of processes. Corpora that annotate them (BC5CDR, NCBI-disease, BioRED) are
linked over the identifiers that stand here, and the coverage is reported apart. Genes are human, with their NCBI Gene
identifier as a cross-reference; the one mouse gene is Ly6a (Sca-1), which has no human counterpart.

## Hierarchy

Parents come from FamPlex, HGNC gene groups, MeSH tree numbers and pharmacological actions, Reactome, OncoTree (cell
lines: the cancer they come from) and the Drug Repurposing Hub (drugs: the class of their action, composed of target
and action where no vocabulary has it). DOID, Mondo, NCIT, CL, BTO and GO reach us without their is-a links. Theirs are
read from names by the rules in `minecsc/linking/lineage.py` (metastatic breast carcinoma, breast carcinoma, breast
cancer): only where exactly one concept bears the wider name, and never closing a circle. They are not complete: a
cancer whose name does not contain the wider one has none unless MeSH files it.

## Classes

Mechanism classes follow `minecsc/linking/data/mechanisms.tsv`: the concept itself, else the nearest group above it,
else its name. Strategy classes of drugs follow the action in words (`strategies.tsv`), else the mechanism class of the
targets where all known actions inhibit and all classed targets agree; `drugs.tsv` adds what the Hub of March 2020
lacks. Both kinds of class are concepts themselves (`minecsc:mechanism-wnt`, `minecsc:strategy-immunotherapy`).
"""


def write_card(path: Path, meta: Mapping[str, Any], sources: Path) -> None:
    """Write the README of a knowledge base from its meta table and the table of sources."""
    used, left_out, credits = [], [], []
    for row in table(sources):
        counts = meta["sources"].get(row["source"])
        if row["used"] == "yes" and counts is not None:
            used.append(
                f"| {row['title']} (`{row['source']}`) | {row['version']} | {row['licence']} "
                f"| {counts.get('rows', 0):,} | {counts.get('concepts', 0):,} | {row['decision']} |"
            )
            credits.append(f"- {row['title']}: {row['credit']} ({row['licence']})")
        else:
            reason = row["decision"] if row["used"] == "no" else "left out of this build"
            left_out.append(f"| {row['title']} | {row['licence']} | {reason} |")
    types = "\n".join(f"| {name} | {count:,} |" for name, count in sorted(meta["types"].items()))
    classes = ", ".join(f"{name} {count}" for name, count in meta["mechanism_classes"].items())
    parts = [
        _INTRO.format(**meta) + "\n".join(used),
        "\n\n## Left out\n\n| source | licence | reason |\n| --- | --- | --- |\n" + "\n".join(left_out),
        "\n" + _MERGING,
        f"\n## Counts\n\n| type | concepts |\n| --- | --- |\n{types}\n\nConcepts by mechanism class: {classes}.\n",
        "\n## Credits\n\n" + "\n".join(credits) + "\n",
    ]
    path.write_text("".join(parts), encoding="utf-8")
