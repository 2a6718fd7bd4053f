//! The tables, as a list of steps from each version to the next. A step that was released is never edited.

use facesets_base::layout::STORE_APPLICATION_ID;
use rusqlite::Connection;

use super::StoreError;

/// Step *i* leads from version *i* to version *i* + 1.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_first.sql"),
    include_str!("schema/002_strikes.sql"),
    include_str!("schema/003_camera.sql"),
    include_str!("schema/004_decisions.sql"),
    include_str!("schema/005_pins.sql"),
    include_str!("schema/006_consent.sql"),
    include_str!("schema/007_scan.sql"),
    include_str!("schema/008_gone.sql"),
];

/// Brings a database to the newest version, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    for (next, step) in (found + 1..).zip(steps_from(found)?) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", STORE_APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
        tracing::info!(version = next, "store migrated");
    }
    Ok(())
}

/// For those who only look: refuses a newer version, and gives an older one the tables that it lacks as empty
/// temporary ones. The file stays as it is, so that it may lie where nobody can write.
///
/// This works as long as steps only add tables; one that changes a table has to make a temporary view of the
/// old one here.
pub(super) fn complete(connection: &Connection) -> Result<(), StoreError> {
    for step in steps_from(version(connection)?)? {
        connection.execute_batch(&step.replace("CREATE TABLE", "CREATE TEMP TABLE"))?;
    }
    Ok(())
}

/// Gives a connection the views that say what counts. They are no part of the file; all tables must be there.
pub(super) fn make_views(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.execute_batch(include_str!("schema/views.sql"))?)
}

fn steps_from(found: i64) -> Result<&'static [&'static str], StoreError> {
    let steps = usize::try_from(found).ok().and_then(|done| MIGRATIONS.get(done..));
    steps.ok_or(StoreError::Newer { found, known: MIGRATIONS.len() as i64 })
}

pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

pub(super) fn application_id(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "application_id", |row| row.get(0))?)
}
