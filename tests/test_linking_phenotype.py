"""The grammar of marker-defined populations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minecsc.linking import phenotype


@pytest.mark.parametrize(
    ("surface", "wanted"),
    [
        ("CD44+/CD24-", "cd44-pos-cd24-neg"),
        ("CD44+/CD24−", "cd44-pos-cd24-neg"),
        ("CD44+CD24-/low", "cd44-pos-cd24-neg"),
        ("CD44(+)CD24(-/low)", "cd44-pos-cd24-neg"),
        ("CD44(+)/CD24(-/low) breast SCs", "cd44-pos-cd24-neg"),
        ("CD44((+))CD24((-/low)) subset", "cd44-pos-cd24-neg"),
        ("CD24-/low/CD44+ tumor-initiating cells", "cd44-pos-cd24-neg"),
        ("CD44(hi)/CD24(-/lo) cell population", "cd44-pos-cd24-neg"),
        ("CD44high/CD24low cells", "cd44-pos-cd24-neg"),
        ("CD133+", "cd133-pos"),
        ("CD133(+)ACC cells", "cd133-pos"),
        ("CD133-positive CSC", "cd133-pos"),
        ("CD133-expressing cells", "cd133-pos"),
        ("CD13 positive cells", "cd13-pos"),
        ("CD133-", "cd133-neg"),
        ("CD166(-) fraction", "cd166-neg"),
        ("CD34+CD38− cells", "cd34-pos-cd38-neg"),
        ("Lin-/CD38-/CD34+ population", "cd34-pos-cd38-neg-lin-neg"),
        ("Lineage-/CD38-/CD34+ compartment", "cd34-pos-cd38-neg-lin-neg"),
        ("CD44+Lin-", "cd44-pos-lin-neg"),
        ("ALDHhigh cells", "aldh-high"),
        ("ALDH+ cells", "aldh-high"),
        ("ALDHbright", "aldh-high"),
        ("ALDEFLUOR(+)", "aldh-high"),
        ("ALDHlow", "aldh-low"),
        ("ALDH1A1+ CSCs", "aldh1a1-pos"),
        ("CSF1R(high) cells", "csf1r-high"),
        ("c-Kit+ cells", "ckit-pos"),
        ("EGFR+/ PTEN+ GSCs", "egfr-pos-pten-pos"),
        ("CD44+/CD133+ CSCs", "cd44-pos-cd133-pos"),
        ("ABCB1+/ABCB5+/ABCC2+", "abcb1-pos-abcb5-pos-abcc2-pos"),
        ("CD133+ and CD44+ cells", "cd44-pos-cd133-pos"),
        ("EpCAM+ cells", "epcam-pos"),
        ("Sca-1+ cells", "sca1-pos"),
        ("cells expressing CD133", "cd133-pos"),
    ],
)
def test_one_population_one_identifier(surface: str, wanted: str) -> None:
    found = phenotype.parse(surface)
    assert found is not None
    assert found.concept_id == f"minecsc:{wanted}"


@pytest.mark.parametrize(
    "surface",
    [
        "cancer stem cells",
        "non-stem cells",
        "low-grade glioma",
        "drug-sensitive cells",
        "MCF-7 cells",
        "HPV-negative cells",
        "A549/DDP",
        "anti-CD44 antibody",
        "CD44",
        "stem-like cells",
        "hyaluronan catabolic process-expressing cells",
        "",
    ],
)
def test_what_is_no_marker_phenotype(surface: str) -> None:
    assert phenotype.parse(surface) is None


def test_the_rest_of_the_name_is_kept() -> None:
    found = phenotype.parse("CD133+ lung cancer stem-like cells")
    assert found is not None
    assert found.rest == "lung cancer stem-like cells"


_MARKER = st.from_regex(r"CD[1-9][0-9]{0,2}", fullmatch=True)
_SIGN = st.sampled_from(["+", "-", "(+)", "(-)", "high", "low"])


@given(st.lists(st.tuples(_MARKER, _SIGN), min_size=1, max_size=4, unique_by=lambda m: m[0]), st.randoms())
def test_order_of_markers_does_not_matter_and_ids_read_back(markers: list[tuple[str, str]], random: object) -> None:
    shuffled = list(markers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = phenotype.parse("/".join(f"{m}{s}" for m, s in markers))
    other = phenotype.parse("/".join(f"{m}{s}" for m, s in shuffled))
    assert one is not None
    assert other is not None
    assert one.markers == other.markers
    assert len(one.markers) == len(markers)
    back = phenotype.from_id(one.concept_id)
    assert back is not None
    assert back.markers == one.markers


@given(st.text(max_size=50))
def test_parsing_never_fails(text: str) -> None:
    found = phenotype.parse(text)
    assert found is None or phenotype.from_id(found.concept_id) is not None
