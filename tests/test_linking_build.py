"""Building: readers, merging, determinism, and errors that name what is wrong."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from minecsc.errors import KnowledgeBaseError
from minecsc.linking import KnowledgeBase, Linker, layout
from minecsc.linking.build import Merger, build, usable
from minecsc.linking.layout import NAME, OFFICIAL, SYNONYM, Concept
from minecsc.linking.lexicon import Entry, rows, table, tidy
from minecsc.linking.mechanisms import assign, strategy_of_moa
from minecsc.linking.sources import drugbank, hgnc, mesh, mesh_type, mirbase
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


def test_strategies_come_from_mechanisms_of_action() -> None:
    assert strategy_of_moa("HDAC inhibitor") == "epigenetic_modification"
    assert strategy_of_moa("gamma secretase inhibitor") == "pathway_blockade"
    assert strategy_of_moa("local anesthetic") is None


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
