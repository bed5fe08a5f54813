"""The model card: what was trained on what, how well it does, and whom to thank."""

from __future__ import annotations

from typing import Any

CREDITS: dict[str, tuple[str, str]] = {
    "gold/train": (
        "minecsc gold annotation of PubMed abstracts (stand-off in corpus/gold)",
        "annotation Apache-2.0; abstracts: PubMed/NLM terms, not redistributed",
    ),
    "biored": (
        "BioRED, Luo et al., Briefings in Bioinformatics 2022",
        "licence not stated at the source; NCBI/NLM, US-government work",
    ),
    "bc5cdr": (
        "BC5CDR, Li et al., Database 2016",
        "licence not stated at the source; abstracts: PubMed/NLM terms",
    ),
    "anatem": ("AnatEM, Pyysalo & Ananiadou, Bioinformatics 2014", "annotation CC BY-SA 3.0"),
    "bionlp13cg": ("BioNLP-ST 2013 Cancer Genetics, Pyysalo et al. 2013", "annotation CC BY-SA 3.0"),
    "bionlp13pc": ("BioNLP-ST 2013 Pathway Curation, Ohta et al. 2013", "annotation CC BY-SA 3.0"),
    "chemprot": ("ChemProt, Krallinger et al., BioCreative VI 2017", "licence not stated at the source"),
    "drugprot": ("DrugProt, Miranda et al., BioCreative VII 2021", "licence not stated at the source"),
    "ncbi_disease": (
        "NCBI Disease, Dogan, Leaman & Lu, Journal of Biomedical Informatics 2014",
        "US-government public domain",
    ),
    "jnlpba": ("JNLPBA, Kim et al., NLPBA 2004", "annotation CC BY 3.0 (GENIA licence)"),
    "bc2gm": ("BC2GM, Smith et al., Genome Biology 2008", "CC BY 4.0 (repository)"),
    "nlm_gene": (
        "NLM-Gene, Islamaj et al., Journal of Biomedical Informatics 2021",
        "US-government work; repository MIT",
    ),
    "gnormplus": ("GNormPlus, Wei, Kao & Lu, BioMed Research International 2015", "US-government work; repository MIT"),
    "cellfinder": (
        "CellFinder, Neves, Damaschun, Kurtz & Leser, BioTxtM 2012",
        "annotation CC BY-SA 3.0; texts open access",
    ),
    "bioid_cellline": (
        "BioID, Arighi et al., BioCreative VI 2017; revised by Luo et al., Bioinformatics 2023 (AIONER)",
        "repository MIT; corpus terms not stated at the source",
    ),
    "bioscope_abstracts": (
        "BioScope, Szarvas et al., BioNLP 2008; Vincze et al., BMC Bioinformatics 2008",
        "licence not stated at the source",
    ),
    "civicmine": ("CIViCmine, Lever et al., Genome Medicine 2019", "MIT (repository)"),
    "drug_combo": ("Drug Combination Extraction, Tiktinsky et al., NAACL 2022", "licence not stated at the source"),
    "funcgen": ("Functional genomics IE, Cambridge Language Technology Lab 2024", "MIT (repository)"),
    "bionlp11ge": ("BioNLP-ST 2011 GENIA, Kim et al. 2011", "BioNLP-ST 2011 terms"),
    "bionlp13ge": (
        "BioNLP-ST 2013 GENIA, Kim, Wang & Yasunori 2013",
        "annotation CC BY 3.0; texts: licence of each open-access article",
    ),
    "mtor_pathway": (
        "mTOR pathway events, Ohta, Pyysalo & Tsujii, BioNLP 2011",
        "annotation CC BY 3.0 (GENIA licence)",
    ),
    "genia_event": (
        "GENIA events, Kim, Ohta & Tsujii, BMC Bioinformatics 2008",
        "annotation CC BY 3.0 (GENIA licence)",
    ),
}
"""Corpus → (citation, licence or terms as stated by its source)."""


KNOWN_FAILURES = """Kinds of sentences that models of this project have read wrongly so far (the sentences are ours):

| sentence | read as | right |
| --- | --- | --- |
| Low miR-203 causes radioresistance in head and neck cancer. | miR-203 increases radioresistance | decreases |
| LSD1 inhibition did increase CD86 expression in leukemic blasts. | LSD1 increases CD86 | decreases |
| Ruxolitinib spares leukemic stem cells. | decreases | no such effect |
| Neither cisplatin nor paclitaxel reduced the ALDH1+ fraction. | paclitaxel decreases ALDH1 | negated, of cells |
| CD133 marks glioma stem cells. | nothing | CD133 is a marker of them |
"""


