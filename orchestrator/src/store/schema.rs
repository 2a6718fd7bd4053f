//! The tables, as a list of steps from each version to the next. A step that was released is never edited.

use rusqlite::Connection;

use super::StoreError;

/// `SQLite`'s mark for files of this program: "FSET".
pub(super) const APPLICATION_ID: i64 = 0x4653_4554;

/// Step *i* leads from version *i* to version *i* + 1.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_first.sql"),
    include_str!("schema/002_strikes.sql"),
    include_str!("schema/010_decisions.sql"),
    include_str!("schema/011_pins.sql"),
];

/// Brings a database to the newest version, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    let steps = usize::try_from(found).ok().and_then(|done| MIGRATIONS.get(done..));
    let Some(steps) = steps else {
        return Err(StoreError::Newer { found, known: MIGRATIONS.len() as i64 });
    };
    for (next, step) in (found + 1..).zip(steps) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
        tracing::info!(version = next, "store migrated");
    }
    Ok(())
}

/// Refuses what is not exactly of the newest version; for those who only look.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let (found, known) = (version(connection)?, MIGRATIONS.len() as i64);
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(()) }
}

pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

pub(super) fn application_id(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "application_id", |row| row.get(0))?)
}
