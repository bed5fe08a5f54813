"""Exports of statements: INDRA, KGX and networks, each read back by the tool it is made for where that is at hand."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import networkx
import pytest
import yaml
from export_cases import PAPERS, build, table, text

from minecsc.export import export
from minecsc.export.curies import biolink_id, indra_refs


@pytest.fixture(scope="module")
def db(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("export"), PAPERS)


def statements(db: Path, out: Path) -> dict[tuple[str, str, str], dict]:
    """INDRA statements by the heads' and tails' names, and our relation."""
    found = {}
    for item in json.loads(text(db, "indra", out, force=True)):
        about = item["evidence"][0]["annotations"]
        found[about["head_id"], about["relation"], about["tail_id"]] = item
    return found


# INDRA


def test_indra_says_what_the_statements_say(db, tmp_path):
    found = statements(db, tmp_path / "indra.json")
    lowers = found["CHEBI:80025", "decreases", "minecsc:wnt"]
    assert lowers["type"] == "Influence"
    assert lowers["subj"]["concept"]["db_refs"] == {"TEXT": "salinomycin", "CHEBI": "CHEBI:80025"}
    assert lowers["obj"]["concept"] == {"name": "Wnt signaling", "db_refs": {"TEXT": "Wnt"}}
    assert lowers["obj"]["delta"]["polarity"] == -1
    evidence = lowers["evidence"][0]
    assert evidence["text"] == "In CSCs of breast cancer salinomycin lowers Wnt."
    assert (evidence["pmid"], evidence["text_refs"]) == ("1", {"PMID": "1", "DOI": "10.1000/x_1"})
    agents = evidence["annotations"]["agents"]
    assert [evidence["text"][start:end] for start, end in agents["coords"]] == agents["raw_text"]
    assert found["HGNC:1681", "marker_of", "minecsc:csc"]["type"] == "Association"


def test_indra_keeps_negation_and_speculation_and_drops_the_retracted(db, tmp_path):
    found = statements(db, tmp_path / "indra.json")
    unsure = found["CHEBI:27899", "decreases", "HGNC:7881"]
    assert unsure["type"] == "Inhibition"
    assert unsure["evidence"][0]["epistemics"] == {"hypothesis": True}
    denied = found["CHEBI:80025", "decreases", "HGNC:1681"]
    assert denied["evidence"][0]["epistemics"] == {"negated": True}
    assert ("CHEBI:27899", "decreases", "HGNC:1681") not in found


def _check_indra(items: list[dict]) -> None:
    """The required keys of INDRA's published schema, for the statements we write."""

    def entity(found: dict) -> None:
        assert isinstance(found["name"], str)
        assert isinstance(found["db_refs"], dict)

    def event(found: dict) -> None:
        assert found["type"] == "Event"
        assert isinstance(found["id"], str)
        entity(found["concept"])
        assert found["delta"]["polarity"] in (1, -1, None)

    for item in items:
        assert isinstance(item["id"], str)
        assert 0 <= item["belief"] <= 1
        if item["type"] == "Influence":
            event(item["subj"])
            event(item["obj"])
        elif item["type"] == "Association":
            for member in item["members"]:
                event(member)
                entity(member)
        else:
            assert item["type"] in ("Activation", "Inhibition")
            entity(item["subj"])
            entity(item["obj"])
        assert item["evidence"]
        for evidence in item["evidence"]:
            assert all(isinstance(evidence[key], str) for key in ("source_api", "source_id", "text"))
            assert all(isinstance(evidence[key], dict) for key in ("annotations", "epistemics"))


def test_indra_statements_have_the_keys_of_the_schema(db, tmp_path):
    items = json.loads(text(db, "indra", tmp_path / "indra.json"))
    assert {item["type"] for item in items} == {"Influence", "Association", "Inhibition"}
    assert len({item["id"] for item in items}) == len(items)
    _check_indra(items)


def test_indra_reads_its_statements(db, tmp_path):
    indra = pytest.importorskip("indra", reason="needs indra and jsonschema to read INDRA statements")
    jsonschema = pytest.importorskip("jsonschema")
    from indra.statements import stmts_from_json, stmts_to_json
    from indra.statements.validate import IdentifiersValidator

    items = json.loads(text(db, "indra", tmp_path / "indra.json"))
    schema = json.loads((Path(indra.__file__).parent / "resources" / "statements_schema.json").read_text())
    jsonschema.validate(items, schema)
    read = stmts_from_json(items)
    assert [type(statement).__name__ for statement in read] == [item["type"] for item in items]
    assert len({statement.get_hash() for statement in read}) == len(items)
    assert [statement.belief for statement in read] == [item["belief"] for item in items]
    for statement in read:
        for agent in statement.agent_list():
            for space, identifier in agent.db_refs.items():
                IdentifiersValidator.assert_valid_ns(space)
                IdentifiersValidator.assert_valid_id(space, identifier)
    back = stmts_to_json(read)
    assert [item["evidence"][0]["text"] for item in back] == [item["evidence"][0]["text"] for item in items]


def test_identifiers_are_spelt_as_others_spell_them():
    refs = indra_refs("hgnc:7881", ["uniprot:P46531", "uniprot:X", "unknown:1"], "Notch1")
    assert refs == {"TEXT": "Notch1", "HGNC": "7881", "UP": "P46531"}
    assert indra_refs("GO:0006915", [], "death") == {"TEXT": "death", "GO": "GO:0006915"}
    assert indra_refs("text:Drug:x", [], "X") == {"TEXT": "X"}
    assert biolink_id("mesh:D014411") == "MESH:D014411"
    assert biolink_id("fplx:Notch") == "fplx:Notch"
    assert biolink_id("text:Drug:a b|c") == "minecsc:text%3ADrug%3Aa%20b%7Cc"


