"""Folding of names: what must be one key, what must stay apart, and properties over any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minecsc.linking.normalize import clean, fold, greek_variants, slug


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HIF-1α", "HIF-1alpha"),
        ("β-catenin", "beta catenin"),
        ("Notch-1", "NOTCH1"),
        ("NF-κB", "NF-kappaB"),
        ("NF kappa B", "NFκB"),
        ("CSCs", "CSC"),
        ("miRNAs", "miRNA"),
        ("cancer stem cells", "Cancer Stem Cell"),
        ("metastases", "metastasis"),
        ("tumour necrosis factor", "tumor necrosis factor"),
        ("Leukaemia", "leukemia"),
        ("Wnt signalling", "Wnt signaling"),
        ("topoisomerase II", "topoisomerase 2"),
        ("stage IV pancreatic cancer", "Stage 4 pancreatic cancer"),
        ("Type I collagen", "type 1 collagen"),
        ("CD44⁺", "CD44+"),
        ("TGF-\\u03b2", "TGF-β"),
        ("5‑FU", "5-FU"),
        ("Kras<sup>G12D</sup>", "KrasG12D"),
        ("Warburg’s effect", "Warburg's effect"),
        ("naïve T cells", "naive T cell"),
        ("antibodies", "antibody"),
        ("gastric carcinomas", "gastric carcinoma"),
        ("leukemias", "leukaemia"),
        ("SMAC mimetics", "Smac mimetic"),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IL-1 2", "IL-12"),  # two numbers side by side are not one number
        ("Ras", "Ra"),
        ("Fas", "FA"),
        ("apoptosis", "apoptosi"),
        ("pancreas", "pancrea"),
        ("JAK1", "JAK2"),
        ("HIF-1α", "HIF-1β"),
        ("vitamin C", "vitamin 100"),
        ("factor V", "factor X"),
    ],
)
def test_different_names_keep_different_keys(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("HIF-1α", "hif1a"), ("b-catenin", "betacatenin"), ("IL-1β", "il1b"), ("HIF-1a", "hif1alpha"), ("p110δ", "p110d")],
)
def test_greek_variants_bridge_latin_letters(text: str, wanted: str) -> None:
    assert wanted in greek_variants(text)


def test_greek_variants_leave_ordinary_words_alone() -> None:
    assert greek_variants("salinomycin") == []


@given(st.text(max_size=60))
def test_folding_is_total_and_stable(text: str) -> None:
    key = fold(text)
    assert key == fold(clean(text))
    assert key == fold(f"  {text}\u200b ")
    assert all(c.isalnum() or c == "." for c in key)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789 -", min_size=1, max_size=40))
def test_hyphens_and_spaces_do_not_matter(text: str) -> None:
    assert fold(text) == fold(text.replace(" ", "-")) == fold(text.replace("-", " "))


@given(st.text(max_size=40))
def test_slugs_hold_only_safe_characters(text: str) -> None:
    assert all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in slug(text))


def test_slug_spells_greek() -> None:
    assert slug("HIF-1α inhibitor") == "hif-1alpha-inhibitor"
