"""The linker on the shipped knowledge base: traps, populations, composition, and honest NIL."""

from __future__ import annotations

import pickle

import pytest

from minecsc.errors import SchemaError
from minecsc.linking import Candidate, KnowledgeBase, Linker
from minecsc.schema import EntityType


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(KnowledgeBase.load())


def _first(found: list[Candidate]) -> str | None:
    return found[0].concept_id if found else None


@pytest.mark.parametrize(
    ("surface", "type_", "wanted"),
    [
        ("TCF-4", "Gene", "hgnc:11641"),
        ("TAZ", "Gene", "hgnc:24042"),
        ("p27", "Gene", "hgnc:1785"),
        ("p27Kip1", "Gene", "hgnc:1785"),
        ("p21", "Gene", "hgnc:1784"),
        ("MDR1", "Gene", "hgnc:40"),
        ("P-gp", "Gene", "hgnc:40"),
        ("P-glycoprotein", "Gene", "hgnc:40"),
        ("BCRP", "Gene", "hgnc:74"),
        ("BCRP/ABCG2", "Gene", "hgnc:74"),
        ("Sca-1", "Gene", "minecsc:mouse-ly6a-sca-1"),
        ("p53", "Gene", "hgnc:11998"),
        ("Akt", "Gene", "fplx:AKT"),
        ("NF-κB", "Gene", "fplx:NFkappaB"),
        ("nuclear factor-kappa B", "Gene", "fplx:NFkappaB"),
        ("Notch", "Gene", "fplx:Notch"),
        ("NOTCH1", "Gene", "hgnc:7881"),
        ("Notch-1", "Gene", "hgnc:7881"),
        ("Oct4", "Gene", "hgnc:9221"),
        ("c-Myc", "Gene", "hgnc:7553"),
        ("Her2", "Gene", "hgnc:3430"),
        ("PD-L1", "Gene", "hgnc:17635"),
        ("E-cadherin", "Gene", "hgnc:1748"),
        ("CDH1", "Gene", "hgnc:1748"),
        ("survivin", "Gene", "hgnc:593"),
        ("CD133", "Gene", "hgnc:9454"),
        ("HIF-1α", "Gene", "hgnc:4910"),
        ("IL-1β", "Gene", "hgnc:5992"),
        ("AR", "Gene", "hgnc:644"),
        ("miR-126", "Gene", "hgnc:31508"),
        ("microRNA-126", "Gene", "hgnc:31508"),
        ("hTERT", "Gene", "hgnc:11730"),
        ("phospho-STAT3", "Gene", "hgnc:11364"),
        ("EGFR protein", "Gene", "hgnc:3236"),
        ("MET receptor", "Gene", "hgnc:7029"),
        ("AMD3100", "Drug", "drugbank:DB06809"),
        ("IGC-001", "Drug", "drugbank:DB18024"),
        ("ICG-001", "Drug", "drugbank:DB18024"),
        ("ATRA", "Drug", "drugbank:DB00755"),
        ("all-trans retinoic acid", "Drug", "drugbank:DB00755"),
        ("5-FU", "Drug", "drugbank:DB00544"),
        ("DOX", "Drug", "drugbank:DB00997"),
        ("DDP", "Drug", "drugbank:DB00515"),
        ("EGCG", "Drug", "drugbank:DB12116"),
        ("salinomycin", "Drug", "drugbank:DB11544"),
        ("TRAIL", "Drug", "hgnc:11925"),
        ("imatinib mesylate", "Drug", "drugbank:DB00619"),
        ("HDAC inhibitors", "Drug", "mesh:D056572"),
        ("PARPi", "Drug", "mesh:D000067856"),
        ("γ-secretase inhibitor", "Drug", "mesh:D000091062"),
        ("ATR inhibitors", "Drug", "minecsc:atr-inhibitor"),
        ("inhibitors of ATR", "Drug", "minecsc:atr-inhibitor"),
        ("anti-PD-1 antibody", "Drug", "minecsc:anti-pdcd1"),
        ("third-generation EGFR tyrosine kinase inhibitors", "Drug", "minecsc:egfr-inhibitor"),
        ("Wnt/β-catenin signaling", "Pathway", "GO:0060070"),
        ("WNT/β-catenin signaling pathway", "Pathway", "GO:0060070"),
        ("Wnt signalling", "Pathway", "GO:0016055"),
        ("Notch", "Pathway", "GO:0007219"),
        ("Hh pathway", "Pathway", "GO:0007224"),
        ("PI3K/Akt/mTOR signaling pathway", "Pathway", "GO:0043491"),
        ("MEK/ERK signaling cascades", "Pathway", "GO:0070371"),
        ("FOXM1-PDGFA-STAT3 signaling", "Pathway", "minecsc:foxm1-pdgfa-stat3-axis"),
        ("TLR7-IKK-NF-kB-IL6 signaling pathway", "Pathway", "minecsc:tlr7-ikk-nfkb-il6-axis"),
        ("EMT", "Process", "GO:0001837"),
        ("chemoresistance", "Process", "mesh:D019008"),
        ("cisplatin resistance", "Process", "minecsc:cisplatin-resistance"),
        ("NSCLC", "Cancer", "DOID:3908"),
        ("CRC", "Cancer", "DOID:9256"),
        ("breast tumors", "Cancer", "DOID:1612"),
        ("EGFR-mutant NSCLC", "Cancer", "DOID:3908"),
        ("relapsed/refractory AML", "Cancer", "DOID:9119"),
        ("A549", "Cell", "cellosaurus:CVCL_0023"),
        ("MCF-7 breast cancer cells", "Cell", "cellosaurus:CVCL_0031"),
        ("CAFs", "Cell", "mesh:D000072645"),
        ("CD8+ T cells", "Cell", "CL:0000625"),
        ("macrophages", "Cell", "CL:0000235"),
        ("Macrophages", "Cell", "CL:0000235"),
        ("osimertinib-resistant cells", "Cell", "minecsc:osimertinib-resistant-cell"),
        ("non-CSCs", "CSC", "minecsc:non-stem-cancer-cell"),
        ("ROS", "Chemical", "mesh:D017382"),
    ],
)
def test_traps(linker: Linker, surface: str, type_: EntityType, wanted: str) -> None:
    found = linker.link(surface, type_)
    assert found, f"{surface} is NIL"
    assert wanted in (found[0].concept_id, *found[0].xrefs), found[:3]


