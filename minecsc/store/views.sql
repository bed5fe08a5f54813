-- Views for anyone who opens the file with nothing but DuckDB.

CREATE VIEW evidence AS
SELECT
    r.relation_id, r.document_id, d.pmid, d.year, d.journal, d.title,
    r.type,
    h.surface AS head, h.type AS head_type, h.concept_id AS head_id, hc.name AS head_name,
    t.surface AS tail, t.type AS tail_type, t.concept_id AS tail_id, tc.name AS tail_name,
    coalesce(tc.mechanism_class, hc.mechanism_class) AS mechanism_class,
    r.negated, r.speculative, r.probability, d.retracted, d.deleted,
    substr(d.text, s.start_char + 1, s.end_char - s.start_char) AS sentence,
    r.sentence_id, r.head_mention_id, r.tail_mention_id,
    h.start_char AS head_start, h.end_char AS head_end, t.start_char AS tail_start, t.end_char AS tail_end,
    r.run_id
FROM relation r
JOIN document d ON d.document_id = r.document_id
JOIN sentence s ON s.sentence_id = r.sentence_id
JOIN mention h ON h.mention_id = r.head_mention_id
JOIN mention t ON t.mention_id = r.tail_mention_id
LEFT JOIN concept hc ON hc.concept_id = h.concept_id
LEFT JOIN concept tc ON tc.concept_id = t.concept_id;
COMMENT ON VIEW evidence IS 'Each relation with its two names, their concepts, the sentence and the paper';

CREATE VIEW frame_view AS
SELECT
    f.frame_id, f.document_id, d.pmid, d.year, d.title,
    coalesce(dc.name, f.drug_name) AS drug, f.drug_effect,
    coalesce(mc.name, f.mechanism_name) AS mechanism, mc.mechanism_class,
    f.csc_actor, f.csc_effect, coalesce(tc.name, f.target_name) AS target,
    coalesce(pc.name, f.population_name) AS population,
    coalesce(cc.name, f.cancer_name) AS cancer,
    [m.system FOR m IN f.model_systems] AS model_systems,
    f.negated, f.speculative, f.belief, f.rule, d.retracted, d.deleted, f.missing,
    substr(d.text, s.start_char + 1, s.end_char - s.start_char) AS sentence,
    f.drug_id, f.mechanism_id, f.population_id, f.cancer_id, f.target_id, f.cancer_source, f.relation_ids
FROM frame f
JOIN document d ON d.document_id = f.document_id
LEFT JOIN relation r ON r.relation_id = f.relation_ids[1]
LEFT JOIN sentence s ON s.sentence_id = r.sentence_id
LEFT JOIN concept dc ON dc.concept_id = f.drug_id
LEFT JOIN concept mc ON mc.concept_id = f.mechanism_id
LEFT JOIN concept pc ON pc.concept_id = f.population_id
LEFT JOIN concept cc ON cc.concept_id = f.cancer_id
LEFT JOIN concept tc ON tc.concept_id = f.target_id;
COMMENT ON VIEW frame_view IS 'Each frame in words, with its paper and the sentence of its first relation';

CREATE VIEW statement_view AS
SELECT
    s.statement_id, coalesce(hc.name, s.head_name) AS head, s.head_type, s.type,
    coalesce(tc.name, s.tail_name) AS tail, s.tail_type,
    coalesce(tc.mechanism_class, hc.mechanism_class) AS mechanism_class,
    s.belief, s.documents_for, s.documents_against, s.documents_speculative, s.documents_retracted,
    s.first_year, s.last_year, s.contested,
    s.belief_with_refinements, s.documents_with_refinements, len(s.refined_by) AS refinements, s.years,
    s.head_id, s.tail_id, s.refined_by, s.relations_for, s.relations_against
FROM statement s
LEFT JOIN concept hc ON hc.concept_id = s.head_id
LEFT JOIN concept tc ON tc.concept_id = s.tail_id;
COMMENT ON VIEW statement_view IS 'Each statement in words';

CREATE VIEW statement_year AS
SELECT statement_id, unnest(years, recursive := true) FROM statement;
COMMENT ON VIEW statement_year IS 'Papers for and against each statement by year; undated ones under null';

CREATE VIEW statement_refinement AS
SELECT
    r.statement_id, r.refined_by, coalesce(hc.name, s.head_name) AS head, s.type,
    coalesce(tc.name, s.tail_name) AS tail, s.belief, s.documents_for, s.documents_against
FROM (SELECT statement_id, unnest(refined_by) AS refined_by FROM statement) r
JOIN statement s ON s.statement_id = r.refined_by
LEFT JOIN concept hc ON hc.concept_id = s.head_id
LEFT JOIN concept tc ON tc.concept_id = s.tail_id;
COMMENT ON VIEW statement_refinement IS 'Statements on narrower concepts (refined_by, in words) that bear out a broader one';

