"""The corpora that training knows. Licences and credits: :mod:`minecsc.training.card`."""

from __future__ import annotations

from minecsc.training.corpora.events import EVENT_RELATIONS, events, genia
from minecsc.training.corpora.pairs import (
    CHEMPROT,
    FUNCGEN_RELATIONS,
    biored,
    chemprot,
    civicmine,
    drug_combo,
    drugprot,
    funcgen,
)
from minecsc.training.corpora.records import SCOPE_TYPES, CorpusSpec, full_text, plain, same, scopes

_DRUG_GENE = frozenset({("Drug", "Gene")})
_CHEMICAL_GENE = {"CHEMICAL": "CHEMICAL", "GENE-Y": "GENE", "GENE-N": "GENE", "GENE": "GENE"}
_CHEMICAL_GENE_PAIRS = {"CHEMICAL": "Drug", "GENE-Y": "Gene", "GENE-N": "Gene", "GENE": "Gene"}
_ANATOMY = (
    "Cell Cancer Cellular_component Tissue Multi-tissue_structure Organ Organism_substance Pathological_formation "
    "Organism_subdivision Immaterial_anatomical_entity Anatomical_system Developing_anatomical_structure"
)
_EVENT_PAIRS = {
    "Gene_or_gene_product": "Gene", "Protein": "Gene", "Complex": "Gene", "RNA": "Gene", "Receptor": "Gene",
    "Simple_chemical": "Drug", "Drug": "Drug", "Simple_molecule": "Chemical", "Ion": "Chemical",
    "Amino_acid": "Chemical", "Cancer": "Cancer", "Cell": "Cell", "Process": "Process",
}  # fmt: skip
_GENIA_GENES = (
    "Protein_molecule Protein_family_or_group Protein_complex Protein_domain_or_region Protein_substructure Peptide "
    "DNA_domain_or_region DNA_family_or_group DNA_molecule DNA_substructure Polynucleotide "
    "RNA_molecule RNA_family_or_group RNA_domain_or_region RNA_substructure"
).split()
_GENIA_COMPOUNDS = (
    "Organic_compound_other Lipid Inorganic_compound Element Nucleotide Amino_acid_monomer Carbohydrate"
).split()
_GENIA = {
    **{name: name.split("_")[0] if name[:3] in ("Pro", "DNA", "RNA") else "Protein" for name in _GENIA_GENES},
    "Polynucleotide": "DNA",
    **dict.fromkeys(_GENIA_COMPOUNDS, "Compound"),
    **dict.fromkeys(("Cell_natural", "Cell_cultured"), "Cell"),
    **dict.fromkeys(("Tissue_natural", "Tissue_cultured", "Body_region", "Cell_component"), "Anatomy"),
    **dict.fromkeys(
        (
            "Unicellular_organism", "Multicellular_organism_natural", "Virus",
            "Multicellular_organism_genetically_modified",
        ),
        "Organism",
    ),
    "Other": "Other", "Process": "Process",
}  # fmt: skip
_GENIA_PAIRS = {
    **dict.fromkeys(_GENIA_GENES, "Gene"),
    **dict.fromkeys(_GENIA_COMPOUNDS, "Chemical"),
    "Organic_compound_other": "Drug", "Cell_natural": "Cell", "Cell_cultured": "Cell",
    "Other": "Process", "Process": "Process",
}  # fmt: skip


def _events(name: str, types: str, dropped: tuple[str, ...] = ()) -> CorpusSpec:
    return CorpusSpec(
        name, same(types), events, dropped, pair_types=_EVENT_PAIRS, relation_types=EVENT_RELATIONS, flags=True
    )


