//! What contents show, as digests of their pixels: contents with the same one differ in their tags only.

use facesets_core::{PixelDigest, Sha256Digest};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError};

impl Store {
    /// Whether another content is known that shows the same.
    pub fn shows_what_another_does(
        &self,
        sha256: &Sha256Digest,
        pixels: &PixelDigest,
    ) -> Result<bool, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM picture WHERE pixels = ?1 AND version = ?2 AND sha256 <> ?3")?;
        Ok(statement.exists(params![pixels.digest, pixels.version, sha256.as_bytes()])?)
    }

    /// What a content shows; `None` where no worker has told.
    pub fn picture(&self, sha256: &Sha256Digest) -> Result<Option<PixelDigest>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT version, pixels FROM picture WHERE sha256 = ?1")?;
        let row = statement.query_row([sha256.as_bytes()], |row| {
            Ok(PixelDigest { version: row.get(0)?, digest: row.get(1)? })
        });
        Ok(row.optional()?)
    }
}

/// Writes down what a content shows. It follows from the content, so that any reading is as good as another;
/// one by a newer definition takes the place of an older one.
pub(super) fn write(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    pixels: &PixelDigest,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO picture (sha256, version, pixels) VALUES (?1, ?2, ?3) ON CONFLICT (sha256) DO UPDATE \
             SET version = excluded.version, pixels = excluded.pixels WHERE excluded.version > picture.version",
        )?
        .execute(params![sha256.as_bytes(), pixels.version, pixels.digest])?;
    Ok(())
}
