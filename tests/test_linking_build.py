"""Building: readers, merging, determinism, and errors that name what is wrong."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import KnowledgeBase, Linker, layout, lineage
from minecsc.linking.build import build, gather
from minecsc.linking.layout import NAME, OFFICIAL, SYNONYM, WEAK, Concept
from minecsc.linking.lexicon import Entry, rows, table, tidy
from minecsc.linking.mechanisms import assign, strategies_by_target, strategy_of_moa
from minecsc.linking.merge import Merger, usable
from minecsc.linking.sources import SOURCES, cellosaurus, depmap, drugbank, hgnc, mesh, mesh_type, mirbase
from minecsc.schema import ENTITY_TYPES

_HEADER = "id\tname\tsynonyms\ttype\txrefs\n"


def _lexicon(folder: Path, name: str, lines: Sequence[Sequence[str]]) -> None:
    with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as stream:
        stream.write(_HEADER)
        stream.writelines("\t".join(line) + "\n" for line in lines)


def test_hgnc_grades_its_names(tmp_path: Path) -> None:
    _lexicon(
        tmp_path,
        "hgnc",
        [
            ("hgnc:1", "AAA1", "alpha gene 1|AAA|A-ONE", "gene", "ncbigene:7|hgnc.genegroup:3"),
            ("hgnc:2", "AAA1P1", "alpha gene 1 pseudogene|AAA1", "pseudogene", ""),
        ],
    )
    gene, pseudogene = hgnc(tmp_path)
    assert gene.names == [("AAA1", NAME), ("alpha gene 1", OFFICIAL), ("AAA", SYNONYM), ("A-ONE", SYNONYM)]
    assert gene.parents == ["hgnc.genegroup:3"]
    assert gene.xrefs == ["ncbigene:7"]
    assert [n for n, _ in pseudogene.names] == ["AAA1P1", "alpha gene 1 pseudogene"]


def test_mature_micrornas_point_to_their_hairpin(tmp_path: Path) -> None:
    _lexicon(
        tmp_path,
        "mirbase",
        [
            ("mirbase:MI1", "hsa-mir-9999", "mir-9999", "mirna", "hgnc:9999"),
            ("mirbase.mature:M1", "hsa-miR-9999-3p", "miR-9999-3p", "mirna_mature", ""),
            ("mirbase.family:F1", "mir-9999", "", "mirna_family", ""),
        ],
    )
    hairpin, mature, family = mirbase(tmp_path)
    assert hairpin.id == "hgnc:9999"
    assert mature.parents == ["hgnc:9999"]
    assert family.names[0][0] == "mir-9999 family"


def test_mesh_tree_gives_type_and_parents(tmp_path: Path) -> None:
    _lexicon(
        tmp_path,
        "mesh",
        [
            ("mesh:D1", "Neoplasms, Test", "Test Tumor", "cancer", "mesh.tree:C04.588"),
            ("mesh:D2", "Inner Test Neoplasm", "", "cancer", "mesh.tree:C04.588.100"),
            ("mesh:D3", "Libraries", "", "other", "mesh.tree:L01.100"),
        ],
    )
    outer, inner = mesh(tmp_path)
    assert (outer.type, inner.type) == ("Cancer", "Cancer")
    assert ("Test Neoplasms", OFFICIAL) in outer.names
    assert inner.parents == ["mesh:D1"]
    assert mesh_type(["D27.505.519"], "x") == "Drug"
    assert mesh_type(["C04.697.645"], "Neoplasm Invasiveness") == "Process"
    assert mesh_type(["Z01.100"], "Denmark") is None


def _entry(id_: str, name: str, xrefs: Sequence[str] = (), synonyms: Sequence[str] = ()) -> Entry:
    return Entry(id_, "Drug", [(name, NAME), *((s, SYNONYM) for s in synonyms)], list(xrefs))


def test_equal_entries_become_one_concept() -> None:
    merger = Merger()
    merger.add(_entry("drugbank:DB1", "Testamab", ["CHEBI:1"], ["TST-100"]), "drugbank")
    merger.add(_entry("CHEBI:1", "testamab antibody"), "chebi")
    merger.add(_entry("mesh:D9", "TST 100"), "mesh")
    merger.add(_entry("mesh:D10", "something else"), "mesh")
    assert set(merger.drafts) == {"drugbank:DB1", "mesh:D10"}
    assert merger.resolve("mesh:D9") == "drugbank:DB1"
    assert set(merger.drafts["drugbank:DB1"].names) == {"Testamab", "TST-100", "testamab antibody", "TST 100"}


def test_entries_of_one_vocabulary_never_merge_through_a_third() -> None:
    merger = Merger()
    merger.add(_entry("drugbank:DB1", "Alphamab", ["CHEBI:1", "drugbank:DB2"]), "drugbank")
    merger.add(_entry("drugbank:DB2", "Betamab", ["CHEBI:1"]), "drugbank")
    merger.add(_entry("CHEBI:1", "gammamab"), "chebi")
    assert {"drugbank:DB1", "drugbank:DB2"} <= set(merger.drafts)
    assert merger.resolve("CHEBI:1") == "CHEBI:1"


@pytest.mark.parametrize("name", ["", "x", "12", "--", "protein", "cells"])
def test_useless_surfaces_are_not_stored(name: str) -> None:
    assert not usable(name)


def test_names_lose_the_separators_of_the_format() -> None:
    assert tidy("a|b\tc\nd") == "a/b c d"


def test_a_broken_lexicon_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeBaseError, match="hgnc"):
        list(rows(tmp_path, "hgnc"))
    (tmp_path / "hgnc.tsv.gz").write_bytes(b"not gzip")
    with pytest.raises(KnowledgeBaseError, match="hgnc"):
        list(rows(tmp_path, "hgnc"))
    with gzip.open(tmp_path / "drugbank.tsv.gz", "wt", encoding="utf-8") as stream:
        stream.write("id\tname\n")
    with pytest.raises(KnowledgeBaseError, match="unexpected columns"):
        list(drugbank(tmp_path))


def test_an_unknown_source_cannot_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeBaseError, match="no such source: nonsense"):
        build(tmp_path, tmp_path / "out", exclude=["nonsense"])


def test_tables_refuse_extra_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("# note\na\tb\n1\n1\t2\n", encoding="utf-8")
    assert list(table(path)) == [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]
    path.write_text("a\tb\n1\t2\t3\n", encoding="utf-8")
    with pytest.raises(KnowledgeBaseError, match="more cells"):
        list(table(path))


def test_mechanism_rules_go_from_special_to_general(tmp_path: Path) -> None:
    path = tmp_path / "rules.tsv"
    path.write_text(
        "class\tkind\ttypes\tvalue\tprovenance\n"
        "wnt\tname\tProcess\twnt\ttest\n"
        "notch\tgroup\t\tfplx:G\ttest\n"
        "emt\tsymbol\t\tGGG2\ttest\n",
        encoding="utf-8",
    )
    concepts = [
        Concept("fplx:G", "G", "Gene"),
        Concept("hgnc:1", "GGG1", "Gene", parents=("fplx:G",)),
        Concept("hgnc:2", "GGG2", "Gene", parents=("fplx:G",)),
        Concept("GO:1", "wnt something", "Process"),
        Concept("drugbank:DB1", "wnt drug", "Drug"),
    ]
    found = {c.concept_id: c.mechanism_class for c in assign(concepts, path, lambda i: i)}
    assert found == {"fplx:G": "notch", "hgnc:1": "notch", "hgnc:2": "emt", "GO:1": "wnt", "drugbank:DB1": None}
    path.write_text("class\tkind\ttypes\tvalue\tprovenance\nemt\tsymbol\t\tNOPE\ttest\n", encoding="utf-8")
    with pytest.raises(KnowledgeBaseError, match="NOPE"):
        assign(concepts, path, lambda i: i)


def test_drugs_that_block_one_class_of_targets_get_its_strategy() -> None:
    concepts = [
        Concept("hgnc:1", "SMO", "Gene", mechanism_class="hedgehog"),
        Concept("hgnc:2", "ABCG2", "Gene", mechanism_class="abc_transporter"),
        Concept("hgnc:3", "X", "Gene"),
        Concept("drugbank:1", "one target", "Drug", genes=("hgnc:1", "hgnc:3")),
        Concept("drugbank:2", "two classes", "Drug", genes=("hgnc:1", "hgnc:2")),
        Concept("drugbank:3", "no class", "Drug", genes=("hgnc:3",)),
        Concept("drugbank:4", "activates", "Drug", genes=("hgnc:1",)),
        Concept("drugbank:5", "known", "Drug", strategy_class="immunotherapy", genes=("hgnc:1",)),
        Concept("mesh:1", "Histone Deacetylase Inhibitors", "Drug"),
        Concept("mesh:2", "Histone preparation", "Drug"),
    ]
    blockers = {"drugbank:1", "drugbank:2", "drugbank:3", "drugbank:5"}
    found = {c.concept_id: c.strategy_class for c in strategies_by_target(concepts, blockers) if c.type == "Drug"}
    assert found == {
        "drugbank:1": "pathway_blockade", "drugbank:2": None, "drugbank:3": None, "drugbank:4": None,
        "drugbank:5": "immunotherapy", "mesh:1": "epigenetic_modification", "mesh:2": None,
    }  # fmt: skip


def test_strategies_come_from_mechanisms_of_action() -> None:
    assert strategy_of_moa("HDAC inhibitor") == "epigenetic_modification"
    assert strategy_of_moa("gamma secretase inhibitor") == "pathway_blockade"
    assert strategy_of_moa("local anesthetic") is None


_CANCERS = {
    name: Concept(f"DOID:{i}", name, "Cancer")
    for i, name in enumerate(
        (
            "cancer", "breast cancer", "breast carcinoma", "carcinoma", "breast ductal carcinoma", "lung cancer",
            "metastatic triple-negative breast cancer", "triple-negative breast cancer", "small cell lung cancer",
            "non small cell lung cancer", "bone cancer", "bone marrow cancer", "lung and bone cancer",
            "lymphoma", "lymphoma with many features", "neck cancer", "head and neck cancer",
        )
    )
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "broader"),
    [
        ("breast cancer", {"cancer"}),
        ("breast carcinoma", {"breast cancer", "carcinoma"}),
        ("breast ductal carcinoma", {"breast carcinoma", "carcinoma"}),
        ("metastatic triple-negative breast cancer", {"triple-negative breast cancer"}),
        ("triple-negative breast cancer", {"breast cancer"}),
        ("small cell lung cancer", {"lung cancer"}),
        ("non small cell lung cancer", set()),  # never small cell lung cancer
        ("bone marrow cancer", {"cancer"}),  # never bone cancer
        ("lung and bone cancer", set()),
        ("head and neck cancer", {"cancer"}),  # never neck cancer
        ("lymphoma with many features", {"lymphoma"}),
        ("lymphoma", {"cancer"}),
    ],
)
def test_broader_cancers_are_read_from_names(name: str, broader: set[str]) -> None:
    found = {c.name: c.parents for c in lineage.derive(list(_CANCERS.values()))}
    names = {c.concept_id: c.name for c in _CANCERS.values()}
    assert {names[p] for p in found[name]} == broader


def test_names_that_lead_in_circles_close_none() -> None:
    one = Concept("DOID:1", "advanced breast cancer", "Cancer", ("local breast cancer",))
    other = Concept("DOID:2", "breast cancer", "Cancer", parents=("DOID:1",))
    assert [c.parents for c in lineage.derive([one, other])] == [(), ("DOID:1",)]


def test_broader_genes_cells_and_processes_are_read_from_names() -> None:
    concepts = [
        Concept("hgnc.genegroup:1", "ATP binding cassette transporters", "Gene"),
        Concept("hgnc.genegroup:2", "ATP binding cassette subfamily B", "Gene"),
        Concept("mirbase.family:1", "mir-34 family", "Gene"),
        Concept("hgnc:1", "MIR34A", "Gene", ("hsa-mir-34a", "mir-34a")),
        Concept("CL:1", "T cell", "Cell"),
        Concept("CL:2", "regulatory T cell", "Cell"),
        Concept("GO:1", "Wnt signaling pathway", "Pathway"),
        Concept("GO:2", "non-canonical Wnt signaling pathway", "Pathway"),
        Concept("GO:3", "establishment of Wnt signaling pathway", "Pathway"),
        Concept("cellosaurus:1", "Big T cell", "Cell"),
    ]
    assert {c.concept_id: c.parents for c in lineage.derive(concepts) if c.parents} == {
        "hgnc.genegroup:2": ("hgnc.genegroup:1",),
        "hgnc:1": ("mirbase.family:1",),
        "CL:2": ("CL:1",),
        "GO:2": ("GO:1",),
    }


def test_lines_have_the_cancer_they_come_from_as_parent(tmp_path: Path) -> None:
    _lexicon(tmp_path, "cellosaurus_human", [("cellosaurus:CVCL_9999", "T-1", "T1", "cell_line", "oncotree:BRCA")])
    _lexicon(tmp_path, "cellosaurus_other", [])
    _lexicon(
        tmp_path,
        "depmap",
        [
            ("depmap:ACH-1", "T-1", "TONE", "cell_line", "cellosaurus:CVCL_9999|oncotree:BRCA"),
            ("depmap:ACH-2", "T-2X", "", "cell_line", "oncotree:GB"),
        ],
    )
    (line,) = cellosaurus(tmp_path)
    assert line.parents == ["oncotree:BRCA"]
    same, new = depmap(tmp_path)
    assert (same.id, same.xrefs) == ("cellosaurus:CVCL_9999", ["depmap:ACH-1"])
    assert (new.id, new.parents) == ("depmap:ACH-2", ["oncotree:GB"])


def _tumor(id_: str, name: str, synonyms: Sequence[str] = (), xrefs: Sequence[str] = ()) -> Entry:
    return Entry(id_, "Cancer", [(name, NAME), *((s, SYNONYM) for s in synonyms)], list(xrefs))


def test_a_mesh_heading_of_neoplasms_is_the_cancer_it_is_used_for() -> None:
    merger = Merger()
    merger.add(_tumor("DOID:1", "breast cancer"), "doid")
    merger.add(_tumor("mondo:1", "breast neoplasm", xrefs=["mesh:D1"]), "mondo")
    merger.add(_tumor("mesh:D1", "Breast Neoplasms", ["Breast Cancer"]), "mesh")
    assert merger.resolve("mesh:D1") == "DOID:1"
    assert "mesh:D1" in merger.drafts["mondo:1"].xrefs


def test_a_mesh_heading_of_chemicals_joins_what_shares_two_names() -> None:
    merger = Merger()
    merger.add(_entry("drugbank:DB1", "Testamfetamine", synonyms=["TMDA", "methylenetestamphetamine"]), "drugbank")
    merger.add(_entry("drugbank:DB2", "Otheramine", synonyms=["TMDA"]), "drugbank")
    merger.add(_entry("mesh:D1", "N-Methyltest", synonyms=["TMDA", "Methylenetestamphetamine"]), "mesh")
    merger.add(_entry("mesh:D2", "N-Other", synonyms=["TMDA"]), "mesh")
    assert merger.resolve("mesh:D1") == "drugbank:DB1"
    assert merger.resolve("mesh:D2") == "mesh:D2"


def test_a_mesh_class_joins_no_gene_by_aliases_alone() -> None:
    merger = Merger()
    names = [("TSTI2", NAME), ("tester inhibitor 2", OFFICIAL), ("test inhibitor", SYNONYM), ("T-PAI", SYNONYM)]
    merger.add(Entry("hgnc:1", "Gene", names), "hgnc")
    merger.add(
        Entry("mesh:D1", "Gene", [("Tests, All", NAME), ("Test Inhibitor", SYNONYM), ("T-PAI", SYNONYM)]), "mesh"
    )
    merger.add(Entry("mesh:D2", "Gene", [("Factor T", NAME), ("TSTI2", SYNONYM), ("T-PAI", SYNONYM)]), "mesh")
    assert merger.resolve("mesh:D1") == "mesh:D1"
    assert merger.resolve("mesh:D2") == "hgnc:1"


def test_a_heading_indexes_the_carcinoma_and_the_drug_too() -> None:
    merger = Merger()
    merger.add(_tumor("DOID:1", "breast cancer", ["breast tumor"]), "doid")
    merger.add(_tumor("DOID:2", "breast carcinoma", ["breast cancer", "cancer of breast"]), "doid")
    merger.add(_tumor("mesh:D1", "Breast Neoplasms", ["Breast Cancer", "Cancer of Breast"]), "mesh")
    merger.add(_entry("drugbank:DB1", "Substance T"), "drugbank")
    merger.add(Entry("mesh:D2", "Gene", [("Substance T", NAME)]), "mesh")
    assert merger.resolve("mesh:D1") == "DOID:1"
    assert list(merger.drafts["DOID:2"].headings) == ["mesh:D1"]
    assert list(merger.drafts["drugbank:DB1"].headings) == ["mesh:D2"]


def test_an_alias_that_is_the_symbol_of_another_gene_is_weak() -> None:
    merger = Merger()
    merger.add(Entry("hgnc:1", "Gene", [("TST17A", NAME)]), "hgnc")
    merger.add(Entry("hgnc:2", "Gene", [("TST17C", NAME)]), "hgnc")
    merger.add(Entry("hgnc:1", "Gene", [("TST-17C", SYNONYM), ("TST-17", SYNONYM)]), "ncbigene")
    assert merger.drafts["hgnc:1"].names == {"TST17A": NAME, "TST-17C": WEAK, "TST-17": SYNONYM}


def test_a_mesh_heading_of_a_salt_is_the_drug() -> None:
    merger = Merger()
    merger.add(_entry("drugbank:DB1", "Testinib"), "drugbank")
    merger.add(_entry("CHEBI:1", "testinib mesylate"), "chebi")
    merger.add(_entry("mesh:D1", "Testinib Mesylate", synonyms=["Testinib"]), "mesh")
    assert merger.resolve("mesh:D1") == "drugbank:DB1"


def test_a_mesh_class_of_proteins_is_no_single_gene() -> None:
    merger = Merger()
    merger.add(Entry("hgnc:1", "Gene", [("CD900", NAME), ("cell surface receptor", SYNONYM)]), "hgnc")
    merger.add(Entry("hgnc:2", "Gene", [("TSTR", NAME), ("thyro receptor", SYNONYM), ("TS receptor", SYNONYM)]), "hgnc")
    merger.add(Entry("mesh:D1", "Gene", [("Cell Surface Receptors", NAME)]), "mesh")
    merger.add(Entry("mesh:D2", "Gene", [("Thyro Receptors", NAME), ("TS Receptors", SYNONYM)]), "mesh")
    assert merger.resolve("mesh:D1") == "mesh:D1"
    assert merger.resolve("mesh:D2") == "hgnc:2"


def test_equal_vocabularies_give_an_equal_base(shared: Path, tmp_path: Path) -> None:
    """The first rows of every real vocabulary, built twice; the whole takes a minute and is built by the script."""
    few = tmp_path / "lexicons"
    few.mkdir()
    for path in sorted((shared / "lexicons").glob("*.tsv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as stream, gzip.open(few / path.name, "wt", encoding="utf-8") as o:
            o.writelines(line for _, line in zip(range(120), stream, strict=False))
    gathered = [gather(few) for _ in range(2)]
    assert [list(m.drafts) for m in gathered[:1]] == [list(m.drafts) for m in gathered[1:]]
    assert set(gathered[0].counts) <= {"minecsc_tables", *(name for name, _ in SOURCES)}
    first, second = (_finished(m) for m in gathered)
    assert first == second
    assert len(first) > 1_000


def _finished(merger: Merger) -> list[Concept]:
    rows = [
        Concept(d.id, next(iter(d.names)), d.type, tuple(d.names), tuple(d.xrefs), tuple(sorted(d.parents)))
        for d in merger.drafts.values()
        if d.names
    ]
    return lineage.derive(sorted(rows, key=lambda c: c.concept_id))


def _write(folder: Path, concepts: Sequence[Concept]) -> Mapping[str, object]:
    keys = [(name, layout.pack(i, c.type, NAME)) for i, c in enumerate(concepts) for name in (c.name, *c.synonyms)]
    return layout.write(folder, concepts, keys, {"senses": {}}, {"sources": {}})


def test_layout_round_trip_and_equal_bytes(tmp_path: Path) -> None:
    concepts = [
        Concept(
            f"hgnc:{i:04}", f"gene{i}", "Gene", (f"alias{i}",), (f"ncbigene:{i}",), ("fplx:X",), "wnt", None, ("a:1",)
        )
        for i in range(200)
    ]
    one, other = _write(tmp_path / "a", concepts), _write(tmp_path / "b", concepts)
    assert one == other
    for name in layout.FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    kb = KnowledgeBase.load(tmp_path / "a")
    assert len(kb) == 200
    assert [kb.row(i) for i in range(200)] == concepts
    assert all(kb.concept(c.concept_id) == c for c in concepts)
    assert kb.resolve("alias7", "Gene") == concepts[7]
    assert Linker(kb).link("gene7", "Gene")[0].concept_id == "hgnc:0007"


@pytest.mark.parametrize("type_", ENTITY_TYPES)
def test_postings_pack_and_unpack(type_: str) -> None:
    for row in (0, 1, 65_536, (1 << 24) - 1):
        for tier in range(6):
            posting = layout.unpack(layout.pack(row, type_, tier))  # type: ignore[arg-type]
            assert (posting.row, posting.type, posting.tier) == (row, type_, tier)
