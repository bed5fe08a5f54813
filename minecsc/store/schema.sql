-- The stored schema, version 3. One DuckDB file; a row of evidence leads to its text by offsets and to its run.
--
-- Keys are not declared: bulk loads and replacements in one transaction would pay for an index on every
-- table. The loader, the only writer, keeps every *_id unique, and `check_base` verifies it.
-- A changed table raises schema_version: readers refuse any other version, and the documents are extracted anew.

CREATE TABLE base_state (
    schema_version   INTEGER NOT NULL,
    created          TIMESTAMP NOT NULL,
    evidence_current BOOLEAN NOT NULL
);
COMMENT ON TABLE base_state IS 'One row: what this database is';
COMMENT ON COLUMN base_state.schema_version IS 'Version of the tables below';
COMMENT ON COLUMN base_state.created IS 'When the database was made, UTC';
COMMENT ON COLUMN base_state.evidence_current IS 'False where frames and statements are older than the relations';

CREATE TABLE run (
    run_id           VARCHAR NOT NULL,
    started          TIMESTAMP NOT NULL,
    finished         TIMESTAMP,
    inputs           STRUCT(name VARCHAR, digest VARCHAR)[] NOT NULL,
    model_name       VARCHAR NOT NULL,
    model_digest     VARCHAR NOT NULL,
    kb_digest        VARCHAR NOT NULL,
    package_versions MAP(VARCHAR, VARCHAR) NOT NULL,
    seed             INTEGER,
    device           VARCHAR NOT NULL,
    parameters       JSON NOT NULL,
    pipeline_digest  VARCHAR NOT NULL,
    shards           VARCHAR[] NOT NULL
);
COMMENT ON TABLE run IS 'One row per extraction run: all that is needed to repeat it';
COMMENT ON COLUMN run.run_id IS 'Identifier; sorts by time of start';
COMMENT ON COLUMN run.started IS 'Start, UTC';
COMMENT ON COLUMN run.finished IS 'End of extraction, UTC';
COMMENT ON COLUMN run.inputs IS 'Files read: name and SHA-256 of the bytes';
COMMENT ON COLUMN run.model_name IS 'Name of the model';
COMMENT ON COLUMN run.model_digest IS 'Digest of the model''s weights and settings';
COMMENT ON COLUMN run.kb_digest IS 'Digest of the knowledge base that linked the mentions';
COMMENT ON COLUMN run.package_versions IS 'Installed packages that decide the result: name to version';
COMMENT ON COLUMN run.seed IS 'Random seed, where one was set';
COMMENT ON COLUMN run.device IS 'cpu, or the accelerator that was used';
COMMENT ON COLUMN run.parameters IS 'Settings of the run';
COMMENT ON COLUMN run.pipeline_digest IS 'Digest of model, knowledge base and the settings that shape the result';
COMMENT ON COLUMN run.shards IS 'Keys of the shards that the run loaded';