@pytest.mark.parametrize(
    ("surface", "wanted"),
    [
        ("cancer stem cells", "mesh:D014411"),
        ("CSCs", "mesh:D014411"),
        ("tumor-initiating cells", "mesh:D014411"),
        ("cancer stem cell-like cells", "mesh:D014411"),
        ("stem-like cancer cells", "mesh:D014411"),
        ("Cancer Stem Cell population", "mesh:D014411"),
        ("breast CSCs", "BTO:0006293"),
        ("breast cancer stem cells", "BTO:0006293"),
        ("glioma stem-like cells", "BTO:0006155"),
        ("glioblastoma stem cells", "BTO:0006345"),
        ("stem-like cells in glioblastoma", "BTO:0006345"),
        ("leukemic stem cells", "BTO:0004178"),
        ("LSCs", "BTO:0004178"),
        ("lung CSCs", "minecsc:lung-cancer-stem-cell"),
        ("colorectal cancer stem cells", "minecsc:colorectal-cancer-stem-cell"),
        ("colorectal CICs", "minecsc:colorectal-cancer-stem-cell"),
        ("prostate CSCs", "minecsc:prostate-cancer-stem-cell"),
        ("side population cells", "mesh:D058985"),
        ("dormant CSCs", "minecsc:dormant-cancer-stem-cell"),
        ("mammospheres", "minecsc:tumorsphere-cell"),
        ("CD44+/CD24−", "minecsc:cd44-pos-cd24-neg"),
        ("CD44(+)CD24(-/low)", "minecsc:cd44-pos-cd24-neg"),
        ("ALDHhigh", "minecsc:aldh-high"),
        ("CD133-positive cells", "minecsc:cd133-pos"),
        ("CD133-", "minecsc:cd133-neg"),
        ("CD34+CD38− cells", "minecsc:cd34-pos-cd38-neg"),
    ],
)
def test_populations(linker: Linker, surface: str, wanted: str) -> None:
    assert _first(linker.link(surface, "CSC")) == wanted


