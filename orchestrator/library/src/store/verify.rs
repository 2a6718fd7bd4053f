//! Is everything in the store what it should be?

use facesets_base::plausible::{Extent, check_distinct, check_face};
use rusqlite::{Row, params};

use super::{LocationRecord, Store, StoreError, TASK_FACES, camera, faces, locations};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// A path, a face, a table.
    pub what: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Adds what it finds.
type Check<'a> = dyn Fn(&mut Vec<Finding>) -> Result<(), StoreError> + 'a;

impl Store {
    /// Looks at every page, key and row; `progress` hears of each face.
    pub fn verify(&self, progress: &dyn Fn(u64)) -> Result<Vec<Finding>, StoreError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let mut findings = Vec::new();
        let checks: [&Check<'_>; 9] = [
            &|findings| self.check_pages(findings),
            &|findings| self.check_keys(findings),
            &|findings| self.check_contents(findings),
            &|findings| self.check_locations(findings),
            &|findings| self.check_contracts(findings),
            &|findings| self.check_cameras(findings),
            &|findings| self.check_sizes(findings),
            &|findings| self.check_faces(findings, progress),
            &|findings| self.check_numbers(findings),
        ];
        for check in checks {
            match check(&mut findings) {
                // The other checks may still name what is damaged.
                Err(StoreError::Damaged(problem)) => {
                    findings.push(Finding { what: "database".to_owned(), problem });
                }
                checked => checked?,
            }
        }
        snapshot.finish()?;
        Ok(findings)
    }

    /// How many faces [`Self::verify`] will look at.
    pub fn face_count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("SELECT count(*) FROM face", [], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Every location that should be there, in byte order of the paths.
    pub fn present_locations(&self) -> Result<Vec<LocationRecord>, StoreError> {
        let mut all = Vec::new();
        self.each_location_below("/".as_ref(), |location| {
            if !location.vanished {
                all.push(location);
            }
        })?;
        Ok(all)
    }

    fn check_pages(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            if text != "ok" {
                findings.push(Finding { what: "database".to_owned(), problem: text });
            }
        }
        Ok(())
    }

    fn check_keys(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            // Locations have no row ids; they are named by their paths below.
            if table == "location" {
                continue;
            }
            let id: Option<i64> = row.get(1)?;
            let row = id.map_or_else(String::new, |id| format!(" row {id}"));
            findings.push(Finding {
                what: format!("{table}{row}"),
                problem: format!("refers to a {parent} that is not there"),
            });
        }
        Ok(())
    }

    fn check_contents(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        // SQLite's own check does not look at constraints of tables without row ids.
        let mut statement =
            self.connection.prepare("SELECT sha256 FROM content WHERE length(sha256) <> 32 OR bytes < 0")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let what = format!("content {}", content(row, 0)?);
            findings.push(Finding { what, problem: "has no sha256 or no size".to_owned() });
        }
        Ok(())
    }

    fn check_locations(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT path, size, bytes FROM location LEFT JOIN content USING (sha256) \
             WHERE bytes IS NULL OR size <> bytes ORDER BY path",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let path = locations::path(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            let (size, bytes): (i64, Option<i64>) = (row.get(1)?, row.get(2)?);
            let problem = match bytes {
                Some(bytes) => format!("the file has {size} bytes, its content {bytes}"),
                None => "refers to a content that is not there".to_owned(),
            };
            findings.push(Finding { what: path.display().to_string(), problem });
        }
        Ok(())
    }

    fn check_contracts(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        for contract in self.contracts()? {
            if contract.parse::<facesets_core::FaceContract>().is_err() {
                findings.push(Finding { what: contract, problem: "is not a contract".to_owned() });
            }
        }
        Ok(())
    }

    fn check_cameras(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let mut statement = self
            .connection
            .prepare(&format!("SELECT sha256, {} FROM camera ORDER BY sha256", camera::COLUMNS))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let problem = match camera::read(row, 1) {
                Ok(_) => None,
                Err(StoreError::Damaged(problem)) => Some(problem),
                Err(error) => Some(error.to_string()),
            };
            if let Some(problem) = problem {
                let content = locations::digest(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
                findings.push(Finding { what: content.to_string(), problem });
            }
        }
        Ok(())
    }

    fn check_sizes(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT sha256, width, height FROM analysis WHERE task = ?1 AND outcome = 'done' ORDER BY id",
        )?;
        let mut rows = statement.query(params![TASK_FACES])?;
        while let Some(row) = rows.next()? {
            if let Err(problem) = extent(row, 1)? {
                findings.push(Finding { what: content(row, 0)?, problem });
            }
        }
        Ok(())
    }

    fn check_faces(&self, findings: &mut Vec<Finding>, progress: &dyn Fn(u64)) -> Result<(), StoreError> {
        // In order of the rows, so that a large store is read from front to back. The faces of a photo were
        // written one after the other.
        let query = format!(
            "SELECT face.id, sha256, number, outcome, {}, width, height, analysis_id FROM face \
             LEFT JOIN embedding ON embedding.face_id = face.id \
             JOIN analysis ON analysis.id = face.analysis_id WHERE task = ?1 ORDER BY face.id",
            faces::COLUMNS
        );
        let mut statement = self.connection.prepare(&query)?;
        let mut rows = statement.query(params![TASK_FACES])?;
        let mut photo = (None, Vec::new());
        while let Some(row) = rows.next()? {
            let analysis = row.get::<_, Option<i64>>("analysis_id")?;
            if photo.0 != analysis {
                photo = (analysis, Vec::new());
            }
            let problem = match faces::read(row, 4) {
                Err(StoreError::Damaged(problem)) => Some(problem),
                Err(StoreError::Sqlite(error)) => Some(format!("unreadable: {error}")),
                Err(error) => return Err(error),
                Ok(face) => {
                    photo.1.push(face.bbox);
                    // A photo without a size has been named.
                    let checked = extent(row, 15)?.map_or(Ok(()), |photo| check_face(&face, photo));
                    let distinct = || check_distinct(&photo.1).map_err(|error| error.to_string());
                    checked.map_err(str::to_owned).and_then(|()| distinct()).err()
                }
            };
            let failed = row.get::<_, String>(3)? != "done";
            let problem = problem.or_else(|| failed.then(|| "belongs to a failure".to_owned()));
            if let Some(problem) = problem {
                let (content, number) = (content(row, 1)?, row.get::<_, i64>(2)?);
                findings.push(Finding { what: format!("face {number} of {content}"), problem });
            }
            progress(1);
        }
        Ok(())
    }

    fn check_numbers(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT sha256, count(*), max(number) FROM analysis JOIN face ON face.analysis_id = analysis.id \
             GROUP BY analysis.id HAVING count(*) <> max(number) + 1",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let content = content(row, 0)?;
            let (count, last): (i64, i64) = (row.get(1)?, row.get(2)?);
            findings.push(Finding {
                what: content,
                problem: format!("has {count} faces, but the last is number {last}"),
            });
        }
        Ok(())
    }
}

/// The sha256 in a column as text, also where it is none.
fn content(row: &Row<'_>, column: usize) -> Result<String, StoreError> {
    let bytes = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(locations::digest(bytes).map_or_else(|_| format!("{bytes:02x?}"), |digest| digest.to_string()))
}

/// Width and height in two columns, or what is wrong with them.
fn extent(row: &Row<'_>, column: usize) -> rusqlite::Result<Result<Extent, String>> {
    // What is no number, or missing, is no size either.
    let [width, height] =
        [row.get_ref(column)?, row.get_ref(column + 1)?].map(|side| side.as_i64().unwrap_or(0));
    let sides = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    let wrong = || format!("no photo has {width} × {height} pixels");
    Ok(sides.and_then(|(width, height)| Extent::new(width, height).ok()).ok_or_else(wrong))
}