CREATE TABLE document (
    document_id       VARCHAR NOT NULL,
    pmid              VARCHAR,
    title             VARCHAR NOT NULL,
    abstract          VARCHAR NOT NULL,
    text              VARCHAR NOT NULL,
    text_sha256       VARCHAR NOT NULL,
    year              INTEGER,
    journal           VARCHAR,
    language          VARCHAR,
    doi               VARCHAR,
    sections          STRUCT(label VARCHAR, start_char INTEGER, end_char INTEGER)[] NOT NULL,
    other_abstracts   STRUCT(label VARCHAR, abstract VARCHAR)[] NOT NULL,
    mesh              STRUCT(ui VARCHAR, name VARCHAR, major BOOLEAN)[] NOT NULL,
    keywords          VARCHAR[] NOT NULL,
    chemicals         VARCHAR[] NOT NULL,
    publication_types VARCHAR[] NOT NULL,
    authors           VARCHAR[] NOT NULL,
    version           INTEGER NOT NULL,
    revised           VARCHAR,
    record_retracted  BOOLEAN NOT NULL,
    retracted_by      VARCHAR[] NOT NULL,
    retraction_of     VARCHAR[] NOT NULL,
    source            VARCHAR,
    retracted         BOOLEAN NOT NULL,
    deleted           BOOLEAN NOT NULL,
    record_digest     VARCHAR NOT NULL,
    extraction_digest VARCHAR NOT NULL,
    run_id            VARCHAR NOT NULL
);
COMMENT ON TABLE document IS 'One row per bibliographic record, in its newest loaded revision';
COMMENT ON COLUMN document.document_id IS 'pmid:<number> for PubMed records, else <collection>:<id>';
COMMENT ON COLUMN document.pmid IS 'PubMed identifier';
COMMENT ON COLUMN document.title IS 'Title';
COMMENT ON COLUMN document.abstract IS 'Abstract; labels of a structured one stand in it as "LABEL: "';
COMMENT ON COLUMN document.text IS 'Title, one space, abstract: all offsets are into this';
COMMENT ON COLUMN document.text_sha256 IS 'SHA-256 of text in UTF-8';
COMMENT ON COLUMN document.year IS 'Year of publication';
COMMENT ON COLUMN document.journal IS 'Journal';
COMMENT ON COLUMN document.language IS 'Language of the article, as the record gives it';
COMMENT ON COLUMN document.doi IS 'Digital object identifier';
COMMENT ON COLUMN document.sections IS 'Labelled parts of a structured abstract, as offsets into text';
COMMENT ON COLUMN document.other_abstracts IS 'Further abstracts (other language or kind); not mined';
COMMENT ON COLUMN document.mesh IS 'MeSH descriptors: identifier, name, whether a major topic';
COMMENT ON COLUMN document.keywords IS 'Author keywords';
COMMENT ON COLUMN document.chemicals IS 'Substance names of the record';
COMMENT ON COLUMN document.publication_types IS 'PubMed publication types';
COMMENT ON COLUMN document.authors IS 'Authors in order';
COMMENT ON COLUMN document.version IS 'PubMed record version; 1 is the first';
COMMENT ON COLUMN document.revised IS 'ISO date of the last revision; decides among records of one version';
COMMENT ON COLUMN document.record_retracted IS 'Whether the record itself says that it is retracted';
COMMENT ON COLUMN document.retracted_by IS 'PMIDs of the notices that the record names against itself';
COMMENT ON COLUMN document.retraction_of IS 'PMIDs that this record, a notice, withdraws';
COMMENT ON COLUMN document.source IS 'Name of the file the record came from';
COMMENT ON COLUMN document.retracted IS 'Retracted, by its own record or by any loaded notice that names its PMID';
COMMENT ON COLUMN document.deleted IS 'Withdrawn from PubMed: its PMID stands in table deletion';
COMMENT ON COLUMN document.record_digest IS 'Digest of the record''s fields, its source left out';
COMMENT ON COLUMN document.extraction_digest IS 'Digest of what was read out of it';
COMMENT ON COLUMN document.run_id IS 'Run that made the rows of this document';

CREATE TABLE sentence (
    sentence_id    VARCHAR NOT NULL,
    document_id    VARCHAR NOT NULL,
    sentence_index INTEGER NOT NULL,
    start_char     INTEGER NOT NULL,
    end_char       INTEGER NOT NULL
);
COMMENT ON TABLE sentence IS 'Sentences; their text is substr(document.text, start_char + 1, end_char - start_char)';
COMMENT ON COLUMN sentence.sentence_id IS '<document_id>#s<sentence_index>';
COMMENT ON COLUMN sentence.document_id IS 'Document';
COMMENT ON COLUMN sentence.sentence_index IS 'Position in the document, from 0';
COMMENT ON COLUMN sentence.start_char IS 'First character, from 0, in code points of document.text';
COMMENT ON COLUMN sentence.end_char IS 'One past the last character';

CREATE TABLE mention (
    mention_id  VARCHAR NOT NULL,
    document_id VARCHAR NOT NULL,
    sentence_id VARCHAR NOT NULL,
    start_char  INTEGER NOT NULL,
    end_char    INTEGER NOT NULL,
    surface     VARCHAR NOT NULL,
    type        VARCHAR NOT NULL,
    concept_id  VARCHAR,
    link_score  DOUBLE,
    probability DOUBLE NOT NULL
);
COMMENT ON TABLE mention IS 'Names in the text; they never overlap';
COMMENT ON COLUMN mention.mention_id IS '<document_id>#<start_char>-<end_char>';
COMMENT ON COLUMN mention.document_id IS 'Document';
COMMENT ON COLUMN mention.sentence_id IS 'Sentence it stands in';
COMMENT ON COLUMN mention.start_char IS 'First character, from 0, in code points of document.text';
COMMENT ON COLUMN mention.end_char IS 'One past the last character';
COMMENT ON COLUMN mention.surface IS 'The name as written: substr(text, start_char + 1, end_char - start_char)';
COMMENT ON COLUMN mention.type IS 'Drug, Gene, Pathway, Process, Chemical, CSC, Cell or Cancer';
COMMENT ON COLUMN mention.concept_id IS 'CURIE of the concept; null where linking abstained';
COMMENT ON COLUMN mention.link_score IS 'Score of the link, 0 to 1; null where linking abstained';
COMMENT ON COLUMN mention.probability IS 'Probability of span and type, 0 to 1';