_RETINA = "Central serous chorioretinopathy (CSC) with macular detachment was treated with photodynamic therapy."
_SMOKE = "Epithelial cells were exposed to cigarette smoke condensate (CSC) and DNA adducts were counted."
_STEM = "Cancer stem cells drive relapse. CSC were enriched after chemotherapy."


def test_csc_is_read_by_its_document(linker: Linker) -> None:
    assert _first(linker.link("CSC", "CSC", context=_STEM)) == "mesh:D014411"
    assert _first(linker.link("CSC", "CSC", expansions={"CSC": "cancer stem cell"})) == "mesh:D014411"
    assert linker.link("CSC", "CSC", context=_RETINA) == []
    assert linker.link("CSC", "CSC", expansions={"CSC": "central serous chorioretinopathy"}) == []
    assert linker.link("CSCs", "CSC", context=_SMOKE) == []
    assert linker.link("CSC", None, expansions={"CSC": "cigarette smoke condensate"}) == []


@pytest.mark.parametrize("surface", ["SP", "SP cells", "GSC", "LSC", "TIC", "CICs"])
def test_short_population_names_need_a_stem_cell_context(linker: Linker, surface: str) -> None:
    assert linker.link(surface, "CSC", context=_STEM)
    assert linker.link(surface, "CSC", context="Substance P was measured in serum.") == []


def test_an_ambiguous_name_follows_the_document(linker: Linker) -> None:
    assert _first(linker.link("TCF4", "Gene", context="Wnt target genes need β-catenin and TCF4.")) == "hgnc:11641"
    assert _first(linker.link("TCF4", "Gene", context="Pitt-Hopkins syndrome is caused by TCF4.")) == "hgnc:11634"
    assert _first(linker.link("PC", "Cancer", context="prostate biopsies")) == "DOID:10283"
    assert _first(linker.link("PC", "Cancer", context="pancreatic tissue")) == "DOID:1793"


def test_the_documents_long_form_decides(linker: Linker) -> None:
    assert _first(linker.link("GSI", "Drug", expansions={"GSI": "gamma-secretase inhibitor"})) == "mesh:D000091062"
    assert linker.link("DOX", "Drug", expansions={"DOX": "diosgenin oxime xyloside"}) == []
    written_out = linker.link("PC cells", "Cell", expansions={"PC": "pancreatic cancer"})
    assert written_out
    assert "pancrea" in written_out[0].name


@pytest.mark.parametrize(
    ("surface", "type_"),
    [
        ("", None),
        ("   ", "Gene"),
        ("compound 17", "Drug"),
        ("MSI-N1014", "Drug"),
        ("PPMTase", "Gene"),
        ("was", None),
        ("cat", None),
        ("quux signaling", "Pathway"),
        ("1/2", "Gene"),
        ("💊", "Drug"),
    ],
)
def test_unknown_names_are_nil(linker: Linker, surface: str, type_: EntityType | None) -> None:
    assert linker.link(surface, type_) == []


def test_scores_rank_and_stay_in_range(linker: Linker) -> None:
    exact = linker.link("ABCG2", "Gene")[0].score
    folded = linker.link("abcg-2", "Gene")[0].score
    headed = linker.link("ABCG2 mRNA", "Gene")[0].score
    broader = linker.link("KRAS-mutant pancreatic cancer", "Cancer")[0].score
    assert 1.0 >= exact > folded >= headed > broader >= linker.threshold


