"""Names of the field that mean two things: each must come out right in both readings, or NIL where it has no concept.

The contexts are our own words, written for these tests. ``expected`` lists every acceptable identifier (of the concept
or its cross-references); an empty one is NIL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from minecsc.linking import KnowledgeBase, Linker
from minecsc.schema import EntityType

NIL = ""


class Trap(NamedTuple):
    """A mention in a document. long: what the document says the name stands for."""

    surface: str
    type: EntityType
    expected: str
    context: str
    long: str = ""


WNT = "Wnt3a drives β-catenin into the nucleus, where it binds {} and switches on MYC in colorectal tumours."
STEM = "Cancer stem cells survive chemotherapy. {} formed spheres and seeded new tumours in mice."
PLAIN = "We treated the cultures for two days and measured {}."

TRAPS: Mapping[str, tuple[Trap, ...]] = {
    "TCF-4": (
        Trap("TCF-4", "Gene", "hgnc:11641", WNT),
        Trap("TCF4", "Gene", "hgnc:11641", WNT),
        Trap("TCF4", "Gene", "hgnc:11634", "Pitt-Hopkins syndrome follows from loss of one copy of {}."),
        Trap("TCF-4", "Gene", "hgnc:11634", "The E2-2 protein ({}) binds E-boxes in plasmacytoid dendritic cells."),
    ),
    "TAZ": (
        Trap("TAZ", "Gene", "hgnc:24042", "LATS kinases hold YAP and {} in the cytoplasm; TEAD needs both."),
        Trap("TAZ", "Gene", "hgnc:11577", "Barth syndrome: without {} the heart's cardiolipin stays immature."),
        Trap("TAZ", "Gene", "hgnc:11577", PLAIN, "tafazzin"),
    ),
    "p27": (
        Trap("p27", "Gene", "hgnc:1785", "Arrest in G1 came with {} binding cyclin E and CDK2."),
        Trap("p27", "Gene", "hgnc:5397", PLAIN, "interferon alpha-inducible protein 27"),
        Trap("p27", "Gene", "hgnc:9567", PLAIN, "26S proteasome non-ATPase regulatory subunit 9"),
    ),
    "MDR1": (
        Trap("MDR1", "Gene", "hgnc:40", "{} pumped doxorubicin out of the cells."),
        Trap("MDR-1", "Gene", "hgnc:40", "Verapamil blocks {} and restores uptake of the dye."),
        Trap("MDR-TB", "Gene", NIL, "Patients with {} need second-line drugs.", "multidrug-resistant tuberculosis"),
        Trap("MDR", "Process", "mesh:D018432", "{} is the failure of many drugs at once.", "multidrug resistance"),
    ),
    "BCRP": (
        Trap("BCRP", "Gene", "hgnc:74", "{} carries Hoechst 33342 out of side population cells."),
        Trap("BCR", "Gene", "hgnc:1014", "The {}-ABL1 fusion drives chronic myeloid leukaemia."),
    ),
    "Sca-1": (
        Trap("Sca-1", "Gene", "minecsc:mouse-ly6a-sca-1", "Murine Lin-{}+c-Kit+ bone marrow repopulated the hosts."),
        Trap("SCA1", "Gene", "hgnc:10548", "In {} ataxin-1 is too long.", "spinocerebellar ataxia type 1"),
    ),
    "CSC": (
        Trap("CSC", "CSC", "mesh:D014411", STEM),
        Trap("CSCs", "CSC", "mesh:D014411", STEM, "cancer stem cells"),
        Trap("CSC", "CSC", NIL, "Subretinal fluid in {} resolved after laser.", "central serous chorioretinopathy"),
        Trap("CSC", "CSC", NIL, "Fluid under the macula is the sign of chronic {} in these eyes."),
        Trap("CSC", "CSC", NIL, "{} raised CYP1A1 in bronchial cells.", "cigarette smoke condensate"),
        Trap("CSC", "Drug", NIL, "{} raised CYP1A1 in bronchial cells.", "cigarette smoke condensate"),
    ),
    "SP": (
        Trap("SP", "CSC", "mesh:D058985", "Hoechst dye sorting gave {} cells with high ABCG2 and stem cell traits."),
        Trap("SP cells", "CSC", "mesh:D058985", STEM, "side population"),
        Trap("SP", "Gene", "hgnc:11517|drugbank:DB19198|mesh:D013373", "{} bound NK1 receptors.", "substance P"),
        Trap("SP", "CSC", NIL, "{} bound NK1 receptors on the nerve endings.", "substance P"),
        Trap("SP", "Gene", NIL, "Its {} is cut off in the endoplasmic reticulum.", "signal peptide"),
    ),
    "GSC": (
        Trap("GSC", "CSC", "BTO:0006155|BTO:0006345", "{} resist radiation.", "glioma stem cell"),
        Trap("GSCs", "CSC", "BTO:0006155|BTO:0006345", "Glioblastoma relapses from stem cells. {} resist radiation."),
        Trap("GSC", "Gene", "hgnc:4612", "Nodal induces {} in the organizer.", "goosecoid"),
        Trap("GSC", "Gene", "hgnc:4612", "The homeobox gene {} marks the organizer of the gastrula."),
        Trap("GSC", "Cell", "CL:0000014", "The niche at the testis tip holds each {}.", "germline stem cell"),
        Trap("GSCs", "Cell", "CL:0000014", "In the Drosophila ovary germline stem cells stay in the niche; {} divide."),
        Trap("GSC", "CSC", "minecsc:stomach-cancer-stem-cell", PLAIN, "gastric cancer stem cell"),
    ),
    "LSC": (
        Trap("LSC", "CSC", "BTO:0004178", "{} outlive imatinib.", "leukemia stem cell"),
        Trap("LSCs", "CSC", "BTO:0004178", "Acute myeloid leukemia stem cells are quiescent; {} outlive cytarabine."),
        Trap("LSC", "Cell", "CL:4033093|mesh:D000091082", "The cornea heals from its {}.", "limbal stem cell"),
        Trap("LSC", "CSC", "minecsc:lung-cancer-stem-cell", PLAIN, "lung cancer stem cell"),
        Trap("LSC", "CSC", NIL, "The rim of the cornea was examined by {}.", "laser scanning cytometry"),
    ),
    "TIC": (
        Trap("TIC", "CSC", "mesh:D014411", STEM, "tumor-initiating cell"),
        Trap("TICs", "CSC", "mesh:D014411", STEM),
        Trap("TIC", "CSC", NIL, "The {} of the run had three peaks.", "total ion chromatogram"),
        Trap("CIC", "Gene", "hgnc:14214", "Capicua: mutations of the repressor {} occur in oligodendroglioma."),
        Trap("CIC", "CSC", "mesh:D014411", STEM, "cancer-initiating cell"),
    ),
    "drug codes": (
        Trap("ICG-001", "Drug", "drugbank:DB18024", "{} keeps CBP away from β-catenin."),
        Trap("IGC-001", "Drug", "drugbank:DB18024", "{} keeps CBP away from β-catenin."),
        Trap("ICG", "Drug", "drugbank:DB16024|drugbank:DB09374", "Vessels glow with {}.", "indocyanine green"),
        Trap("AMD3100", "Drug", "drugbank:DB06809", "{} blocks CXCR4."),
        Trap("AMD 3100", "Drug", "drugbank:DB06809", "{} blocks CXCR4."),
        Trap("plerixafor", "Drug", "drugbank:DB06809", "{} blocks CXCR4."),
        Trap("AMD", "Drug", NIL, "Drusen are seen in {}.", "age-related macular degeneration"),
        Trap("ATRA", "Drug", "drugbank:DB00755", "{} differentiates promyelocytes."),
        Trap("ATRA", "Drug", NIL, "The {} was sampled in spring.", "adaptive topsoil retention area"),
        Trap("5-FU", "Drug", "drugbank:DB00544", "{} is given with leucovorin."),
        Trap("5FU", "Drug", "drugbank:DB00544", "{} is given with leucovorin."),
        Trap("FU", "Drug", NIL, "Patients lost to {} were left out.", "follow-up"),
        Trap("DOX", "Drug", "drugbank:DB00997", "The anthracycline {} damages DNA."),
        Trap("Dox", "Drug", "drugbank:DB00254", "Expression was switched on with {}.", "doxycycline"),
        Trap("PAC", "Drug", "drugbank:DB01229", "{} stabilises microtubules."),
        Trap("PAC", "Drug", NIL, "Polyphenols of grape seed, {}, were given.", "proanthocyanidins of grape"),
        Trap("CIS", "Drug", "drugbank:DB00515", "{} crosslinks DNA.", "cisplatin"),
        Trap("CIS", "Cancer", "DOID:8719", "The margins were free of {}.", "carcinoma in situ"),
        Trap("PTX", "Drug", "drugbank:DB01229", "The taxane {} stabilises microtubules."),
        Trap("PTX", "Drug", "drugbank:DB00806", "{} improves flow of blood.", "pentoxifylline"),
        Trap("GEM", "Drug", "drugbank:DB00441", "Pancreatic tumours resist {}."),
        Trap("GEM", "Drug", NIL, "Growth was modelled with a {}.", "genome-scale metabolic reconstruction"),
        Trap("TMZ", "Drug", "drugbank:DB00853", "Glioblastoma with methylated MGMT responds to {}."),
        Trap("TAM", "Drug", "drugbank:DB00675", "{} blocks the oestrogen receptor.", "tamoxifen"),
        Trap("TAMs", "Cell", "mesh:D000084582", "{} secrete IL-10 in the tumour bed."),
        Trap("SFN", "Drug", "drugbank:DB12422", "{} of broccoli activates NRF2.", "sulforaphane"),
        Trap("SFN", "Gene", "hgnc:10773", "{} encodes 14-3-3 sigma."),
        Trap("RA", "Chemical", "drugbank:DB00755|CHEBI:26536|CHEBI:15367", "{} differentiates cells.", "retinoic acid"),
        Trap("RA", "Cancer", NIL, "Joints swell in {}.", "rheumatoid arthritis"),
        Trap("MET", "Drug", "drugbank:DB00331", "{} activates AMPK in diabetic patients."),
    ),
    "Notch": (
        Trap("Notch", "Gene", "fplx:Notch|hgnc.genegroup:1689", "Jagged binds {} on the neighbouring cell."),
        Trap("NOTCH1", "Gene", "hgnc:7881", "Jagged binds {} on the neighbouring cell."),
        Trap("Notch1", "Gene", "hgnc:7881", "Jagged binds {} on the neighbouring cell."),
        Trap("Notch-1", "Gene", "hgnc:7881", "Jagged binds {} on the neighbouring cell."),
        Trap("Notch 3", "Gene", "hgnc:7883", "Jagged binds {} on the neighbouring cell."),
        Trap("Notch signaling", "Pathway", "GO:0007219", "{} keeps stem cells undivided."),
        Trap("Notch", "Pathway", "GO:0007219", "{} keeps stem cells undivided."),
    ),
    "hedgehog": (
        Trap("SHH", "Gene", "hgnc:10848", "{} binds PTCH1."),
        Trap("Shh", "Gene", "hgnc:10848", "{} binds PTCH1."),
        Trap("SHH", "Drug", NIL, "Wages rose in the city of the {}.", "seaport Hamburg"),
        Trap("PTCH", "Gene", "hgnc:9585", "{} holds SMO back."),
        Trap("SMO", "Gene", "hgnc:11119", "Vismodegib binds {}."),
        Trap("SMO", "Gene", "hgnc:15862", "Polyamines are oxidised by {}.", "spermine oxidase"),
        Trap("Hh", "Pathway", "GO:0007224", "{} signals through GLI1."),
    ),
    "genes that are words": (
        Trap("KIT", "Gene", "hgnc:6342", "Imatinib inhibits {} in gastrointestinal stromal tumours."),
        Trap("kit", "Drug", NIL, "RNA was isolated with a {} of the maker."),
        Trap("CAT", "Gene", "hgnc:1516", "SOD2 and {} remove hydrogen peroxide.", "catalase"),
        Trap("CAT", "Gene", NIL, "Promoter strength was read from {} activity.", "chloramphenicol acetyltransferase"),
        Trap("CAT", "Gene", "hgnc:2342", "Acyl groups are moved by {}.", "carnitine acetyltransferase"),
        Trap("WAS", "Gene", "hgnc:12731", "{}, lost in Wiskott-Aldrich syndrome, makes actin branch."),
        Trap("was", "Gene", NIL, "It {} measured."),
        Trap("IMPACT", "Gene", "hgnc:20387", "{} competes with GCN2 for GCN1."),
        Trap("impact", "Gene", NIL, "The {} on survival was small."),
        Trap("MET", "Gene", "hgnc:7029", "HGF binds {}."),
        Trap("met", "Gene", NIL, "The criteria were {} by all."),
        Trap("REST", "Gene", "hgnc:9966", "{} represses neuronal genes."),
        Trap("rest", "Gene", NIL, "The {} of the cells were frozen."),
        Trap("SET", "Gene", "hgnc:10760", "{} inhibits PP2A."),
        Trap("set", "Gene", NIL, "A {} of plates was kept."),
    ),
    "AKT": (
        Trap("AKT", "Gene", "fplx:AKT", "PI3K activates {}."),
        Trap("AKT1", "Gene", "hgnc:391", "PI3K activates {}."),
        Trap("AKT thymoma", "Cancer", "DOID:3275|ncit:C3411|mesh:D013945|mondo:0006456", "AKR mice carry {}."),
    ),
    "ALDH and markers": (
        Trap("ALDH", "Gene", "fplx:ALDH|hgnc.genegroup:398", "{} oxidises aldehydes."),
        Trap("ALDH1A1", "Gene", "hgnc:402", "{} oxidises retinal."),
        Trap("ALDH+", "CSC", "minecsc:aldh-high|minecsc:aldh-pos", "Sorted {} cells seeded tumours."),
        Trap("ALDHhigh", "CSC", "minecsc:aldh-high", "Sorted {} cells seeded tumours."),
        Trap("CD44", "Gene", "hgnc:1681", "Hyaluronan binds {}."),
        Trap("CD44+/CD24-", "CSC", "minecsc:cd44-pos-cd24-neg", "Sorted {} cells seeded tumours."),
        Trap("CD24-CD44+", "CSC", "minecsc:cd44-pos-cd24-neg", "Sorted {} cells seeded tumours."),
        Trap("CD44+CD24+", "CSC", "minecsc:cd24-pos-cd44-pos|minecsc:cd44-pos-cd24-pos", "{} cells seeded tumours."),
        Trap("CD133", "Gene", "hgnc:9454", "The antibody binds {}."),
        Trap("CD133+", "CSC", "minecsc:cd133-pos", "Sorted {} cells seeded tumours."),
        Trap("CD133-", "CSC", "minecsc:cd133-neg", "Sorted {} cells seeded no tumours."),
    ),
    "receptors": (
        Trap("ER", "Gene", "hgnc:3467|fplx:ESR", "Fulvestrant degrades {} in breast cancer."),
        Trap("ER", "Process", "mesh:D004721", "Unfolded proteins gather in the {}.", "endoplasmic reticulum"),
        Trap("ER", "Gene", NIL, "Unfolded proteins gather in the {}.", "endoplasmic reticulum"),
        Trap("ER stress", "Process", "GO:0034976|mesh:D059865", "Tunicamycin causes {}."),
        Trap("PR", "Gene", "hgnc:8910", "Tumours expressed ER and {}.", "progesterone receptor"),
        Trap("PR", "Gene", NIL, "The best answer was {} in four patients.", "partial response"),
        Trap("AR", "Gene", "hgnc:644", "Enzalutamide blocks {} in prostate cancer."),
        Trap("AR", "Gene", "hgnc:651", "{} binds EGFR.", "amphiregulin"),
        Trap("AR", "Gene", "hgnc:381", "{} makes sorbitol.", "aldose reductase"),
        Trap("CAR", "Gene", "hgnc:7969", "{} binds RXR.", "constitutive androstane receptor"),
        Trap("CAR", "Gene", "mesh:D000076962", "T cells carried a {}.", "chimeric antigen receptor"),
    ),
    "cells": (
        Trap("MSC", "Cell", "CL:0000134|mesh:D059630", "Bone marrow {} migrate to tumours.", "mesenchymal stem cell"),
        Trap("MSCs", "Cell", "CL:0000134|mesh:D059630", "Bone marrow {} migrate to tumours and become fibroblasts."),
        Trap("MSC", "Gene", "hgnc:7321", "{} is a helix-loop-helix factor.", "musculin"),
        Trap("HSC", "Cell", "CL:0000037|mesh:D006412", "Bone marrow was repopulated by one {}."),
        Trap("HSCs", "Cell", "CL:0000037|mesh:D006412", PLAIN, "hematopoietic stem cells"),
        Trap("HSC", "Cell", "CL:0000632|mesh:D055166", "{} lay down collagen.", "hepatic stellate cell"),
        Trap("HSCs", "Cell", "CL:0000632|mesh:D055166", "In liver fibrosis stellate cells divide; {} make collagen."),
        Trap("PSC", "Cell", "CL:0002410|mesh:D058954", "{} lay down collagen.", "pancreatic stellate cell"),
        Trap("PSC", "Cell", "CL:0002248|mesh:D039904", "{} form teratomas.", "pluripotent stem cell"),
        Trap("EPCs", "Cell", "CL:0002619|BTO:0004093", "{} line vessels.", "endothelial progenitor cell"),
        Trap("CAFs", "Cell", "mesh:D000072645", "{} secrete CXCL12 in the stroma."),
    ),
    "genes that share a name": (
        Trap("PDK1", "Gene", "hgnc:8816", "{} phosphorylates AKT.", "3-phosphoinositide-dependent protein kinase 1"),
        Trap("PDK1", "Gene", "hgnc:8809", "{} blocks entry to the Krebs cycle.", "pyruvate dehydrogenase kinase 1"),
        Trap("NRF2", "Gene", "hgnc:7782", "KEAP1 holds {}."),
        Trap("NRF-2", "Gene", "hgnc:4071", "{} drives cytochrome oxidase.", "GA-binding protein alpha"),
        Trap("p62", "Gene", "hgnc:11280", "Autophagy degrades {}."),
        Trap("p62", "Gene", "hgnc:8066", "The pore holds {}.", "nucleoporin 62"),
        Trap("p38", "Gene", "fplx:p38|hgnc:6876", "MKK6 phosphorylates {}."),
        Trap("IMP3", "Gene", "hgnc:28868", PLAIN, "insulin-like growth factor 2 mRNA-binding protein 3"),
        Trap("APC", "Gene", "hgnc:583", "Axin and {} mark β-catenin for destruction."),
        Trap("APCs", "Cell", "mesh:D000938|CL:0000145", "{} prime T cells.", "antigen-presenting cells"),
        Trap("EMT", "Process", "GO:0001837|mesh:D058750", "TGF-β drives {} and loss of E-cadherin."),
        Trap("ITK", "Gene", "hgnc:6171", "{} acts below the T-cell receptor."),
        Trap("HH", "Pathway", "GO:0007224", "{} signals through GLI1."),
        Trap("MM", "Cancer", "DOID:9538", "Bortezomib is given in {}.", "multiple myeloma"),
        Trap("MM", "Cancer", "DOID:1790|DOID:1788|mesh:D000086002", "Asbestos causes {}.", "malignant mesothelioma"),
        Trap("MM", "Cancer", "DOID:1909|ncit:C3224|mesh:D008545|ncit:C8925", PLAIN, "metastatic melanoma"),
        Trap("ALL", "Cancer", "DOID:9952|mesh:D054198", "Blasts of children with {} were grown."),
    ),
}  # fmt: skip
_CASES = [
    pytest.param(trap, id=f"{name}-{n}-{trap.surface}") for name, traps in TRAPS.items() for n, trap in enumerate(traps)
]


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(KnowledgeBase.load())


@pytest.mark.parametrize("trap", _CASES)
def test_every_reading_of_an_ambiguous_name(linker: Linker, trap: Trap) -> None:
    context = trap.context.format(f"{trap.long} ({trap.surface})" if trap.long else trap.surface)
    found = linker.link(
        trap.surface, trap.type, context=context, expansions={trap.surface: trap.long} if trap.long else {}
    )
    answer = [(c.concept_id, c.name, c.score) for c in found[:3]]
    if trap.expected == NIL:
        assert not found, f"{trap.surface} ({context}): NIL expected, answered {answer}"
        return
    assert found, f"{trap.surface} ({context}): {trap.expected} expected, answered NIL"
    wanted = {i.lower() for i in trap.expected.split("|")}
    ids = {i.lower() for i in (found[0].concept_id, *found[0].xrefs)}
    assert wanted & ids, f"{trap.surface} ({context}): {trap.expected} expected, answered {answer}"


def test_every_expected_reading_is_a_concept(linker: Linker) -> None:
    """A trap whose identifiers we do not hold would fail for another reason than the one it tests."""
    kb = linker.kb
    known = {i.lower() for row in range(len(kb)) for c in [kb.row(row)] for i in (c.concept_id, *c.xrefs)}
    lost = [
        (trap.surface, trap.expected)
        for traps in TRAPS.values()
        for trap in traps
        if trap.expected != NIL
        and not any(i.lower() in known or kb.concept(i) is not None for i in trap.expected.split("|"))
    ]
    assert not lost


def test_a_name_reads_the_same_whatever_was_asked_before(linker: Linker) -> None:
    def ask(trap: Trap) -> list[str]:
        expansions = {trap.surface: trap.long} if trap.long else {}
        found = linker.link(trap.surface, trap.type, context=trap.context, expansions=expansions)
        return [c.concept_id for c in found]

    traps = [trap for group in TRAPS.values() for trap in group]
    forwards = [ask(trap) for trap in traps]
    assert [ask(trap) for trap in reversed(traps)] == forwards[::-1]