def model_card(meta: dict[str, Any]) -> str:
    """Markdown card of a trained model from its ``meta.json``."""
    data, dev, training = meta["data"]["texts"], meta["dev"], meta["training"]
    decision = meta["decision"]
    rows = "\n".join(f"| {name} | {count} | {CREDITS[name][0]} | {CREDITS[name][1]} |" for name, count in data.items())
    shown = f"{dev['f1']} (P {dev['precision']}, R {dev['recall']})"
    precise = (
        f"The confident operating point is {dev['precise_threshold']:.2f}: precision on gold/dev "
        f"{dev['precise_precision']:.2f}{_interval(dev)} at a recall of {dev['precise_recall']:.3f}."
        if "precise_threshold" in dev
        else "From no threshold on precision holds at .90."
    )
    fitted = meta.get("calibration")
    figures_note = "Relation figures are cross-fitted over dev documents; a" if fitted is None else "A"
    where = (
        "fitted on gold/dev.\nCross-fitted over dev documents,"
        if fitted is None
        else f"fitted on\n{fitted['texts']} training abstracts, each read by a network of {fitted['folds']} that was "
        "trained without it (`docs/calibration.md`). On gold/dev"
    )
    return f"""# {meta["name"]}

Finds drugs, genes, pathways, processes, chemicals, cancer stem cell populations, cells and cancers in PubMed
abstracts, the directed relations between them, and whether a relation is negated or speculative.

**Use.** `minecsc.load()`; for research on the literature. **Not for** clinical decisions: it reads what authors
claim, makes mistakes, and knows English titles and abstracts only.

**Architecture.** One pass of the encoder{_size(meta)} over the whole abstract; word vectors
with hashed surface features and two convolutions; BIO tags with a conditional random field; relations scored for all
pairs of a sentence at once from span vectors, the words between and the pair's own attention over the sentence. Weights
are fp16, computed in fp32 on a CPU, or in int8 where it has the kernels.

## Training data

| corpus | texts | source | licence or terms |
| --- | --- | --- | --- |
{rows}

Each corpus trains heads of its own. Extraction uses the project's alone; the others lie beside the model
(`corpus_heads.safetensors`), for benchmarks. Every document that stands in a development
or test split of any of the corpora, in gold/dev or in the reserved test set was left out of training, by PMID and by
text (its beginning and, the reserved set aside, any sentence of 60 letters).

## Training

{_stages(meta)}

Made {meta["made"]} on {training["device"]}. `scripts/train.py` with the settings in `meta.json` repeats the
last stage; its history, and that of the stage before, stand there too.

## Figures on gold/dev (50 abstracts; the model was chosen on them, so they flatter it)

| what | strict micro F1 |
| --- | --- |
| entities | {dev["entity_f1"]} |
| relations end to end, default threshold ({dev["threshold"]:.2f}) | {shown} |
| relations end to end, best threshold ({dev["best_threshold"]:.2f}) | {dev["best_f1"]} |

{figures_note} relation counts if type, direction, both spans and both entity
types are right.

With intervals, by type, and with an error breakdown: `minecsc evaluate ../shared/gold/dev.jsonl`.

**Operating point.** Relations below a probability of {decision["min_probability"]:.2f} are not reported by default: the
highest threshold that costs at most two points of the best F1 on gold/dev. {precise}
Choose your own with `--min-probability`.

**Calibration.** A relation's probability is that of its type, both spans and both entity types being right together:
a logistic regression on the relation score and the certainty of both mentions, {where}
the expected calibration error (15 bins) of what is reported is {dev["ece"]:.3f}.

## Known limits

The gold was annotated with the help of a model by one guideline; no domain expert has reviewed it. Relations across
sentences are not read. Speculation and above all negation are rare in the gold, so their flags are the weakest part.

{KNOWN_FAILURES}"""


def _size(meta: dict[str, Any]) -> str:
    """Of the encoder; older models do not tell."""
    encoder = meta.get("encoder")
    return f" ({encoder['parameters'] / 1e6:.0f} M parameters, {encoder['layers']} layers)" if encoder else ""


def _stages(meta: dict[str, Any]) -> str:
    """What the weights went through, as a numbered list."""
    data, training = meta["data"], meta["training"]
    first = "Encoder: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)"
    if adapted := data.get("adapted"):
        losses, settings = [point["held_out_loss"] for point in adapted["history"]], adapted["config"]
        first += (
            f", adapted to the field by masked-language training (`scripts/adapt.py`) on "
            f"{settings['pieces'] / 1e6:.0f} M word pieces of abstracts without annotation and of training splits, "
            f"with a vocabulary of its own of {settings['vocabulary']:,} pieces; loss on texts kept apart "
            f"{losses[0]:.2f} to {losses[-1]:.2f}"
        )
    steps = [first + "."]
    if begun := data.get("started_from"):
        steps.append(_epochs(begun["training"], len(begun["history"])) + ".")
    last = _epochs(training, training["epochs_run"])
    if taught := data.get("taught"):
        kind = "decisions" if taught["hard"] else "probabilities"
        last += (
            f"; in each also {100 * training['taught_share']:.0f} % of {taught['texts']:,} abstracts without "
            f"annotation, with the {kind} of an ensemble of earlier models as labels (`scripts/teach.py`)"
        )
    steps.append(f"{last}. Epoch {training['best_epoch']} (from 0) was chosen on gold/dev.")
    return "\n".join(f"{k}. {step}" for k, step in enumerate(steps, 1))


def _epochs(training: dict[str, Any], run: int) -> str:
    mixed = min(training["mixed_epochs"], run)
    parts = []
    if mixed:
        parts.append(f"{mixed} epochs over gold and {100 * training['mixed_share']:.0f} % of the other corpora")
    if run > mixed:
        late = f" and {100 * training['late_share']:.0f} % of them" if training["late_share"] else " alone"
        parts.append(f"{run - mixed} of {training['gold_epochs']} planned epochs over gold{late}")
    return f"Seed {training['seed']}: " + ", then ".join(parts)


def _interval(dev: dict[str, float]) -> str:
    """Of the confident operating point; older models have none."""
    return f" (95 % {dev['precise_low']:.2f}–{dev['precise_high']:.2f})" if "precise_low" in dev else ""
