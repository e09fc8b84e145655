-- The program's own tables, version 5: a step keeps its place and its way back, and may be begun and not yet done.

ALTER TABLE tieout_migration DROP CONSTRAINT tieout_migration_kind_check;
ALTER TABLE tieout_migration ADD CONSTRAINT tieout_migration_kind_check CHECK (kind IN ('applied', 'adopted', 'begun'));
-- The step's place among the steps of its job, from 0, and the SQL of the way back as it was when the step was applied.
ALTER TABLE tieout_migration ADD COLUMN position BIGINT;
ALTER TABLE tieout_migration ADD COLUMN down TEXT;
