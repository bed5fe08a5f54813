"""Local concepts that are made of known ones: populations, axes, drug classes, resistance.

No vocabulary lists ``lung cancer stem cell`` or ``PI3K/AKT/SOX2 axis``. Such a name gets an identifier that spells
its parts (``minecsc:lung-cancer-stem-cell``), so that any process can rebuild the concept from the identifier alone:
:func:`describe` is the inverse of the constructors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final

from minecsc.linking import phenotype
from minecsc.linking.layout import Concept
from minecsc.linking.normalize import fold, slug
from minecsc.schema import EntityType

Resolve = Callable[[str, EntityType], Concept | None]
"""(name or slug, type) → the concept of that type whose name it is, or None."""

PREFIX: Final = phenotype.PREFIX
CSC: Final = "mesh:D014411"
RESISTANCE: Final = "mesh:D019008"
MALIGNANT_CELL: Final = "CL:0001064"
KINDS: Final = ("inhibitor", "antagonist", "agonist", "activator", "degrader", "blocker", "modulator")

_SLUGS = MappingProxyType({"fplx:NFkappaB": "nfkb", "fplx:IKK_complex": "ikk", "fplx:mTORC1": "mtorc1"})
_STRATEGY = MappingProxyType(
    {
        **dict.fromkeys(
            ("wnt", "notch", "hedgehog", "pi3k_akt", "jak_stat", "nfkb", "hippo_yap", "tgf_beta", "egfr"),
            "pathway_blockade",
        ),
        **dict.fromkeys(("caf", "ecm", "endothelial_hypoxia", "inflammatory_cytokine", "exosome"), "microenvironment"),
        "abc_transporter": "abc_transporter_inhibition",
        "dormancy": "dormancy_targeting",
        "ferroptosis_iron": "ferroptosis_induction",
        "ros_antioxidant": "antioxidant_iron_metabolism",
        "surface_marker": "surface_marker_targeting",
        "aldh": "aldh_inhibition",
        "immune_cells": "immunotherapy",
        "epigenetic": "epigenetic_modification",
        "mirna": "mirna_targeting",
        "mitochondria": "mitochondria_targeting",
        "emt": "emt_targeting",
    }
)

_HEAD = re.compile(
    r"[\s-]*\b(?:signall?ing|signal|signals|transduction|pathways?|axis|axes|cascades?|network|circuit|machinery|module)"
    r"(?:\s+\(?[A-Z]{2,6}\)?)?$",
    re.IGNORECASE,
)
_BY = re.compile(r"^(?:signall?ing|signal transduction)\s+(?:by|via|through)\s+", re.IGNORECASE)


def pathway_core(name: str) -> str:
    """What a pathway name is about: ``Wnt signalling pathway`` → Wnt; empty where it has no head noun."""
    core = _BY.sub("", name)
    had_head = core != name
    while (shorter := _HEAD.sub("", core).strip(" -–")) != core:
        core, had_head = shorter, True
    return core if had_head else ""


def gene_slug(concept: Concept) -> str:
    """Part of an identifier that stands for a gene or family: without separators, so that parts can be told apart."""
    return _SLUGS.get(concept.concept_id) or fold(concept.name).replace(".", "")


def stem_cell_id(cancer: Concept) -> str:
    return f"{PREFIX}{slug(cancer.name)}-stem-cell"


def tumor_cell_id(cancer: Concept) -> str:
    return f"{PREFIX}{slug(cancer.name)}-cell"


def resistant_cell_id(drug: Concept, base: Concept | None = None) -> str:
    """Cells resistant to a drug; base: the cancer or cell line they come from."""
    middle = f"-{slug(base.name)}" if base else ""
    return f"{PREFIX}{slug(drug.name)}-resistant{middle}-cell"


def resistance_id(drug: Concept) -> str:
    return f"{PREFIX}{slug(drug.name)}-resistance"


def axis_id(parts: Sequence[Concept]) -> str:
    return f"{PREFIX}{'-'.join(map(gene_slug, parts))}-axis"


def signaling_id(gene: Concept) -> str:
    return f"{PREFIX}{gene_slug(gene)}-signaling"


def modulator_id(target: Concept, kind: str) -> str:
    """Drug class by target; kind: one of :data:`KINDS`."""
    return f"{PREFIX}{gene_slug(target)}-{kind}"


def antibody_id(target: Concept) -> str:
    return f"{PREFIX}anti-{gene_slug(target)}"


def describe(concept_id: str, resolve: Resolve) -> Concept | None:
    """The concept behind a composed identifier, or None where it names nothing known."""
    found = phenotype.from_id(concept_id)
    if found is not None:
        return _population(found, resolve)
    if not concept_id.startswith(PREFIX):
        return None
    body = concept_id.removeprefix(PREFIX)
    for suffix, build in _BUILDERS:
        if body.endswith(suffix) and len(body) > len(suffix):
            concept = build(concept_id, body.removesuffix(suffix), resolve)
            if concept is not None:
                return concept
    if body.startswith("anti-"):
        return _antibody(concept_id, body.removeprefix("anti-"), resolve)
    return None


def _population(found: phenotype.Phenotype, resolve: Resolve) -> Concept:
    genes, classes = [], []
    for marker, _ in found.markers:
        gene = resolve(marker, "Gene")
        if gene is not None:
            genes.append(gene.concept_id)
            classes.append(gene.mechanism_class)
    parents = []
    if len(found.markers) > 1:
        parents = [phenotype.Phenotype(((m, v),)).concept_id for m, v in found.markers if v in ("pos", "high")]
    elif found.markers[0][1] == "high" and found.markers[0][0] != "aldh":
        parents = [phenotype.Phenotype(((found.markers[0][0], "pos"),)).concept_id]
    special = {"aldh", "abc_transporter"} & {c for c in classes if c}
    mechanism = sorted(special)[0] if special else "surface_marker"
    return Concept(
        found.concept_id, found.name, "CSC", parents=tuple(parents), mechanism_class=mechanism, genes=tuple(genes)
    )


def _stem_cell(id_: str, body: str, resolve: Resolve) -> Concept | None:
    cancer = resolve(body, "Cancer")
    return cancer and Concept(id_, f"{cancer.name} stem cell", "CSC", parents=(CSC, cancer.concept_id))


def _resistant_cell(id_: str, body: str, resolve: Resolve) -> Concept | None:
    drug_slug, mark, base_slug = body.partition("-resistant")
    drug = resolve(drug_slug, "Drug") if mark else None
    if drug is None:
        return None
    base_slug = base_slug.lstrip("-")
    base = (resolve(base_slug, "Cancer") or resolve(base_slug, "Cell")) if base_slug else None
    if base_slug and base is None:
        return None
    what = f"{base.name} cell" if base else "cell"
    parents = (base.concept_id,) if base else (MALIGNANT_CELL,)
    return Concept(id_, f"{drug.name}-resistant {what}", "Cell", parents=parents)


def _cell(id_: str, body: str, resolve: Resolve) -> Concept | None:
    if "-resistant" in body:
        return _resistant_cell(id_, body, resolve)
    cancer = resolve(body, "Cancer")
    return cancer and Concept(id_, f"{cancer.name} cell", "Cell", parents=(MALIGNANT_CELL, cancer.concept_id))


def _resistance(id_: str, body: str, resolve: Resolve) -> Concept | None:
    drug = resolve(body, "Drug")
    return drug and Concept(id_, f"{drug.name} resistance", "Process", parents=(RESISTANCE,))


def _axis(id_: str, body: str, resolve: Resolve) -> Concept | None:
    parts = [resolve(part, "Gene") for part in body.split("-")]
    known = [p for p in parts if p is not None]
    if len(known) < 2 or len(known) != len(parts):
        return None
    genes = tuple(p.concept_id for p in known)
    mechanism = next((p.mechanism_class for p in known if p.mechanism_class), None)
    return Concept(id_, "/".join(p.name for p in known) + " axis", "Pathway", mechanism_class=mechanism, genes=genes)


def _signaling(id_: str, body: str, resolve: Resolve) -> Concept | None:
    gene = resolve(body, "Gene")
    return gene and Concept(
        id_, f"{gene.name} signaling", "Pathway", mechanism_class=gene.mechanism_class, genes=(gene.concept_id,)
    )


def _modulator(kind: str) -> Callable[[str, str, Resolve], Concept | None]:
    def build(id_: str, body: str, resolve: Resolve) -> Concept | None:
        target = resolve(body, "Gene")
        return target and Concept(
            id_,
            f"{target.name} {kind}",
            "Drug",
            strategy_class=strategy_for(target),
            genes=(target.concept_id,),
        )

    return build


def _antibody(id_: str, body: str, resolve: Resolve) -> Concept | None:
    target = resolve(body, "Gene")
    return target and Concept(
        id_, f"anti-{target.name} agent", "Drug", strategy_class=strategy_for(target), genes=(target.concept_id,)
    )


def strategy_for(target: Concept) -> str | None:
    """Strategy class of acting on a target, from the target's mechanism class."""
    return _STRATEGY.get(target.mechanism_class or "")


_BUILDERS: Final[tuple[tuple[str, Callable[[str, str, Resolve], Concept | None]], ...]] = (
    ("-stem-cell", _stem_cell),
    ("-cell", _cell),
    ("-resistance", _resistance),
    ("-axis", _axis),
    ("-signaling", _signaling),
    *((f"-{kind}", _modulator(kind)) for kind in KINDS),
)
