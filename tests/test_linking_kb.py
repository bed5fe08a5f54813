"""The knowledge base: loading, damage, hierarchy, mechanism classes, composed concepts."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import KnowledgeBase
from minecsc.linking.compose import pathway_core, resistant_cell_id, stem_cell_id
from minecsc.resources import resource
from minecsc.schema import ENTITY_TYPES, MECHANISM_CLASSES, STRATEGY_CLASSES


@pytest.fixture(scope="module")
def kb() -> KnowledgeBase:
    return KnowledgeBase.load()


def test_the_shipped_base_is_small_and_whole(kb: KnowledgeBase) -> None:
    folder = resource("models", "kb")
    assert sum(f.stat().st_size for f in folder.iterdir()) < 40e6
    assert len(kb) > 150_000
    assert len(kb.digest) == 32
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert kb.digest in card
    for left_out in ("KEGG", "ChEMBL", "WHO ATC", "DrugCentral", "PharmGKB"):
        assert left_out in card
    assert set(kb.meta["types"]) <= set(ENTITY_TYPES)


def test_no_identifier_of_a_vocabulary_that_may_not_be_shipped(kb: KnowledgeBase) -> None:
    forbidden = ("atc:", "chembl", "kegg", "pid.pathway:", "drugcentral:", "pharmgkb", "HP:")
    for row in range(0, len(kb), 37):
        concept = kb.row(row)
        for name in (concept.concept_id, *concept.xrefs, *concept.parents):
            assert not name.lower().startswith(tuple(f.lower() for f in forbidden)), concept


def test_every_sampled_concept_is_sound(kb: KnowledgeBase) -> None:
    for row in range(0, len(kb), 53):
        concept = kb.row(row)
        assert kb.concept(concept.concept_id) == concept
        assert concept.type in ENTITY_TYPES
        assert concept.name.strip() == concept.name != ""
        assert concept.mechanism_class is None or concept.mechanism_class in MECHANISM_CLASSES
        assert concept.strategy_class is None or concept.strategy_class in STRATEGY_CLASSES
        assert all(kb.concept(p) is not None for p in concept.parents), concept
        assert concept.concept_id not in concept.parents


@pytest.mark.parametrize(
    ("concept_id", "wanted"),
    [
        ("hgnc:74", "abc_transporter"),
        ("hgnc:40", "abc_transporter"),
        ("hgnc:11119", "hedgehog"),
        ("hgnc:4556", "ferroptosis_iron"),
        ("hgnc:2514", "wnt"),
        ("fplx:Wnt", "wnt"),
        ("fplx:Notch", "notch"),
        ("hgnc:7881", "notch"),
        ("fplx:AKT", "pi3k_akt"),
        ("hgnc:11364", "jak_stat"),
        ("fplx:NFkappaB", "nfkb"),
        ("hgnc:16262", "hippo_yap"),
        ("fplx:TGFB", "tgf_beta"),
        ("hgnc:3236", "egfr"),
        ("hgnc:1748", "emt"),
        ("hgnc:402", "aldh"),
        ("hgnc:9454", "surface_marker"),
        ("hgnc:6018", "inflammatory_cytokine"),
        ("hgnc:11730", "telomerase"),
        ("hgnc:990", "apoptosis_evasion"),
        ("hgnc:31508", "mirna"),
        ("hgnc:3527", "epigenetic"),
        ("hgnc:7782", "ros_antioxidant"),
        ("hgnc:4910", "endothelial_hypoxia"),
        ("GO:0060070", "wnt"),
        ("GO:0007219", "notch"),
        ("GO:0097707", "ferroptosis_iron"),
        ("GO:0006914", "autophagy"),
        ("GO:0001837", "emt"),
        ("mesh:D055354", "exosome"),
        ("minecsc:tumor-dormancy", "dormancy"),
        ("minecsc:stemness", "heterogeneity_plasticity"),
        ("mesh:D000072645", "caf"),
        ("CL:0000134", "msc"),
        ("CL:0000235", "immune_cells"),
        ("mesh:D005109", "ecm"),
        ("minecsc:cd44-pos-cd24-neg", "surface_marker"),
        ("minecsc:aldh-high", "aldh"),
        ("minecsc:cd133-pos-abcg2-pos", "abc_transporter"),
    ],
)
def test_mechanism_classes(kb: KnowledgeBase, concept_id: str, wanted: str) -> None:
    concept = kb.concept(concept_id)
    assert concept is not None
    assert concept.mechanism_class == wanted


def test_every_mechanism_class_is_covered(kb: KnowledgeBase) -> None:
    missing = set(MECHANISM_CLASSES) - set(kb.meta["mechanism_classes"]) - {"other"}
    assert missing == set()


def test_hierarchy_leads_from_members_to_families(kb: KnowledgeBase) -> None:
    notch1, abcb1 = kb.concept("hgnc:7881"), kb.concept("hgnc:40")
    assert notch1 is not None
    assert abcb1 is not None
    assert "fplx:Notch" in notch1.parents
    seen, level = set(), set(abcb1.parents)
    while level:
        seen |= level
        level = {up for p in level if (c := kb.concept(p)) for up in c.parents} - seen
    assert "hgnc.genegroup:417" in seen or any("ABC" in p or "ATP binding" in kb.concept(p).name for p in seen)  # type: ignore[union-attr]


def _above(kb: KnowledgeBase, concept_id: str) -> set[str]:
    seen, level = set[str](), {concept_id}
    while level:
        seen |= level
        level = {up for p in level if (c := kb.concept(p)) for up in c.parents} - seen
    return seen


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("hgnc:7881", "fplx:Notch"),
        ("hgnc:7883", "fplx:Notch"),
        ("hgnc:40", "hgnc.genegroup:417"),
        ("hgnc:74", "hgnc.genegroup:417"),
        ("DOID:0060081", "DOID:1612"),  # triple-negative breast cancer, breast cancer
        ("DOID:3459", "DOID:1612"),
        ("DOID:3007", "DOID:3459"),  # breast ductal carcinoma, breast carcinoma
        ("DOID:3908", "DOID:1324"),  # NSCLC, lung cancer
        ("DOID:684", "DOID:3571"),  # hepatocellular carcinoma, liver cancer
        ("DOID:9119", "DOID:1240"),  # AML, leukemia
        ("GO:0060070", "GO:0016055"),  # canonical Wnt signaling
        ("cellosaurus:CVCL_0031", "DOID:1612"),  # MCF-7
        ("BTO:0006293", "DOID:1612"),
        ("BTO:0006293", "mesh:D014411"),
        ("drugbank:DB02546", "mesh:D056572"),
    ],
)
def test_the_way_up(kb: KnowledgeBase, narrow: str, wide: str) -> None:
    assert wide in _above(kb, narrow)


@pytest.mark.parametrize(
    ("narrow", "not_wide"),
    [
        ("hgnc:7881", "hgnc:30072"),  # cell surface receptors are no CD177
        ("DOID:684", "DOID:916"),  # nor is a carcinoma benign
        ("DOID:3908", "DOID:5409"),  # nor non-small small
    ],
)
def test_no_false_way_up(kb: KnowledgeBase, narrow: str, not_wide: str) -> None:
    assert not_wide not in _above(kb, narrow)


def test_most_cancers_have_a_way_up(kb: KnowledgeBase) -> None:
    found = [c for row in range(0, len(kb), 11) if (c := kb.row(row)).type == "Cancer"]
    assert sum(bool(c.parents) for c in found) / len(found) > 0.65


@pytest.mark.parametrize(
    ("kind", "classes"),
    [("mechanism", MECHANISM_CLASSES), ("strategy", STRATEGY_CLASSES)],
    ids=["mechanism", "strategy"],
)
def test_every_class_is_a_concept(kb: KnowledgeBase, kind: str, classes: tuple[str, ...]) -> None:
    for name in classes:
        concept = kb.concept(f"minecsc:{kind}-{name.replace('_', '-')}")
        assert concept is not None
        assert getattr(concept, f"{kind}_class") == name


@pytest.mark.parametrize(
    ("xref", "concept_id"),
    [
        ("mesh:D001943", "DOID:1612"),
        ("mesh:D008175", "DOID:1324"),
        ("mesh:D010190", "DOID:1793"),
        ("mesh:D008113", "DOID:3571"),
        ("mesh:D015473", "DOID:0060318"),
        ("mesh:D000068877", "drugbank:DB00619"),  # imatinib mesylate
        ("mesh:D000069347", "drugbank:DB00530"),
        ("mesh:D007501", "drugbank:DB01592"),
        ("ncbigene:9429", "hgnc:74"),
        ("ncbigene:110454", "minecsc:mouse-ly6a-sca-1"),
    ],
)
def test_identifiers_of_corpora_are_cross_references(kb: KnowledgeBase, xref: str, concept_id: str) -> None:
    concept = kb.concept(concept_id)
    assert concept is not None
    assert xref in concept.xrefs


def test_human_genes_carry_their_ncbi_gene_id(kb: KnowledgeBase) -> None:
    genes = [c for row in range(0, len(kb), 29) if (c := kb.row(row)).concept_id.startswith("hgnc:")]
    assert sum(any(x.startswith("ncbigene:") for x in c.xrefs) for c in genes) / len(genes) > 0.99


def test_drugs_have_targets_and_strategies_that_the_hub_lacks(kb: KnowledgeBase) -> None:
    pembrolizumab = kb.concept("drugbank:DB09037")
    assert pembrolizumab is not None
    assert pembrolizumab.genes == ("hgnc:8760",)
    assert pembrolizumab.strategy_class == "immunotherapy"


def test_drugs_carry_class_and_targets(kb: KnowledgeBase) -> None:
    vorinostat = kb.concept("drugbank:DB02546")
    assert vorinostat is not None
    assert "hgnc:4852" in vorinostat.genes
    assert vorinostat.strategy_class == "epigenetic_modification"
    assert "mesh:D056572" in vorinostat.parents


@pytest.mark.parametrize("cancer_id", ["DOID:1324", "DOID:10283", "DOID:9256", "DOID:684", "DOID:3498", "DOID:1909"])
def test_composed_populations_read_back(kb: KnowledgeBase, cancer_id: str) -> None:
    cancer, drug = kb.concept(cancer_id), kb.concept("drugbank:DB00515")
    assert cancer is not None
    assert drug is not None
    population = kb.concept(stem_cell_id(cancer))
    assert population is not None
    assert population.type == "CSC"
    assert {"mesh:D014411", cancer_id} <= set(population.parents)
    resistant = kb.concept(resistant_cell_id(drug, cancer))
    assert resistant is not None
    assert resistant.parents == (cancer_id,)


@pytest.mark.parametrize(
    "unknown",
    ["", "minecsc:", "minecsc:nothing-of-the-sort", "minecsc:qqq-stem-cell", "hgnc:0", "x", "minecsc:a-b-axis"],
)
def test_unknown_identifiers_are_none(kb: KnowledgeBase, unknown: str) -> None:
    assert kb.concept(unknown) is None


def test_concepts_are_sorted_and_known_only(kb: KnowledgeBase) -> None:
    found = kb.concepts(["hgnc:74", "nonsense:1", "hgnc:40", "hgnc:74"])
    assert [c.concept_id for c in found] == ["hgnc:40", "hgnc:74"]


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("Wnt/β-catenin signaling pathway", "Wnt/β-catenin"),
        ("Signaling by NOTCH1", "NOTCH1"),
        ("PD-1/PD-L1 axis", "PD-1/PD-L1"),
        ("MAPK cascade", "MAPK"),
        ("p53", ""),
    ],
)
def test_pathway_core(name: str, core: str) -> None:
    assert pathway_core(name) == core


def test_pickling_maps_the_same_files(kb: KnowledgeBase) -> None:
    copy = pickle.loads(pickle.dumps(kb))
    assert copy.digest == kb.digest
    assert copy.concept("hgnc:74") == kb.concept("hgnc:74")


def test_damage_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeBaseError, match="MCSC-E401"):
        KnowledgeBase.load(tmp_path)
    folder = tmp_path / "kb"
    shutil.copytree(resource("models", "kb"), folder)
    with (folder / "rules.json").open("a", encoding="utf-8") as stream:
        stream.write(" ")
    with pytest.raises(KnowledgeBaseError, match=r"rules\.json"):
        KnowledgeBase.load(folder)
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    meta["format"] = 999
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    with pytest.raises(KnowledgeBaseError, match="format 999"):
        KnowledgeBase.load(folder)
    (folder / "keys.npy").unlink()
    meta["format"] = 1
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    with pytest.raises(KnowledgeBaseError):
        KnowledgeBase.load(folder)
