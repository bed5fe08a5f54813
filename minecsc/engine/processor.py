"""What turns documents into extractions, with all that says which result it will give."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minecsc.ids import json_digest
from minecsc.schema import Document, Extraction, RecordError

if TYPE_CHECKING:
    from minecsc.linking import Concept

_log = logging.getLogger(__name__)

Outcome = Extraction | RecordError


@dataclass(frozen=True, slots=True)
class Processor:
    """A function from documents to one outcome each, in order, and its identity.

    The digests and ``settings`` must change whenever results may: documents done under equal ones are not
    done again. concepts: the concepts with the ids given, for the names in the database.
    """

    process: Callable[[Sequence[Document]], Iterable[Outcome]]
    concepts: Callable[[set[str]], Iterable[Concept]]
    model_name: str
    model_digest: str
    kb_digest: str
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What decides the result for a given document."""
        return json_digest([self.model_digest, self.kb_digest, dict(self.settings)])

    def outcomes(self, documents: Sequence[Document], done: Callable[[], object]) -> list[Outcome]:
        """One outcome per document, in order; ``done`` is called for each.

        Where the function fails, halves of what is left are tried, down to the document at fault, which
        becomes a RecordError.
        """
        results: list[Outcome] = []
        try:
            for document, outcome in zip(documents, self.process(documents), strict=True):
                if isinstance(outcome, Extraction) and outcome.document != document:
                    raise ValueError(f"result for {outcome.document.document_id} in place of this one")
                results.append(outcome)
                done()
        except Exception as error:  # whatever a model may raise on one text, the others go on
            left = documents[len(results) :]
            if len(left) == 1 and len(documents) == 1:
                results.append(_failure(left[0], error))
                done()
            elif left:
                middle = len(left) // 2 or 1
                results += self.outcomes(left[:middle], done)
                results += self.outcomes(left[middle:], done)
        return results


def _failure(document: Document, error: Exception) -> RecordError:
    _log.debug("%s failed", document.document_id, exc_info=error)
    return RecordError(document.source or "", document.document_id, f"{type(error).__name__}: {error}")


def load_processor(
    model: Path | str | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 64,
    min_probability: float | None = None,
    entities: Path | str | None = None,
    entity_labels: Mapping[str, str | None] | None = None,
) -> Processor:
    """The spaCy pipeline as a processor. Parameters as of ``minecsc.load``; raises what that raises."""
    from minecsc.nlp import default_model, load, pipeline_digests, read_meta
    from minecsc.nlp.records import extract_documents

    folder = Path(model) if model is not None else default_model()
    nlp = load(
        folder,
        device=device,
        precision=precision,
        min_probability=min_probability,
        entities=entities,
        entity_labels=entity_labels,
    )
    digests = pipeline_digests(nlp)
    extractor: Any = nlp.get_pipe("minecsc_extractor")
    linker: Any = nlp.get_pipe("minecsc_linker")
    return Processor(
        process=lambda documents: extract_documents(nlp, documents, batch_size=batch_size),
        concepts=linker.linker.kb.concepts,
        model_name=str(read_meta(folder).get("name", folder.name)),
        model_digest=digests["model"],
        kb_digest=digests["knowledge_base"],
        device=str(extractor.extractor.device),
        settings={"min_probability": min_probability, "precision": extractor.extractor.precision}
        | ({} if entities is None else {"entities": str(entities), "entities_digest": digests["entities"]}),
    )