CREATE TABLE concept (
    concept_id      VARCHAR NOT NULL,
    name            VARCHAR NOT NULL,
    type            VARCHAR NOT NULL,
    synonyms        VARCHAR[] NOT NULL,
    xrefs           VARCHAR[] NOT NULL,
    parents         VARCHAR[] NOT NULL,
    mechanism_class VARCHAR,
    strategy_class  VARCHAR,
    genes           VARCHAR[] NOT NULL
);
COMMENT ON TABLE concept IS 'Concepts that mentions link to, all their ancestors, and their classes';
COMMENT ON COLUMN concept.concept_id IS 'CURIE, e.g. hgnc:74';
COMMENT ON COLUMN concept.name IS 'Preferred name';
COMMENT ON COLUMN concept.type IS 'Entity type';
COMMENT ON COLUMN concept.synonyms IS 'Other names';
COMMENT ON COLUMN concept.xrefs IS 'The same concept in other vocabularies, as CURIEs';
COMMENT ON COLUMN concept.parents IS 'Broader concepts, as CURIEs';
COMMENT ON COLUMN concept.mechanism_class IS 'Mechanism class of the seed review, where it has one';
COMMENT ON COLUMN concept.strategy_class IS 'Therapeutic strategy class of the seed review, where it has one';
COMMENT ON COLUMN concept.genes IS 'Genes that a drug acts on or that define a population, as CURIEs';

CREATE TABLE concept_ancestor (
    concept_id  VARCHAR NOT NULL,
    ancestor_id VARCHAR NOT NULL,
    distance    INTEGER NOT NULL
);
COMMENT ON TABLE concept_ancestor IS 'Every stored concept with itself, everything broader, and the classes it is in';
COMMENT ON COLUMN concept_ancestor.concept_id IS 'Concept';
COMMENT ON COLUMN concept_ancestor.ancestor_id IS 'The concept itself, one that is broader, or its mechanism or strategy class';
COMMENT ON COLUMN concept_ancestor.distance IS 'Steps upwards by the shortest way; 0 is the concept itself';

CREATE TABLE relation (
    relation_id     VARCHAR NOT NULL,
    document_id     VARCHAR NOT NULL,
    sentence_id     VARCHAR NOT NULL,
    type            VARCHAR NOT NULL,
    head_mention_id VARCHAR NOT NULL,
    tail_mention_id VARCHAR NOT NULL,
    negated         BOOLEAN NOT NULL,
    speculative     BOOLEAN NOT NULL,
    probability     DOUBLE NOT NULL,
    run_id          VARCHAR NOT NULL
);
COMMENT ON TABLE relation IS 'Directed relations, head to tail, between two mentions of one sentence';
COMMENT ON COLUMN relation.relation_id IS '<document_id>#<type>:<head span>><tail span>';
COMMENT ON COLUMN relation.document_id IS 'Document';
COMMENT ON COLUMN relation.sentence_id IS 'Sentence that states it';
COMMENT ON COLUMN relation.type IS 'increases, decreases, resistance_to, sensitizes_to, marker_of or associated_with';
COMMENT ON COLUMN relation.head_mention_id IS 'Mention that acts';
COMMENT ON COLUMN relation.tail_mention_id IS 'Mention that is acted on';
COMMENT ON COLUMN relation.negated IS 'The sentence says that it does not hold';
COMMENT ON COLUMN relation.speculative IS 'The sentence puts it as a possibility';
COMMENT ON COLUMN relation.probability IS 'Probability that the sentence states it, 0 to 1';
COMMENT ON COLUMN relation.run_id IS 'Run that made the row';

