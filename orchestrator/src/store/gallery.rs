//! From rows to the gallery that the algorithms see.

use std::{collections::HashMap, path::Path};

use facesets_core::{EMBEDDING_LEN, Embedding, Pose, Sha256Digest};
use ndarray::Array2;
use rusqlite::params;

use super::{Store, StoreError, TASK_FACES, blob, faces, locations};
use crate::gallery::{Content, Gallery, GalleryFace};

impl Store {
    /// Every face under a contract; `None` for the only one there is.
    ///
    /// Contents are those that lie, or lay, at least at one path and were analysed.
    pub fn gallery(&self, contract: Option<&str>) -> Result<Gallery, StoreError> {
        let contract = self.choose_contract(contract)?;
        // One moment for all queries, whatever a writer does meanwhile.
        let snapshot = self.connection.unchecked_transaction()?;
        let contents = self.analysed_contents(&contract)?;
        let index = contents.iter().zip(0..).map(|(content, at)| (content.sha256, at)).collect();
        let mut gallery = self.faces_of(&contract, &index)?;
        gallery.contents = contents;
        snapshot.finish()?;
        Ok(gallery)
    }

    /// Number of faces under a contract, as [`Self::gallery`] would choose it, and values of an embedding.
    pub fn extent(&self, contract: Option<&str>) -> Result<(u64, usize), StoreError> {
        let contract = self.choose_contract(contract)?;
        let faces: i64 = self.connection.query_row(
            "SELECT count(*) FROM analysis JOIN face ON face.analysis_id = analysis.id \
             WHERE analysis.task = ?1 AND analysis.contract = ?2",
            params![TASK_FACES, contract],
            |row| row.get(0),
        )?;
        Ok((faces as u64, EMBEDDING_LEN))
    }

    /// Sorted by canonical path.
    fn analysed_contents(&self, contract: &str) -> Result<Vec<Content>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT location.path, analysis.sha256, analysis.width, analysis.height \
             FROM analysis JOIN location ON location.sha256 = analysis.sha256 \
             WHERE analysis.task = ?1 AND analysis.contract = ?2 AND analysis.outcome = 'done'",
        )?;
        let mut by_digest: HashMap<Sha256Digest, Content> = HashMap::new();
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        while let Some(row) = rows.next()? {
            let sha256 = locations::digest(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let path = locations::path(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            let (width, height) = (row.get(2)?, row.get(3)?);
            let empty = || Content { sha256, paths: Vec::new(), width, height };
            by_digest.entry(sha256).or_insert_with(empty).paths.push(path);
        }
        let mut contents: Vec<Content> = by_digest.into_values().collect();
        for content in &mut contents {
            content.paths.sort_by(|a, b| bytes(a).cmp(bytes(b)));
        }
        contents.sort_by(|a, b| bytes(&a.paths[0]).cmp(bytes(&b.paths[0])));
        Ok(contents)
    }

    /// The faces of the contents in `index`, in their order; the contents themselves are left to the caller.
    fn faces_of(&self, contract: &str, index: &HashMap<Sha256Digest, usize>) -> Result<Gallery, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT analysis.sha256, face.number, face.x1, face.y1, face.x2, face.y2, face.det_score, face.norm, \
                    face.blur, face.landmarks_68, embedding.vector \
             FROM analysis JOIN face ON face.analysis_id = analysis.id JOIN embedding ON embedding.face_id = face.id \
             WHERE analysis.task = ?1 AND analysis.contract = ?2 AND analysis.outcome = 'done'",
        )?;
        let mut found = Vec::new();
        let mut vectors: Vec<f32> = Vec::new();
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        while let Some(row) = rows.next()? {
            let blob = |column: usize| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
            let digest = locations::digest(blob(0)?)?;
            let Some(&content) = index.get(&digest) else { continue };
            let landmarks_68 = blob::decode_points(blob(9)?)?;
            found.push(GalleryFace {
                content,
                number: row.get(1)?,
                bbox: faces::bbox(row, 2)?,
                det_score: row.get(6)?,
                norm: row.get(7)?,
                blur: row.get(8)?,
                pose: Pose::from_landmarks_68(&landmarks_68),
                landmarks_68,
            });
            let unit = Embedding::from_unit(blob::decode(blob(10)?).collect()).map_err(|error| {
                let (number, sha256) = (found[found.len() - 1].number, digest);
                StoreError::Damaged(format!("face {number} of content {sha256}: {error}"))
            })?;
            vectors.extend_from_slice(unit.as_slice());
        }
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_key(|at| (found[*at].content, found[*at].number));
        let mut embeddings = Array2::zeros((found.len(), EMBEDDING_LEN));
        for (mut row, at) in embeddings.rows_mut().into_iter().zip(&order) {
            let vector = &vectors[at * EMBEDDING_LEN..(at + 1) * EMBEDDING_LEN];
            row.iter_mut().zip(vector).for_each(|(to, from)| *to = *from);
        }
        found.sort_by_key(|face| (face.content, face.number));
        Ok(Gallery { contract: contract.to_owned(), contents: Vec::new(), faces: found, embeddings })
    }
}

/// Paths are ordered by their bytes, not by their components.
fn bytes(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}