def test_type_decides_between_readings(linker: Linker) -> None:
    assert _first(linker.link("MET", "Gene")) == "hgnc:7029"
    assert _first(linker.link("MET", "Drug")) == "drugbank:DB00331"
    assert linker.link("cisplatin", "Cancer") == []
    assert linker.link("breast cancer", "Gene") == []


def test_results_do_not_depend_on_order_or_process(linker: Linker) -> None:
    names: list[tuple[str, EntityType]] = [
        ("CSCs", "CSC"),
        ("IDH", "Gene"),
        ("ERK", "Gene"),
        ("TICs", "CSC"),
        ("PTX", "Drug"),
    ]
    once = [linker.link(*n) for n in names]
    copy = pickle.loads(pickle.dumps(linker))
    assert [copy.link(*n) for n in reversed(names)] == once[::-1]


def test_every_answer_is_a_concept_of_the_knowledge_base(linker: Linker) -> None:
    for surface, type_ in (
        ("lung CSCs", "CSC"),
        ("CD90+ cells", "CSC"),
        ("A549/DDP", "Cell"),
        ("STAT5 signaling", "Pathway"),
        ("WEE1 inhibitor", "Drug"),
        ("gefitinib resistance", "Process"),
    ):
        for candidate in linker.link(surface, type_):  # type: ignore[arg-type]
            concept = linker.kb.concept(candidate.concept_id)
            assert concept is not None
            assert concept.name == candidate.name


def test_unknown_entity_type_is_refused(linker: Linker) -> None:
    with pytest.raises(SchemaError, match="Protein"):
        linker.link("p53", "Protein")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("surface", "type_", "wanted"),
    [
        ("salinomicin", "Drug", "drugbank:DB11544"),
        ("nalozone", "Drug", "drugbank:DB01183"),
        ("gemcitabin", "Drug", "drugbank:DB00441"),
        ("verapamil hydrocloride", "Drug", "drugbank:DB00661"),
        ("IGC-001", "Drug", "drugbank:DB18024"),
        ("hepatocelular carcinoma", "Cancer", "DOID:684"),
        ("pancreas ductal adenocarcinoma", "Cancer", "DOID:3498"),
        ("Notch signaling", "Pathway", "GO:0007219"),
        ("STAT3 pathway", "Pathway", "minecsc:stat3-signaling"),
        ("CXCL12/CXCR4 axis", "Pathway", "GO:0038160"),
        ("Hedgehog pathway inhibitor", "Drug", "minecsc:hedgehog-pathway-inhibitor"),
    ],
)
def test_names_near_by_spelling_and_composed_ones(linker: Linker, surface: str, type_: EntityType, wanted: str) -> None:
    found = linker.link(surface, type_)
    assert found, f"{surface} is NIL"
    assert wanted in (found[0].concept_id, *found[0].xrefs), found[:3]


@pytest.mark.parametrize(
    ("surface", "type_", "not_wanted"),
    [
        ("EZH3", "Gene", "hgnc:3527"),
        ("CDK46", "Gene", "hgnc:1773"),
        ("CD1333", "Gene", "hgnc:9454"),
        ("IL-66", "Gene", "hgnc:6018"),
        ("miR-2100", "Gene", "hgnc:31587"),
        ("hypermethylation inducer", "Process", "GO:0006306"),
        ("antisalinomycin", "Drug", "drugbank:DB11544"),
    ],
)
def test_look_alikes_are_not_linked(linker: Linker, surface: str, type_: EntityType, not_wanted: str) -> None:
    assert _first(linker.link(surface, type_)) != not_wanted


@pytest.mark.parametrize(
    ("surface", "context"),
    [
        ("GSCs", "Germline stem cells of the Drosophila ovary need a niche; tumors form without bam."),
        ("LSCs", "Limbal stem cells of the cornea were grafted after a tumor was removed."),
        ("TIC", "Total ion current was recorded; tumor extracts were used."),
    ],
)
def test_short_names_of_other_stem_cells_are_nil(linker: Linker, surface: str, context: str) -> None:
    assert linker.link(surface, "CSC", context=context) == []


