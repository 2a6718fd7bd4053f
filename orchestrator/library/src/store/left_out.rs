//! Places that are known and that a scan left out: they count no more, until one takes them again.

use std::{
    collections::HashMap,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Transaction, params};

use super::{Store, StoreError, locations};

/// Why a scan leaves a place out although a photo may lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// By a pattern of the user's.
    Pattern,
    /// A NAS, a sync program or a photo manager keeps it for itself.
    System,
}

impl LeftOut {
    const ALL: [Self; 2] = [Self::Pattern, Self::System];

    /// A stable word; those of the table `left_out`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::System => "system",
        }
    }
}

impl Store {
    /// Every place that is known and left out.
    pub fn left_out(&self) -> Result<HashMap<PathBuf, LeftOut>, StoreError> {
        let mut statement = self.connection.prepare("SELECT path, reason FROM left_out")?;
        let mut rows = statement.query([])?;
        let mut left_out = HashMap::new();
        while let Some(row) = rows.next()? {
            let path = locations::path(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            let word: String = row.get(1)?;
            let reason = LeftOut::ALL.into_iter().find(|reason| reason.word() == word);
            let reason = reason
                .ok_or_else(|| StoreError::Damaged(format!("`{word}` is no reason to leave a place out")))?;
            left_out.insert(path, reason);
        }
        Ok(left_out)
    }
}

/// Notes that a known place is left out.
pub(super) fn write(transaction: &Transaction<'_>, path: &Path, reason: LeftOut) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO left_out (path, reason) VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET reason = excluded.reason",
        )?
        .execute(params![path.as_os_str().as_bytes(), reason.word()])?;
    Ok(())
}

/// Notes that a place was taken.
pub(super) fn clear(transaction: &Transaction<'_>, path: &Path) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM left_out WHERE path = ?1")?
        .execute([path.as_os_str().as_bytes()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use facesets_base::location::Location;
    use facesets_core::Sha256Digest;

    use super::LeftOut;
    use crate::store::{
        LeftOutPlaces, Record, Store,
        testing::{analysed, contract, dump, face, failed, library, located, writer},
    };

    fn left_out(path: &str, reason: LeftOut) -> Record {
        Record::LeftOut { path: path.into(), reason }
    }

    #[test]
    fn what_is_left_out_does_not_count_until_it_is_located_again() {
        let (_folder, library) = library();
        let [alone, copied, broken] =
            ["alone", "copied", "broken"].map(|name| Sha256Digest::of(name.as_bytes()));
        let mut writer = writer(&library);
        let records = [
            located("/@eaDir/alone", alone),
            located("/copy/a", copied),
            located("/copy/b", copied),
            located("/bin/broken", broken),
            analysed(alone, vec![face(1)]),
            analysed(copied, vec![face(2), face(3)]),
            failed(broken),
        ];
        writer.commit(&records).unwrap();
        let before = (dump(writer.store()), writer.store().status().unwrap());
        let contract = contract().to_string();
        assert_eq!(writer.store().extent(None).unwrap().0, 3);

        writer
            .commit(&[
                left_out("/@eaDir/alone", LeftOut::System),
                left_out("/copy/a", LeftOut::Pattern),
                left_out("/bin/broken", LeftOut::System),
                left_out("/bin/broken", LeftOut::Pattern),
            ])
            .unwrap();
        // As others see it, who only read.
        let store = Store::open_read(&library).unwrap();
        let gallery = store.gallery(None).unwrap();
        let places: Vec<_> = gallery.contents.iter().map(|content| content.locations.clone()).collect();
        assert_eq!(
            places,
            [[Location::file("/copy/b")]],
            "neither a content that lies nowhere else, nor an alias"
        );
        assert_eq!((gallery.faces.len(), store.extent(None).unwrap().0), (2, 2));
        assert_eq!(store.failed_contents(&contract, &[]).unwrap(), []);
        let status = store.status().unwrap();
        assert_eq!((status.contents, status.locations, status.aliases, status.present), (3, 4, 1, 1));
        assert_eq!(status.left_out, LeftOutPlaces { pattern: 2, system: 1 });
        let of_contract = &status.contracts[0];
        assert_eq!((of_contract.analysed, of_contract.faces, of_contract.failed.len()), (1, 2, 0));
        assert_eq!(of_contract.pending, 0);

        writer.commit(&records[..4]).unwrap();
        assert_eq!((dump(writer.store()), writer.store().status().unwrap()), before, "nothing was forgotten");
    }

    #[test]
    fn a_dump_tells_what_is_left_out() {
        let (_folder, library) = library();
        let mut writer = writer(&library);
        writer.commit(&[located("/a", Sha256Digest::of(b"a")), left_out("/a", LeftOut::Pattern)]).unwrap();
        assert!(dump(writer.store()).contains(r#""left_out":"pattern""#));
    }
}