CREATE TABLE frame (
    frame_id            VARCHAR NOT NULL,
    document_id         VARCHAR NOT NULL,
    drug_id             VARCHAR,
    mechanism_id        VARCHAR,
    population_id       VARCHAR,
    cancer_id           VARCHAR,
    target_id           VARCHAR,
    drug_effect         VARCHAR,
    csc_effect          VARCHAR,
    csc_actor           VARCHAR,
    negated             BOOLEAN NOT NULL,
    speculative         BOOLEAN NOT NULL,
    belief              DOUBLE NOT NULL,
    rule                VARCHAR NOT NULL,
    drug_mentions       VARCHAR[] NOT NULL,
    mechanism_mentions  VARCHAR[] NOT NULL,
    population_mentions VARCHAR[] NOT NULL,
    cancer_mentions     VARCHAR[] NOT NULL,
    target_mentions     VARCHAR[] NOT NULL,
    cancer_source       VARCHAR,
    model_systems       STRUCT(system VARCHAR, source VARCHAR, shown_by VARCHAR)[] NOT NULL,
    relation_ids        VARCHAR[] NOT NULL,
    missing             VARCHAR[] NOT NULL,
    drug_name           VARCHAR,
    mechanism_name      VARCHAR,
    population_name     VARCHAR,
    cancer_name         VARCHAR,
    target_name         VARCHAR
);
COMMENT ON TABLE frame IS 'Drug, mechanism, CSC population, cancer and model systems as one document joins them';
COMMENT ON COLUMN frame.frame_id IS 'Identifier; content decides it';
COMMENT ON COLUMN frame.document_id IS 'Document';
COMMENT ON COLUMN frame.drug_id IS 'Concept key (a CURIE, or text:<type>:<name>) of the drug';
COMMENT ON COLUMN frame.mechanism_id IS 'Concept key of the mechanism';
COMMENT ON COLUMN frame.population_id IS 'Concept key of the CSC population';
COMMENT ON COLUMN frame.cancer_id IS 'Concept key of the cancer';
COMMENT ON COLUMN frame.target_id IS 'Concept key of what csc_effect acts on';
COMMENT ON COLUMN frame.drug_effect IS 'Drug to mechanism: increases or decreases';
COMMENT ON COLUMN frame.csc_effect IS 'csc_actor to target: increases, decreases, resistance_to or sensitizes_to';
COMMENT ON COLUMN frame.csc_actor IS 'Which slot acts on the target: drug, mechanism or population';
COMMENT ON COLUMN frame.negated IS 'The document says that it does not hold';
COMMENT ON COLUMN frame.speculative IS 'The document puts it as a possibility';
COMMENT ON COLUMN frame.belief IS 'Probability, 0 to 1, that the document states the frame';
COMMENT ON COLUMN frame.rule IS 'Joining rule: chain, co_stated, mechanism, drug, population or context; chain alone shows cause';
COMMENT ON COLUMN frame.drug_mentions IS 'Mentions that fill the drug slot';
COMMENT ON COLUMN frame.mechanism_mentions IS 'Mentions that fill the mechanism slot';
COMMENT ON COLUMN frame.population_mentions IS 'Mentions that fill the population slot';
COMMENT ON COLUMN frame.cancer_mentions IS 'Mention that shows the cancer: of a cancer, a population or a cell; none for a MeSH heading';
COMMENT ON COLUMN frame.target_mentions IS 'Mentions of the target';
COMMENT ON COLUMN frame.cancer_source IS 'How the cancer was found: population, sentence, cell, document or mesh';
COMMENT ON COLUMN frame.model_systems IS 'Model systems; source: sentence, document, mesh or publication_type; shown_by: span in the text, or heading';
COMMENT ON COLUMN frame.relation_ids IS 'Relations the frame is joined from';
COMMENT ON COLUMN frame.missing IS 'Names of the empty slots: drug, mechanism, population, cancer, model_system';
COMMENT ON COLUMN frame.drug_name IS 'Drug as written, first mention';
COMMENT ON COLUMN frame.mechanism_name IS 'Mechanism as written, first mention';
COMMENT ON COLUMN frame.population_name IS 'Population as written, first mention';
COMMENT ON COLUMN frame.cancer_name IS 'Cancer as the mention, concept or MeSH heading that shows it spells it';
COMMENT ON COLUMN frame.target_name IS 'Target as written, first mention';

