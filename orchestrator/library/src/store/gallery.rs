//! From rows to the gallery that the algorithms see.

use std::collections::HashMap;

use facesets_core::{EMBEDDING_LEN, Embedding, Sha256Digest, believed_pose, roll_of};
use facesets_people::gallery::{Absent, AbsentFace, Content, Gallery, GalleryFace};
use ndarray::Array2;
use rayon::prelude::*;
use rusqlite::params;

use super::{Store, StoreError, TASK_FACES, blob, faces, locations};

impl Store {
    /// Every face under a contract; `None` for the only one there is.
    ///
    /// Contents are those that lie, or lay, at least at one path that counts and were analysed.
    pub fn gallery(&self, contract: Option<&str>) -> Result<Gallery, StoreError> {
        let contract = self.choose_contract(contract)?;
        // One moment for all queries, whatever a writer does meanwhile.
        let snapshot = self.connection.unchecked_transaction()?;
        let contents = self.analysed_contents(&contract)?;
        let index = contents.iter().zip(0..).map(|(content, at)| (content.sha256, at)).collect();
        let faces = self.faces_of(&contract, &index)?;
        let embeddings = self.embeddings(faces.iter().map(|(id, _)| *id))?;
        let absent = self.absent(&contract)?;
        snapshot.finish()?;
        let faces = faces.into_iter().map(|(_, face)| face).collect();
        Ok(Gallery { contract, contents, faces, embeddings, absent })
    }

    /// Number of faces under a contract, as [`Self::gallery`] would choose it, and values of an embedding.
    pub fn extent(&self, contract: Option<&str>) -> Result<(u64, usize), StoreError> {
        let contract = self.choose_contract(contract)?;
        let faces: i64 = self.connection.query_row(
            "SELECT count(*) FROM analysis JOIN face ON face.analysis_id = analysis.id \
             WHERE analysis.task = ?1 AND analysis.contract = ?2 \
             AND analysis.sha256 NOT IN (SELECT sha256 FROM uncounted_content)",
            params![TASK_FACES, contract],
            |row| row.get(0),
        )?;
        Ok((faces as u64, EMBEDDING_LEN))
    }