_SPECS = (
    CorpusSpec(
        "biored",
        same("GeneOrGeneProduct DiseaseOrPhenotypicFeature ChemicalEntity OrganismTaxon SequenceVariant CellLine"),
        biored,
        # no type of ours is a variant or any disease: Process and Cancer keep them apart in the pair filter
        pair_types={
            "GeneOrGeneProduct": "Gene", "ChemicalEntity": "Drug", "SequenceVariant": "Process",
            "DiseaseOrPhenotypicFeature": "Cancer",
        },
        relation_types=(
            "Association", "Positive_Correlation", "Negative_Correlation", "Bind", "Cotreatment", "Comparison",
            "Drug_Interaction", "Conversion",
        ),
        pairs=frozenset({
            ("Gene", "Cancer"), ("Drug", "Cancer"), ("Process", "Cancer"), ("Drug", "Gene"), ("Drug", "Process"),
            ("Gene", "Gene"), ("Drug", "Drug"), ("Process", "Process"),
        }),
    ),
    CorpusSpec("bc5cdr", same("Chemical Disease"), plain),
    CorpusSpec("anatem", same(_ANATOMY), plain),
    _events(
        "bionlp13cg",
        f"Gene_or_gene_product Simple_chemical Organism Process Amino_acid DNA_domain_or_region "
        f"Protein_domain_or_region {_ANATOMY}",
    ),
    _events("bionlp13pc", "Gene_or_gene_product Simple_chemical Complex Cellular_component Process"),
    CorpusSpec(
        "chemprot", _CHEMICAL_GENE, chemprot,
        pair_types=_CHEMICAL_GENE_PAIRS, relation_types=tuple(CHEMPROT.values()), pairs=_DRUG_GENE,
    ),
    CorpusSpec(
        "drugprot", _CHEMICAL_GENE, drugprot,
        pair_types=_CHEMICAL_GENE_PAIRS,
        relation_types=(
            "INHIBITOR", "DIRECT-REGULATOR", "SUBSTRATE", "INDIRECT-DOWNREGULATOR", "INDIRECT-UPREGULATOR",
            "ACTIVATOR", "ANTAGONIST", "PART-OF", "PRODUCT-OF", "AGONIST", "SUBSTRATE_PRODUCT-OF",
            "AGONIST-INHIBITOR", "AGONIST-ACTIVATOR",
        ),
        pairs=_DRUG_GENE,
    ),
    CorpusSpec(
        "ncbi_disease",
        dict.fromkeys(("SpecificDisease", "Modifier", "DiseaseClass", "CompositeMention"), "Disease"),
        plain,
    ),
    CorpusSpec("jnlpba", same("protein DNA RNA cell_type cell_line"), plain),
    CorpusSpec("bc2gm", same("GENE"), plain),
    CorpusSpec("nlm_gene", same("Gene FamilyName DomainMotif Cell"), plain, dropped=("ChromosomeLocation",)),
    CorpusSpec("gnormplus", same("Gene FamilyName DomainMotif"), plain),
    CorpusSpec("cellfinder", same("CellType GeneProtein Anatomy Species CellLine CellComponent"), full_text),
    CorpusSpec("bioid_cellline", same("CellLine"), plain, empty_share=0.15),
    CorpusSpec("bioscope_abstracts", SCOPE_TYPES, scopes),
    CorpusSpec(
        "civicmine", {}, civicmine,
        pair_types={"gene": "Gene", "variant": "Process", "cancer": "Cancer", "drug": "Drug"},
        relation_types=("AssociatedVariant", "Prognostic", "Diagnostic", "Predictive", "Predisposing"),
        pairs=frozenset({("Gene", "Process"), ("Gene", "Cancer"), ("Drug", "Gene"), ("Drug", "Cancer")}),
    ),
    CorpusSpec(
        "drug_combo", {}, drug_combo,
        pair_types={"Drug": "Drug"}, relation_types=("POS", "COMB", "NEG"), pairs=frozenset({("Drug", "Drug")}),
    ),
    CorpusSpec(
        "funcgen", same("PERTURBING_ACTION CONTEXT EFFECT PHENOTYPE EFFECT_PHENOTYPE"), funcgen,
        pair_types={"PERTURBING_ACTION": "Gene", "PHENOTYPE": "Process", "EFFECT_PHENOTYPE": "Process"},
        relation_types=FUNCGEN_RELATIONS, pairs=frozenset({("Gene", "Process")}),
    ),
    _events("bionlp11ge", "Protein", dropped=("Entity",)),
    _events("bionlp13ge", "Protein", dropped=("Entity", "Anaphora", "Binding")),
    _events("mtor_pathway", "Protein Complex Receptor Simple_molecule Ion Drug RNA", dropped=("Entity", "Tag")),
    CorpusSpec(
        "genia_event", _GENIA, genia, pair_types=_GENIA_PAIRS, relation_types=EVENT_RELATIONS, flags=True,
    ),
)  # fmt: skip

CORPORA: dict[str, CorpusSpec] = {spec.name: spec for spec in _SPECS}
"""Corpora that training knows, by name."""