CREATE TABLE statement (
    statement_id          VARCHAR NOT NULL,
    head_id               VARCHAR NOT NULL,
    head_name             VARCHAR NOT NULL,
    head_type             VARCHAR NOT NULL,
    type                  VARCHAR NOT NULL,
    tail_id               VARCHAR NOT NULL,
    tail_name             VARCHAR NOT NULL,
    tail_type             VARCHAR NOT NULL,
    belief                DOUBLE NOT NULL,
    documents_for         INTEGER NOT NULL,
    documents_against     INTEGER NOT NULL,
    documents_speculative INTEGER NOT NULL,
    documents_retracted   INTEGER NOT NULL,
    first_year            INTEGER,
    last_year             INTEGER,
    contested             BOOLEAN NOT NULL,
    years                 STRUCT(
        year INTEGER, documents_for INTEGER, documents_against INTEGER, documents_speculative INTEGER,
        documents_retracted INTEGER
    )[] NOT NULL,
    refined_by            VARCHAR[] NOT NULL,
    belief_with_refinements    DOUBLE NOT NULL,
    documents_with_refinements INTEGER NOT NULL,
    relations_for         VARCHAR[] NOT NULL,
    relations_against     VARCHAR[] NOT NULL
);
COMMENT ON TABLE statement IS 'Triples of concepts, aggregated over documents';
COMMENT ON COLUMN statement.statement_id IS 'Identifier; content decides it';
COMMENT ON COLUMN statement.head_id IS 'Concept key (a CURIE, or text:<type>:<name>) of the head';
COMMENT ON COLUMN statement.head_name IS 'Commonest surface of the head';
COMMENT ON COLUMN statement.head_type IS 'Entity type of the head';
COMMENT ON COLUMN statement.type IS 'Relation type';
COMMENT ON COLUMN statement.tail_id IS 'Concept key of the tail';
COMMENT ON COLUMN statement.tail_name IS 'Commonest surface of the tail';
COMMENT ON COLUMN statement.tail_type IS 'Entity type of the tail';
COMMENT ON COLUMN statement.belief IS 'Belief, 0 to 1, over the papers in good standing';
COMMENT ON COLUMN statement.documents_for IS 'Distinct papers that assert it';
COMMENT ON COLUMN statement.documents_against IS 'Distinct papers that deny it or assert the opposite';
COMMENT ON COLUMN statement.documents_speculative IS 'Papers that only put it as a possibility';
COMMENT ON COLUMN statement.documents_retracted IS 'Retracted or deleted papers that speak of it; they give no belief';
COMMENT ON COLUMN statement.first_year IS 'First year over the papers that count';
COMMENT ON COLUMN statement.last_year IS 'Last year over the papers that count';
COMMENT ON COLUMN statement.contested IS 'Both sides have weighty evidence';
COMMENT ON COLUMN statement.years IS 'The four counts by year, undated papers under null; view statement_year has a row each';
COMMENT ON COLUMN statement.refined_by IS 'Statements of this type on narrower concepts; view statement_refinement has a row each';
COMMENT ON COLUMN statement.belief_with_refinements IS 'Belief where what asserts a narrower statement asserts this one';
COMMENT ON COLUMN statement.documents_with_refinements IS 'Distinct papers that assert it or a narrower statement';
COMMENT ON COLUMN statement.relations_for IS 'Relations behind documents_for, speculative and retracted ones included';
COMMENT ON COLUMN statement.relations_against IS 'Relations behind documents_against, retracted ones included';

