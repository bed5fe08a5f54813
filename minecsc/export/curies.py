"""Our CURIEs in the spelling of others: Biolink's prefixes, INDRA's name spaces."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

_BIOLINK: Final = MappingProxyType(
    {
        "hgnc": "HGNC", "hgnc.genegroup": "HGNC.FAMILY", "chebi": "CHEBI", "mesh": "MESH", "drugbank": "DRUGBANK",
        "go": "GO", "doid": "DOID", "mondo": "MONDO", "ncit": "NCIT", "cl": "CL", "bto": "BTO", "reactome": "REACT",
        "wikipathways": "WIKIPATHWAYS", "msigdb": "MSigDB", "ncbigene": "NCBIGene", "uniprot": "UniProtKB",
        "pubchem.compound": "PUBCHEM.COMPOUND", "cas": "CAS", "unii": "UNII",
    }
)  # fmt: skip
_INDRA: Final = MappingProxyType(
    {
        "hgnc": "HGNC", "hgnc.genegroup": "HGNC_GROUP", "fplx": "FPLX", "chebi": "CHEBI", "mesh": "MESH",
        "drugbank": "DRUGBANK", "go": "GO", "doid": "DOID", "cl": "CL", "bto": "BTO", "cellosaurus": "CVCL",
        "ncit": "NCIT", "mirbase.mature": "MIRBASEM", "ncbigene": "EGID", "uniprot": "UP",
        "pubchem.compound": "PUBCHEM", "cas": "CAS",
    }
)  # fmt: skip
_EMBEDDED: Final = frozenset({"CHEBI", "GO", "DOID", "CL", "BTO"})
"""Name spaces whose identifiers INDRA writes with the prefix in them, e.g. {"GO": "GO:0006915"}."""


def prefix(curie: str) -> str:
    """Prefix of a CURIE, in lower case."""
    return curie.partition(":")[0].lower()


def biolink_id(key: str) -> str:
    """CURIE of a concept key with the prefix that Biolink gives it, ours where Biolink has none.

    The key of a name that was not linked (text:<type>:<name>) becomes one CURIE of our own prefix, percent-encoded.
    """
    head, _, local = key.partition(":")
    if head == "text":
        return f"minecsc:{quote(key, safe='')}"
    return f"{_BIOLINK.get(head.lower(), head)}:{local}"


def indra_refs(key: str, xrefs: Iterable[str], text: str) -> dict[str, str]:
    """INDRA's ``db_refs`` of a concept key, its cross-references and its name in the text.

    Identifiers of vocabularies that INDRA does not know, ours above all, are left out; of each it takes the first.
    """
    refs = {"TEXT": text}
    for curie in (key, *xrefs):
        space = _INDRA.get(prefix(curie))
        if space is not None:
            local = curie.partition(":")[2]
            refs.setdefault(space, f"{space}:{local}" if space in _EMBEDDED else local)
    return refs