def test_the_long_form_of_a_healthy_tissue_is_nil(linker: Linker) -> None:
    assert linker.link("GSC", "CSC", context=_STEM, expansions={"GSC": "germline stem cell"}) == []
    assert _first(linker.link("GSC", "CSC", expansions={"GSC": "glioma stem cell"})) == "BTO:0006155"


def test_another_name_in_the_document_speaks_for_a_reading(linker: Linker) -> None:
    alone = linker.link("BCRP", "Gene", context="Efflux was measured.")[0]
    with_name = linker.link("BCRP", "Gene", context="Efflux by ABCG2 was measured.")[0]
    neighbour = linker.link("BCRP", "Gene", context="Efflux was measured.", neighbours={"hgnc:74"})[0]
    assert with_name.score > alone.score
    assert neighbour.score > alone.score
    assert alone.concept_id == with_name.concept_id == neighbour.concept_id == "hgnc:74"


@pytest.mark.parametrize(
    ("surface", "type_", "wanted"),
    [
        ("Notch-1 & -3", "Gene", "hgnc:7881"),
        ("MMP-2/-9", "Gene", "hgnc:7166"),
        ("IL-1alpha/beta", "Gene", "hgnc:5991"),
        ("breast and ovarian cancer", "Cancer", "DOID:1612"),
        ("lung or colon carcinomas", "Cancer", "DOID:1324"),
        ("EGFR/ALK", "Gene", None),
    ],
)
def test_a_list_cut_short_is_its_first_member(
    linker: Linker, surface: str, type_: EntityType, wanted: str | None
) -> None:
    assert _first(linker.link(surface, type_)) == wanted


@pytest.mark.parametrize(
    ("surface", "type_", "wanted"),
    [
        ("NRG-1 beta", "Gene", "hgnc:7997"),
        ("D2 receptor", "Gene", "hgnc:3023"),
        ("stage II and III colorectal cancer", "Cancer", "DOID:9256"),
        ("MDMA", "Drug", "drugbank:DB01454"),
        ("Pb", "Chemical", "mesh:D007854"),
        ("NH3", "Chemical", "drugbank:DB11118"),
    ],
)
def test_isoforms_stages_and_formulae(linker: Linker, surface: str, type_: EntityType, wanted: str) -> None:
    assert _first(linker.link(surface, type_)) == wanted


def test_an_element_symbol_keeps_its_case(linker: Linker) -> None:
    assert _first(linker.link("PB", "Drug")) != "mesh:D007854"


def test_cis_is_not_trans(linker: Linker) -> None:
    assert _first(linker.link("cis-retinoic acid", "Drug")) != "drugbank:DB00755"


def test_a_short_form_of_dopamine_needs_the_word(linker: Linker) -> None:
    assert linker.link("DA", "Drug", context="The DA was measured.") == []
    assert _first(linker.link("DA", "Drug", context="Dopaminergic neurons release DA.")) == "drugbank:DB00988"


def test_a_long_form_cut_out_of_another_is_no_long_form(linker: Linker) -> None:
    assert _first(linker.link("Erk2", "Gene", expansions={"Erk2": "Erk1), and 2"})) == "hgnc:6871"


def test_a_document_is_linked_like_its_mentions(linker: Linker) -> None:
    mentions: list[tuple[str, EntityType]] = [("BCRP", "Gene"), ("salinomycin", "Drug"), ("nonsense 17", "Gene")]
    found = linker.link_document(mentions, context="BCRP and salinomycin.")
    assert [_first(f) for f in found] == ["hgnc:74", "drugbank:DB11544", None]


def test_a_higher_threshold_abstains_more(linker: Linker) -> None:
    strict = Linker(linker.kb, threshold=0.999)
    assert linker.link("p27", "Gene")
    assert strict.link("p27", "Gene") == []
    assert pickle.loads(pickle.dumps(strict)).threshold == 0.999
