-- Changes to output folders, as a journal: what is to be swapped is written here before the first rename. Numbers are never used again:
-- they name the folders in which earlier sets are kept.
CREATE TABLE decision (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    state  TEXT NOT NULL CHECK (state IN ('staging', 'applying', 'rolling_back', 'done', 'undoing', 'undone')),
    intent TEXT NOT NULL
) STRICT;