CREATE TABLE review_assertion (
    assertion_id      VARCHAR NOT NULL,
    section           VARCHAR NOT NULL,
    kind              VARCHAR NOT NULL,
    head_name         VARCHAR NOT NULL,
    head_type         VARCHAR NOT NULL,
    head_aliases      VARCHAR[] NOT NULL,
    relation          VARCHAR NOT NULL,
    tail_name         VARCHAR NOT NULL,
    tail_type         VARCHAR NOT NULL,
    tail_aliases      VARCHAR[] NOT NULL,
    cancer            VARCHAR,
    population        VARCHAR,
    model             VARCHAR,
    speculative       BOOLEAN NOT NULL,
    citations         INTEGER[] NOT NULL,
    mechanism_class   VARCHAR,
    strategy_class    VARCHAR,
    paraphrase        VARCHAR NOT NULL,
    statement_group   VARCHAR,
    link_group        VARCHAR,
    validatable       BOOLEAN NOT NULL,
    core              BOOLEAN NOT NULL
);
COMMENT ON TABLE review_assertion IS 'What the seed review asserts, curated as triples in our own words';
COMMENT ON COLUMN review_assertion.assertion_id IS 'Identifier, e.g. A0001';
COMMENT ON COLUMN review_assertion.section IS 'Section of the review';
COMMENT ON COLUMN review_assertion.kind IS 'Kind of assertion';
COMMENT ON COLUMN review_assertion.head_name IS 'Head as curated';
COMMENT ON COLUMN review_assertion.head_type IS 'Entity type of the head';
COMMENT ON COLUMN review_assertion.head_aliases IS 'Other names of the head in the review';
COMMENT ON COLUMN review_assertion.relation IS 'Relation type';
COMMENT ON COLUMN review_assertion.tail_name IS 'Tail as curated';
COMMENT ON COLUMN review_assertion.tail_type IS 'Entity type of the tail';
COMMENT ON COLUMN review_assertion.tail_aliases IS 'Other names of the tail in the review';
COMMENT ON COLUMN review_assertion.cancer IS 'Cancer it is said of';
COMMENT ON COLUMN review_assertion.population IS 'CSC population it is said of';
COMMENT ON COLUMN review_assertion.model IS 'Experimental model, where the review names one';
COMMENT ON COLUMN review_assertion.speculative IS 'The review puts it as a possibility';
COMMENT ON COLUMN review_assertion.citations IS 'Reference numbers of the review';
COMMENT ON COLUMN review_assertion.mechanism_class IS 'Mechanism class';
COMMENT ON COLUMN review_assertion.strategy_class IS 'Therapeutic strategy class';
COMMENT ON COLUMN review_assertion.paraphrase IS 'The assertion in our words';
COMMENT ON COLUMN review_assertion.statement_group IS 'Ties the triples of one sentence together';
COMMENT ON COLUMN review_assertion.link_group IS 'Ties the links of one n-ary statement together';
COMMENT ON COLUMN review_assertion.validatable IS 'Specific enough to be held against single papers';
COMMENT ON COLUMN review_assertion.core IS 'A specific drug, gene or pathway against a population or resistance';

CREATE TABLE assertion_verdict (
    assertion_id          VARCHAR NOT NULL,
    verdict               VARCHAR NOT NULL,
    documents_for         INTEGER NOT NULL,
    documents_against     INTEGER NOT NULL,
    documents_speculative INTEGER NOT NULL,
    belief                DOUBLE,
    reason                VARCHAR NOT NULL,
    evidence              STRUCT(
        document_id VARCHAR, sentence_id VARCHAR, relation_id VARCHAR, probability DOUBLE, stance VARCHAR,
        rule VARCHAR, in_context BOOLEAN, negated BOOLEAN
    )[] NOT NULL,
    relations_for         VARCHAR[] NOT NULL,
    relations_against     VARCHAR[] NOT NULL
);
COMMENT ON TABLE assertion_verdict IS 'What the corpus says of each assertion of the review';
COMMENT ON COLUMN assertion_verdict.assertion_id IS 'Assertion';
COMMENT ON COLUMN assertion_verdict.verdict IS 'Verdict of the corpus';
COMMENT ON COLUMN assertion_verdict.documents_for IS 'Distinct papers that agree';
COMMENT ON COLUMN assertion_verdict.documents_against IS 'Distinct papers that disagree';
COMMENT ON COLUMN assertion_verdict.documents_speculative IS 'Papers that only put it as a possibility';
COMMENT ON COLUMN assertion_verdict.belief IS 'Belief, 0 to 1; null without evidence';
COMMENT ON COLUMN assertion_verdict.reason IS 'Why, as a code';
COMMENT ON COLUMN assertion_verdict.evidence IS 'The best sentences of either side, and by which rule they speak';
COMMENT ON COLUMN assertion_verdict.relations_for IS 'Relations that agree, speculative ones included';
COMMENT ON COLUMN assertion_verdict.relations_against IS 'Relations that disagree';