CREATE VIEW drug_mechanism AS
SELECT
    coalesce(head_name, lower(head)) AS drug, type AS effect,
    coalesce(tail_name, lower(tail)) AS mechanism, tail_type AS mechanism_type,
    min(mechanism_class) AS mechanism_class,
    count(DISTINCT document_id) AS documents, max(probability) AS probability,
    min(year) AS first_year, max(year) AS last_year,
    arg_max(sentence, row(probability, relation_id)) AS sentence,
    arg_max(pmid, row(probability, relation_id)) AS pmid
FROM evidence
WHERE head_type = 'Drug' AND tail_type IN ('Gene', 'Pathway', 'Process', 'Chemical')
    AND type IN ('increases', 'decreases') AND NOT (negated OR speculative OR retracted OR deleted)
GROUP BY ALL;
COMMENT ON VIEW drug_mechanism IS 'Which drug raises or lowers which mechanism, over papers in good standing';

CREATE VIEW csc_marker AS
SELECT
    coalesce(head_name, head) AS marker, head_type AS marker_type,
    coalesce(tail_name, lower(tail)) AS population,
    count(DISTINCT document_id) AS documents, max(probability) AS probability,
    min(year) AS first_year, max(year) AS last_year,
    arg_max(sentence, row(probability, relation_id)) AS sentence,
    arg_max(pmid, row(probability, relation_id)) AS pmid
FROM evidence
WHERE type = 'marker_of' AND NOT (negated OR speculative OR retracted OR deleted)
GROUP BY ALL;
COMMENT ON VIEW csc_marker IS 'Reported markers of CSC populations, over papers in good standing';

CREATE VIEW verdict_view AS
SELECT
    a.assertion_id, a.section, a.head_name AS head, a.relation, a.tail_name AS tail, a.cancer, a.population,
    a.speculative, a.mechanism_class, a.strategy_class, a.validatable, a.core, a.paraphrase,
    v.verdict, v.reason, v.belief, v.documents_for, v.documents_against, v.documents_speculative,
    d.pmid, substr(d.text, s.start_char + 1, s.end_char - s.start_char) AS sentence,
    v.evidence, v.relations_for, v.relations_against
FROM review_assertion a
LEFT JOIN assertion_verdict v ON v.assertion_id = a.assertion_id
LEFT JOIN sentence s ON s.sentence_id = v.evidence[1].sentence_id
LEFT JOIN document d ON d.document_id = s.document_id;
COMMENT ON VIEW verdict_view IS 'Each assertion of the review, what the corpus says of it, and the best sentence';

CREATE VIEW standing_curation AS
SELECT * FROM curation
QUALIFY row_number() OVER (PARTITION BY evidence_id, curator ORDER BY judged DESC, recorded DESC) = 1;
COMMENT ON VIEW standing_curation IS 'The newest verdict of each curator on each piece of evidence';

CREATE VIEW curation_view AS
SELECT
    evidence_id, any_value(document_id) AS document_id, any_value(type) AS type,
    any_value(head) AS head, any_value(tail) AS tail,
    count(*) FILTER (WHERE correct) AS votes_right, count(*) FILTER (WHERE NOT correct) AS votes_wrong,
    count(*) FILTER (WHERE correct IS NULL) AS votes_open,
    votes_right > 0 AND votes_wrong > 0 AS disputed,
    list({'curator': curator, 'judged': judged, 'correct': correct, 'category': category, 'note': note}
        ORDER BY judged, curator) AS verdicts
FROM standing_curation GROUP BY evidence_id;
COMMENT ON VIEW curation_view IS 'Each judged piece of evidence with the standing verdicts of all its curators';

CREATE VIEW trial_view AS
SELECT
    l.nct_id, t.condition, t.intervention, t.participants, t.mechanism_class, t.strategy_class,
    l.role, l.name, l.concept_id, c.name AS concept_name, l.documents, l.documents_together,
    l.statements, l.frames, l.belief, s.head, s.type AS relation, s.tail, l.statement_ids, l.frame_ids
FROM trial_link l
JOIN trial t ON t.nct_id = l.nct_id
LEFT JOIN concept c ON c.concept_id = l.concept_id
LEFT JOIN statement_view s ON s.statement_id = l.statement_ids[1];
COMMENT ON VIEW trial_view IS 'Each drug, treatment and cancer of each trial with the strongest statement on it';

CREATE VIEW novel_view AS
SELECT
    n.chapter, n.rank, n.strategy_class, n.topic, s.head, s.head_type, s.type AS relation, s.tail, s.tail_type,
    s.belief, s.documents_for, s.documents_against, s.first_year, s.last_year,
    d.pmid, d.year, substr(d.text, p.start_char + 1, p.end_char - p.start_char) AS sentence,
    n.statement_id, n.document_id, n.sentence_id, n.relation_id
FROM novel_statement n
JOIN statement_view s ON s.statement_id = n.statement_id
JOIN document d ON d.document_id = n.document_id
JOIN sentence p ON p.sentence_id = n.sentence_id;
COMMENT ON VIEW novel_view IS 'The strongest statements on which the review is silent, each with its best sentence';
