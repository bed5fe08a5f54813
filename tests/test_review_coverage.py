"""Counts of verdicts: every assertion in its chapter, the groups within each other."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minecsc.review import DIVISIONS, REASONS, VERDICTS, Verdict, load_assertions, summarise

HELD = load_assertions()
_NOT_FOUND = ("concepts_not_in_same_document", "no_relation_extracted", "below_threshold")


def verdict(assertion_id: str, name: str, reason: str = "stated") -> Verdict:
    return Verdict(assertion_id, name, 1, 0, 0, None if name == "not_found" else 0.9, reason)


@given(st.lists(st.sampled_from(VERDICTS), min_size=len(HELD), max_size=len(HELD)), st.sampled_from(_NOT_FOUND))
def test_chapters_sum_to_the_total_and_groups_are_nested(names, reason):
    verdicts = [verdict(a.assertion_id, n, reason) for a, n in zip(HELD, names, strict=True)]
    for by in DIVISIONS:
        rows = summarise(verdicts, HELD, by=by)
        cells = {(row.chapter, row.group): row for row in rows}
        for group in ("all", "validatable", "core"):
            total = cells[None, group]
            parts = [row for row in rows if row.group == group and row.chapter is not None]
            assert sum(row.total for row in parts) == total.total
            summed = sum((Counter(row.counts) for row in parts), Counter())
            assert summed == Counter({k: v for k, v in total.counts.items() if v})
            assert sum(total.reasons.values()) == total.counts["not_found"]
        for chapter in {row.chapter for row in rows}:
            every, validatable, core = (cells[chapter, group] for group in ("all", "validatable", "core"))
            assert every.total >= validatable.total >= core.total
            assert all(every.counts[v] >= validatable.counts[v] >= core.counts[v] for v in VERDICTS)


@pytest.mark.parametrize(
    ("by", "totals"), [("section", (819, 595, 350)), ("mechanism_class", (819, 595, 350)), ("strategy_class", None)]
)
def test_the_shipped_assertions_by_chapter(by, totals):
    rows = summarise([verdict(a.assertion_id, "supported") for a in HELD], by=by)
    found = tuple(row.total for row in rows if row.chapter is None)
    assert found == (totals or tuple(sum(a.strategy_class is not None for a in some) for some in _groups()))
    assert {row.chapter for row in rows} == {None, *(getattr(a, by) for a in HELD)}
    assert all(row.found == 1.0 for row in rows if row.total)


def _groups():
    return HELD, [a for a in HELD if a.validatable], [a for a in HELD if a.core]


def test_an_assertion_without_a_verdict_is_not_counted():
    target = next(a for a in HELD if a.core)
    rows = {(r.chapter, r.group): r for r in summarise([verdict(target.assertion_id, "mixed")], HELD)}
    assert rows[None, "core"].total == rows[target.mechanism_class, "core"].total == 1
    assert rows[None, "core"].counts["mixed"] == 1


def test_every_reason_has_its_meaning():
    assert set(_NOT_FOUND) <= set(REASONS)
    assert all(meaning for meaning in REASONS.values())
