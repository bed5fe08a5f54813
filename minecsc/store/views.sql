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
    f.negated, f.speculative, f.belief, d.retracted, d.deleted, f.missing,
    substr(d.text, s.start_char + 1, s.end_char - s.start_char) AS sentence,
    f.drug_id, f.mechanism_id, f.population_id, f.cancer_id, f.target_id, f.relation_ids
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
    s.first_year, s.last_year, s.contested, s.head_id, s.tail_id, s.relations_for, s.relations_against
FROM statement s
LEFT JOIN concept hc ON hc.concept_id = s.head_id
LEFT JOIN concept tc ON tc.concept_id = s.tail_id;
COMMENT ON VIEW statement_view IS 'Each statement in words';

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