CREATE TABLE trial (
    nct_id            VARCHAR NOT NULL,
    condition         VARCHAR NOT NULL,
    intervention      VARCHAR NOT NULL,
    participants      INTEGER,
    drugs             VARCHAR[] NOT NULL,
    intervention_type VARCHAR,
    cancers           VARCHAR[] NOT NULL,
    strategy_class    VARCHAR,
    mechanism_class   VARCHAR,
    modalities        VARCHAR[] NOT NULL
);
COMMENT ON TABLE trial IS 'Interventional trials that the seed review lists';
COMMENT ON COLUMN trial.nct_id IS 'ClinicalTrials.gov identifier';
COMMENT ON COLUMN trial.condition IS 'Condition';
COMMENT ON COLUMN trial.intervention IS 'Intervention';
COMMENT ON COLUMN trial.participants IS 'Number of participants';
COMMENT ON COLUMN trial.drugs IS 'Drugs given';
COMMENT ON COLUMN trial.intervention_type IS 'Kind of intervention';
COMMENT ON COLUMN trial.cancers IS 'Cancers treated';
COMMENT ON COLUMN trial.strategy_class IS 'Therapeutic strategy class';
COMMENT ON COLUMN trial.mechanism_class IS 'Mechanism class';
COMMENT ON COLUMN trial.modalities IS 'Other treatments given alongside';

CREATE TABLE trial_link (
    nct_id             VARCHAR NOT NULL,
    role               VARCHAR NOT NULL,
    name               VARCHAR NOT NULL,
    concept_id         VARCHAR,
    documents          INTEGER NOT NULL,
    documents_together INTEGER NOT NULL,
    statements         INTEGER NOT NULL,
    frames             INTEGER NOT NULL,
    belief             DOUBLE,
    statement_ids      VARCHAR[] NOT NULL,
    frame_ids          VARCHAR[] NOT NULL
);
COMMENT ON TABLE trial_link IS 'Drugs, other treatments and cancers of the trials, and what the base says of them';
COMMENT ON COLUMN trial_link.nct_id IS 'Trial';
COMMENT ON COLUMN trial_link.role IS 'drug, modality (another treatment) or cancer';
COMMENT ON COLUMN trial_link.name IS 'Name as the table of trials has it';
COMMENT ON COLUMN trial_link.concept_id IS 'CURIE of the concept; null where the knowledge base does not know it';
COMMENT ON COLUMN trial_link.documents IS 'Papers in good standing that mention it or something narrower';
COMMENT ON COLUMN trial_link.documents_together IS 'Those of them that name a cancer of the trial, too (of a cancer: a drug)';
COMMENT ON COLUMN trial_link.statements IS 'Statements on it or something narrower';
COMMENT ON COLUMN trial_link.frames IS 'Frames with it or something narrower';
COMMENT ON COLUMN trial_link.belief IS 'Of the strongest statement that it lowers or sensitizes stem cells or resistance';
COMMENT ON COLUMN trial_link.statement_ids IS 'The strongest of the statements, those on stem cells and resistance first';
COMMENT ON COLUMN trial_link.frame_ids IS 'The strongest of the frames';

CREATE TABLE novel_statement (
    statement_id   VARCHAR NOT NULL,
    rank           INTEGER NOT NULL,
    chapter        VARCHAR NOT NULL,
    strategy_class VARCHAR,
    topic          VARCHAR NOT NULL,
    document_id    VARCHAR NOT NULL,
    sentence_id    VARCHAR NOT NULL,
    relation_id    VARCHAR NOT NULL
);
COMMENT ON TABLE novel_statement IS 'The strongest statements on which the review is silent';
COMMENT ON COLUMN novel_statement.statement_id IS 'Statement';
COMMENT ON COLUMN novel_statement.rank IS 'Place within its chapter, by belief and number of papers; 1 is the first';
COMMENT ON COLUMN novel_statement.chapter IS 'Mechanism class';
COMMENT ON COLUMN novel_statement.strategy_class IS 'Therapeutic strategy class of the drug';
COMMENT ON COLUMN novel_statement.topic IS 'What makes it one for the review: csc, resistance or mechanism';
COMMENT ON COLUMN novel_statement.document_id IS 'Document of the best sentence';
COMMENT ON COLUMN novel_statement.sentence_id IS 'Best sentence';
COMMENT ON COLUMN novel_statement.relation_id IS 'Relation in it';

