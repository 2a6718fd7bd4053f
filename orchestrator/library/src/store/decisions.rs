//! The journal of changes to output folders: one row a decision, each step of it committed before the next
//! begins.

use rusqlite::{Row, params};

use super::{Store, StoreError, Writer};

/// A change to output folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Number; later decisions have higher ones.
    pub id: i64,
    /// How far it is.
    pub state: DecisionState,
    /// What it swaps, as the `change` module writes it.
    pub intent: String,
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionState {
    /// New sets are built beside the old ones; nothing has been touched.
    Staging,
    /// Sets are being swapped.
    Applying,
    /// Swapping failed; sets are being swapped back.
    RollingBack,
    /// Complete.
    Done,
    /// Sets are being swapped back because the user asked for it.
    Undoing,
    /// Taken back.
    Undone,
}

impl DecisionState {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Staging, "staging"),
        (Self::Applying, "applying"),
        (Self::RollingBack, "rolling_back"),
        (Self::Done, "done"),
        (Self::Undoing, "undoing"),
        (Self::Undone, "undone"),
    ];

    /// Whether somebody must finish it before anything else is done.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Undone)
    }

    fn text(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, text)| text)
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.iter().find(|(_, known)| *known == text);
        found.map(|(state, _)| *state).ok_or_else(|| StoreError::Damaged(format!("`{text}` is no state")))
    }
}

impl Store {
    /// Every decision, oldest first. None in a store that was written before there were decisions.
    pub fn decisions(&self) -> Result<Vec<Decision>, StoreError> {
        let mut statement = self.connection.prepare("SELECT id, state, intent FROM decision ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok(decision(row)))?;
        rows.map(|row| row?).collect()
    }
}

impl Writer {
    /// Writes a decision down that begins now; returns its number.
    pub fn begin_decision(&mut self, intent: &str) -> Result<i64, StoreError> {
        let connection = &self.store().connection;
        connection.execute(
            "INSERT INTO decision (state, intent) VALUES (?1, ?2)",
            params![DecisionState::Staging.text(), intent],
        )?;
        Ok(connection.last_insert_rowid())
    }

    /// Writes down how far a decision is, and with `intent` what it swaps. It is on the disk when this
    /// returns.
    pub fn advance_decision(
        &mut self,
        id: i64,
        state: DecisionState,
        intent: Option<&str>,
    ) -> Result<(), StoreError> {
        self.store().connection.execute(
            "UPDATE decision SET state = ?2, intent = coalesce(?3, intent) WHERE id = ?1",
            params![id, state.text(), intent],
        )?;
        Ok(())
    }

    /// Forgets a decision that changed nothing.
    pub fn forget_decision(&mut self, id: i64) -> Result<(), StoreError> {
        self.store().connection.execute("DELETE FROM decision WHERE id = ?1", [id])?;
        Ok(())
    }
}

fn decision(row: &Row<'_>) -> Result<Decision, StoreError> {
    let state: String = row.get(1)?;
    Ok(Decision { id: row.get(0)?, state: DecisionState::parse(&state)?, intent: row.get(2)? })
}