    /// Sorted by canonical path.
    fn analysed_contents(&self, contract: &str) -> Result<Vec<Content>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT location.path, analysis.sha256, analysis.width, analysis.height, content.bytes \
             FROM analysis JOIN counted_location AS location ON location.sha256 = analysis.sha256 \
             JOIN content ON content.sha256 = analysis.sha256 \
             WHERE analysis.task = ?1 AND analysis.contract = ?2 AND analysis.outcome = 'done'",
        )?;
        let years = self.capture_years()?;
        let mut by_digest: HashMap<Sha256Digest, Content> = HashMap::new();
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        while let Some(row) = rows.next()? {
            let sha256 = locations::digest(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let at = locations::at(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            let (width, height) = (row.get(2)?, row.get(3)?);
            let bytes = row.get::<_, i64>(4)? as u64;
            let capture_year = years.get(&sha256).copied();
            let empty = || Content { sha256, locations: Vec::new(), width, height, bytes, capture_year };
            by_digest.entry(sha256).or_insert_with(empty).locations.push(at);
        }
        let mut contents: Vec<Content> = by_digest.into_values().collect();
        for content in &mut contents {
            content.locations.sort_unstable();
        }
        contents.sort_by(|a, b| a.canonical().cmp(b.canonical()));
        Ok(contents)
    }

    /// The faces of the contents in `index`, in their order, each with its row id.
    fn faces_of(
        &self,
        contract: &str,
        index: &HashMap<Sha256Digest, usize>,
    ) -> Result<Vec<(i64, GalleryFace)>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT analysis.sha256, face.number, face.x1, face.y1, face.x2, face.y2, face.det_score, face.norm, \
                    face.blur, face.landmarks_68, face.keypoints, face.id \
             FROM analysis CROSS JOIN face ON face.analysis_id = analysis.id \
             WHERE analysis.task = ?1 AND analysis.contract = ?2 AND analysis.outcome = 'done'",
        )?;
        let mut found = Vec::new();
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        while let Some(row) = rows.next()? {
            let blob = |column: usize| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
            let Some(&content) = index.get(&locations::digest(blob(0)?)?) else { continue };
            let face = GalleryFace {
                content,
                number: row.get(1)?,
                bbox: faces::bbox(row, 2)?,
                det_score: row.get(6)?,
                norm: row.get(7)?,
                blur: row.get(8)?,
                roll: roll_of(&faces::keypoints(blob(10)?)?),
                pose: None,
                landmarks_68: blob::decode_points(blob(9)?)?,
            };
            found.push((row.get(11)?, face));
        }
        found.par_iter_mut().for_each(|(_, face)| face.pose = believed_pose(&face.landmarks_68, face.roll));
        found.par_sort_unstable_by_key(|(_, face)| (face.content, face.number));
        Ok(found)
    }

    /// What was analysed and counts for nothing.
    fn absent(&self, contract: &str) -> Result<Absent, StoreError> {
        let mut absent = Absent::default();
        let mut statement = self.connection.prepare(
            "SELECT analysis.sha256, location.path FROM analysis LEFT JOIN location ON location.sha256 = analysis.sha256 \
             WHERE task = ?1 AND contract = ?2 AND outcome = 'done' \
             AND analysis.sha256 NOT IN (SELECT sha256 FROM counted_location) ORDER BY location.path",
        )?;
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        while let Some(row) = rows.next()? {
            let sha256 = locations::digest(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let path = row.get_ref(1)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
            absent.contents.entry(sha256).or_default().extend(path.map(locations::at));
        }
        if absent.contents.is_empty() {
            return Ok(absent);
        }
        let mut statement = self.connection.prepare(
            "SELECT analysis.sha256, x1, y1, x2, y2, vector FROM analysis JOIN face ON analysis_id = analysis.id \
             JOIN embedding ON face_id = face.id \
             WHERE task = ?1 AND contract = ?2 AND analysis.sha256 NOT IN (SELECT sha256 FROM counted_location) \
             AND analysis.sha256 IN (SELECT sha256 FROM consent_face)",
        )?;
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        while let Some(row) = rows.next()? {
            let blob = |column| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
            let (sha256, embedding) = (locations::digest(blob(0)?)?, blob::decode(blob(5)?).collect());
            absent.spoken_of.push(AbsentFace { sha256, bbox: faces::bbox(row, 1)?, embedding });
        }
        Ok(absent)
    }

    /// The embeddings of faces with these row ids, n × 512. Each is read straight into its row: there is
    /// never a second copy.
    fn embeddings(&self, ids: impl ExactSizeIterator<Item = i64>) -> Result<Array2<f32>, StoreError> {
        let mut matrix = Array2::zeros((ids.len(), EMBEDDING_LEN));
        // In the order in which they lie on the disk.
        let mut order: Vec<(i64, usize)> = ids.zip(0..).collect();
        order.par_sort_unstable();
        let mut statement = self.connection.prepare("SELECT vector FROM embedding WHERE face_id = ?1")?;
        for (id, row) in order {
            let mut rows = statement.query([id])?;
            let found =
                rows.next()?.ok_or_else(|| StoreError::Damaged(format!("face {id} has no embedding")))?;
            let vector = blob::decode(found.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            let unit = Embedding::from_unit(vector.collect())
                .map_err(|error| self.damaged_face(id, &error.to_string()))?;
            matrix.row_mut(row).iter_mut().zip(unit.as_slice()).for_each(|(to, from)| *to = *from);
        }
        Ok(matrix)
    }

    /// What is wrong with a face, by its content and number.
    fn damaged_face(&self, id: i64, problem: &str) -> StoreError {
        let face = self.connection.query_row(
            "SELECT number, sha256 FROM face JOIN analysis ON analysis.id = face.analysis_id WHERE face.id = ?1",
            [id],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)),
        );
        match face {
            Ok((number, sha256)) => {
                let sha256 = Sha256Digest::from(sha256);
                StoreError::Damaged(format!("face {number} of content {sha256}: {problem}"))
            }
            Err(error) => error.into(),
        }
    }
}