# KGX


def test_kgx_edges_join_nodes_and_carry_their_direction(db, tmp_path):
    export(db, "kgx", tmp_path)
    nodes = {row["id"]: row for row in table(tmp_path / "nodes.tsv")}
    edges = table(tmp_path / "edges.tsv")
    assert all(row["category"].startswith("biolink:") and row["name"] for row in nodes.values())
    assert {end for row in edges for end in (row["subject"], row["object"])} == nodes.keys()
    assert len({row["id"] for row in edges}) == len(edges)
    assert {(row["knowledge_level"], row["agent_type"]) for row in edges} == {("not_provided", "text_mining_agent")}
    by_ends = {(row["subject"], row["original_predicate"], row["object"]): row for row in edges}
    lowers = by_ends["CHEBI:80025", "minecsc:decreases", "minecsc:csc"]
    assert lowers["predicate"] == "biolink:affects"
    assert (lowers["qualified_predicate"], lowers["object_direction_qualifier"]) == ("biolink:causes", "decreased")
    assert (lowers["negated"], lowers["publications"], lowers["evidence_count"]) == ("false", "PMID:1", "1")
    denied = by_ends["CHEBI:80025", "minecsc:decreases", "HGNC:1681"]
    assert (denied["negated"], denied["publications"], denied["has_confidence_score"]) == ("true", "PMID:6", "")
    assert denied["object_aspect_qualifier"] == "activity_or_abundance"
    marker = by_ends["HGNC:1681", "minecsc:marker_of", "minecsc:csc"]
    assert (marker["predicate"], marker["qualified_predicate"]) == ("biolink:associated_with", "")
    assert nodes["minecsc:text%3ADrug%3Agobbledynib"]["category"] == "biolink:Drug"


def test_speculation_and_retracted_papers_make_no_edge(db, tmp_path):
    export(db, "kgx", tmp_path)
    assert not [row for row in table(tmp_path / "edges.tsv") if row["subject"] == "CHEBI:27899"]
    graph = networkx.parse_graphml(text(db, "graphml", tmp_path / "x.graphml"))
    assert "CHEBI:27899" not in graph


def _tables_of_kgx() -> dict[str, set[str]]:
    from minecsc.export import kgx

    associations = {
        kgx._association({"type": type_, "head_type": head, "tail_type": tail})
        for type_ in kgx._PREDICATES
        for head in kgx._CATEGORIES
        for tail in kgx._CATEGORIES
    }
    return {
        "classes": {*kgx._CATEGORIES.values(), *kgx._BY_PREFIX.values(), *associations},
        "slots": {*kgx._PREDICATES.values(), "causes", *kgx._NODE_COLUMNS, *kgx._EDGE_COLUMNS},
    }


def test_categories_predicates_and_columns_are_biolinks():
    spec = importlib.util.find_spec("biolink_model")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs biolink-model to hold the KGX tables against Biolink")
    path = Path(spec.submodule_search_locations[0]) / "schema" / "biolink_model.yaml"
    model = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    used = _tables_of_kgx()
    classes = {re.sub(r"[ _]", "", name).lower(): about or {} for name, about in model["classes"].items()}
    for name in used["classes"]:
        assert name.lower() in classes, name
        assert not {"mixin", "deprecated"} & classes[name.lower()].keys(), name
    slots = {name.replace(" ", "_"): about or {} for name, about in model["slots"].items()}
    for name in used["slots"]:
        assert name in slots, name
        assert "deprecated" not in slots[name], name
    values = {name: set(about["permissible_values"]) for name, about in model["enums"].items()}
    assert {"increased", "decreased"} <= values["DirectionQualifierEnum"]
    assert "activity_or_abundance" in values["GeneOrGeneProductOrChemicalEntityAspectEnum"]
    assert "not_provided" in values["KnowledgeLevelEnum"]
    assert "text_mining_agent" in values["AgentTypeEnum"]


# networks


def test_graphml_opens_in_networkx_with_its_attributes(db, tmp_path):
    done = export(db, "graphml", tmp_path / "x.graphml")
    graph = networkx.read_graphml(tmp_path / "x.graphml", force_multigraph=True)
    assert graph.is_directed()
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (done.counts["nodes"], done.counts["edges"])
    assert graph.nodes["minecsc:wnt"] == {"name": "Wnt signaling", "type": "Pathway", "mechanism_class": "wnt"}
    (edge,) = graph["CHEBI:80025"]["minecsc:wnt"].values()
    assert (edge["interaction"], edge["documents_for"], edge["contested"]) == ("decreases", 1, False)
    assert (edge["pmids"], edge["first_year"]) == ("1", 2019)
    assert 0 < edge["belief"] < 1


def test_least_belief_thins_the_network(db, tmp_path):
    whole = export(db, "graphml", tmp_path / "a.graphml").counts
    thinned = export(db, "graphml", tmp_path / "b.graphml", min_belief=1.0).counts
    assert whole["edges"] > thinned["edges"] == 0


def test_sif_names_the_ends(db, tmp_path):
    lines = text(db, "sif", tmp_path / "x.sif").splitlines()
    assert "salinomycin\tdecreases\tWnt signaling" in lines
    assert "CD44\tmarker_of\tcancer stem cell" in lines
    assert all(line.count("\t") == 2 for line in lines)
