"""Small evidence written by hand: relations and mentions from a line each, concepts, a linker over them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from minecsc.evidence import DocumentInfo, LinkedMention, LinkedRelation
from minecsc.linking import Candidate, Concept
from minecsc.schema import signature_allows

CONCEPTS = {
    concept.concept_id: concept
    for concept in (
        Concept("d:salinomycin", "salinomycin", "Drug"),
        Concept("d:cisplatin", "cisplatin", "Drug", parents=("d:chemo",)),
        Concept("d:gemcitabine", "gemcitabine", "Drug", parents=("d:chemo",)),
        Concept("d:chemo", "chemotherapy", "Drug"),
        Concept("d:radiotherapy", "radiotherapy", "Drug"),
        Concept("d:nivolumab", "nivolumab", "Drug", strategy_class="immunotherapy"),
        Concept("g:abcg2", "ABCG2", "Gene", ("BCRP",), mechanism_class="abc_transporter"),
        Concept("g:notch", "Notch", "Gene", mechanism_class="notch"),
        Concept("g:notch3", "NOTCH3", "Gene", parents=("g:notch",), mechanism_class="notch"),
        Concept("w:notch", "Notch signaling", "Pathway", ("Notch pathway",), mechanism_class="notch"),
        Concept("w:wnt", "Wnt signaling", "Pathway", mechanism_class="wnt"),
        Concept("p:resistance", "drug resistance", "Process", ("chemoresistance",)),
        Concept("p:stemness", "stemness", "Process"),
        Concept("p:emt", "EMT", "Process", mechanism_class="emt"),
        Concept("s:csc", "cancer stem cells", "CSC", ("CSCs",)),
        Concept("s:ovarian", "ovarian cancer stem cells", "CSC", ("ovarian CSCs",), parents=("s:csc",)),
        Concept("s:breast", "breast cancer stem cells", "CSC", ("breast CSCs",), parents=("s:csc",)),
        Concept("c:caf", "cancer-associated fibroblasts", "Cell", ("CAFs",), mechanism_class="caf"),
        Concept("c:mcf7", "MCF-7", "Cell"),
        Concept("k:ovarian", "ovarian cancer", "Cancer"),
        Concept("k:breast", "breast cancer", "Cancer"),
    )
}
_BY_NAME = {name: concept for concept in CONCEPTS.values() for name in (concept.name, *concept.synonyms)}
_ARGUMENT = re.compile(r"\s*(\w+):(.+?)\s*$")


class DictionaryLinker:
    """Exact names only, of the right type; everything else is NIL."""

    def __init__(self, concepts: Iterable[Concept] = CONCEPTS.values(), score: float = 1.0) -> None:
        self._names = {name: c for c in concepts for name in (c.name, *c.synonyms)}
        self._score = score

    def link(
        self,
        surface: str,
        type: str | None = None,
        *,
        context: str = "",
        expansions: Mapping[str, str] | None = None,
    ) -> list[Candidate]:
        concept = self._names.get(surface)
        if concept is None or type not in (None, concept.type):
            return []
        return [Candidate(concept.concept_id, concept.name, self._score, ())]


class Corpus:
    """Collects documents, mentions and relations; names in ``CONCEPTS`` come out linked."""

    def __init__(self) -> None:
        self.documents: dict[str, DocumentInfo] = {}
        self.mentions: list[LinkedMention] = []
        self.relations: list[LinkedRelation] = []
        self._held: dict[tuple[str, str], LinkedMention] = {}

    def document(
        self,
        document_id: str,
        *sentences: str | Sequence[str],
        year: int | None = 2020,
        retracted: bool = False,
        deleted: bool = False,
        text: str | None = None,
    ) -> Corpus:
        """Add a document.

        Each sentence is one fact or a list of them: ``Drug:cisplatin increases Gene:Notch @0.8 neg spec``;
        a mention alone is ``CSC:CSCs``.
        """
        self.documents[document_id] = DocumentInfo(document_id, year, retracted, deleted, text or document_id)
        for number, sentence in enumerate(sentences):
            facts = [sentence] if isinstance(sentence, str) else sentence
            for fact in facts:
                self._fact(document_id, f"{document_id}#s{number}", fact)
        return self

    def _mention(self, document_id: str, sentence_id: str, argument: str) -> LinkedMention:
        found = _ARGUMENT.match(argument)
        assert found is not None, argument
        type_, surface = found.groups()
        known = self._held.get((sentence_id, argument.strip()))
        if known is not None:
            return known
        concept = _BY_NAME.get(surface)
        if concept is not None and concept.type != type_:
            concept = None
        mention = LinkedMention(
            f"{document_id}#{len(self.mentions):05d}",
            document_id,
            sentence_id,
            surface,
            type_,
            concept.concept_id if concept is not None else None,
        )
        self.mentions.append(mention)
        self._held[sentence_id, argument.strip()] = mention
        return mention

    def _fact(self, document_id: str, sentence_id: str, fact: str) -> None:
        flags = set(re.findall(r"\s(neg|spec)\b", fact))
        probability = float((re.findall(r"@([\d.]+)", fact) or ["0.9"])[0])
        core = re.sub(r"\s(neg|spec)\b|\s@[\d.]+", "", fact)
        parts = re.split(r"\s(increases|decreases|resistance_to|sensitizes_to|marker_of|associated_with)\s", core)
        if len(parts) == 1:
            self._mention(document_id, sentence_id, core)
            return
        head = self._mention(document_id, sentence_id, parts[0])
        tail = self._mention(document_id, sentence_id, parts[2])
        assert signature_allows(parts[1], head.type, tail.type), fact
        self.relations.append(
            LinkedRelation(
                f"{document_id}#{parts[1]}:{len(self.relations)}",
                document_id,
                sentence_id,
                parts[1],
                head.mention_id,
                head.concept_id,
                head.surface,
                head.type,
                tail.mention_id,
                tail.concept_id,
                tail.surface,
                tail.type,
                "neg" in flags,
                "spec" in flags,
                probability,
            )
        )