CREATE TABLE deletion (
    pmid   VARCHAR NOT NULL,
    source VARCHAR
);
COMMENT ON TABLE deletion IS 'PMIDs that PubMed has withdrawn; kept for ever, whenever the record itself arrives';
COMMENT ON COLUMN deletion.pmid IS 'PubMed identifier';
COMMENT ON COLUMN deletion.source IS 'Name of the file that said so first';

CREATE TABLE error (
    source VARCHAR NOT NULL,
    record VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL
);
COMMENT ON TABLE error IS 'Records that could not be read or processed, each reason once';
COMMENT ON COLUMN error.source IS 'Name of the file';
COMMENT ON COLUMN error.record IS 'Which record: identifier or position';
COMMENT ON COLUMN error.reason IS 'Why it failed';
COMMENT ON COLUMN error.run_id IS 'Run that met it first';

CREATE TABLE curation (
    evidence_id           VARCHAR NOT NULL,
    curator               VARCHAR NOT NULL,
    judged                TIMESTAMP NOT NULL,
    recorded              TIMESTAMP NOT NULL,
    correct               BOOLEAN,
    category              VARCHAR,
    corrected_type        VARCHAR,
    corrected_negated     BOOLEAN,
    corrected_speculative BOOLEAN,
    note                  VARCHAR,
    source                VARCHAR NOT NULL,
    chosen                VARCHAR,
    document_id           VARCHAR NOT NULL,
    relation_id           VARCHAR NOT NULL,
    run_id                VARCHAR NOT NULL,
    type                  VARCHAR NOT NULL,
    head                  VARCHAR NOT NULL,
    head_type             VARCHAR NOT NULL,
    head_id               VARCHAR,
    tail                  VARCHAR NOT NULL,
    tail_type             VARCHAR NOT NULL,
    tail_id               VARCHAR,
    negated               BOOLEAN NOT NULL,
    speculative           BOOLEAN NOT NULL,
    probability           DOUBLE NOT NULL
);
COMMENT ON TABLE curation IS 'Verdicts of curators, all of them, for ever; of each curator the newest counts';
COMMENT ON COLUMN curation.evidence_id IS '<text_sha256>#<type>:<head span>><tail span>: the text and what was read there';
COMMENT ON COLUMN curation.curator IS 'Who judged';
COMMENT ON COLUMN curation.judged IS 'When it was judged, UTC';
COMMENT ON COLUMN curation.recorded IS 'When it was stored, UTC; decides among verdicts of one time';
COMMENT ON COLUMN curation.correct IS 'Whether the relation is right as shown; null where the curator could not tell';
COMMENT ON COLUMN curation.category IS 'What is wrong, where it is not right';
COMMENT ON COLUMN curation.corrected_type IS 'Right relation type; null where the one shown stays';
COMMENT ON COLUMN curation.corrected_negated IS 'Right flag; null where the one shown stays or the category tells';
COMMENT ON COLUMN curation.corrected_speculative IS 'Right flag; null where the one shown stays or the category tells';
COMMENT ON COLUMN curation.note IS 'Remark of the curator';
COMMENT ON COLUMN curation.source IS 'Name of the file the verdict was read from';
COMMENT ON COLUMN curation.chosen IS 'Strategy that picked the evidence';
COMMENT ON COLUMN curation.document_id IS 'Document it was shown from';
COMMENT ON COLUMN curation.relation_id IS 'Relation that was shown';
COMMENT ON COLUMN curation.run_id IS 'Run that had extracted it';
COMMENT ON COLUMN curation.type IS 'Relation type shown';
COMMENT ON COLUMN curation.head IS 'Head as written';
COMMENT ON COLUMN curation.head_type IS 'Entity type of the head shown';
COMMENT ON COLUMN curation.head_id IS 'Concept of the head shown';
COMMENT ON COLUMN curation.tail IS 'Tail as written';
COMMENT ON COLUMN curation.tail_type IS 'Entity type of the tail shown';
COMMENT ON COLUMN curation.tail_id IS 'Concept of the tail shown';
COMMENT ON COLUMN curation.negated IS 'Flag shown';
COMMENT ON COLUMN curation.speculative IS 'Flag shown';
COMMENT ON COLUMN curation.probability IS 'Probability shown, 0 to 1';
