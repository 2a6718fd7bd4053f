//! The store as columns, for programs that want arrays: one pass over the rows a column, never a column in
//! memory.
//!
//! Contents are ordered by sha256, faces by (content, number), locations by path, so that equal stores give
//! equal columns.

use std::io::{self, Write};

use facesets_core::{EMBEDDING_LEN, Sha256Digest, face};
use rusqlite::{Row, Transaction, types::ValueRef};

use super::{Store, StoreError, TASK_FACES, blob, faces, locations, schema};

/// What one row of a column is, in little-endian bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// Text or a path, padded with zeros to this many bytes.
    Text(usize),
    /// So many bytes.
    Bytes(usize),
    /// True or false, one byte.
    Bool,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// An array of `f32` of this shape.
    F32(&'static [usize]),
}

impl Item {
    /// Bytes of one row.
    pub fn len(self) -> usize {
        match self {
            Self::Text(len) | Self::Bytes(len) => len,
            Self::Bool => 1,
            Self::I32 => 4,
            Self::I64 => 8,
            Self::F32(shape) => 4 * shape.iter().product::<usize>(),
        }
    }

    /// Whether a row has no bytes at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Which rows a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Contents with their outcome, by sha256.
    Contents,
    /// Locations, by path.
    Locations,
    /// Faces, by (content, number).
    Faces,
}

/// Faces with what is stored apart from them.
pub(super) const FACES_WITH_EMBEDDINGS: &str = "FROM content CROSS JOIN analysis ON analysis.sha256 = content.sha256 AND task = ?1 AND contract = ?2 \
     CROSS JOIN face ON face.analysis_id = analysis.id CROSS JOIN embedding ON embedding.face_id = face.id";

impl Table {
    /// Joins are crossed so that the order of the contents' key is the order of the rows: nothing is sorted.
    fn from(self) -> &'static str {
        match self {
            Self::Contents => {
                "FROM content LEFT JOIN camera ON camera.sha256 = content.sha256 \
                 LEFT JOIN picture ON picture.sha256 = content.sha256 \
                 LEFT JOIN analysis ON analysis.sha256 = content.sha256 AND task = ?1 AND contract = ?2"
            }
            Self::Locations => "FROM location",
            Self::Faces => {
                "FROM content CROSS JOIN analysis ON analysis.sha256 = content.sha256 AND task = ?1 AND contract = ?2 \
                 CROSS JOIN face ON face.analysis_id = analysis.id"
            }
        }
    }

    /// As [`Self::from`], with every column of the table.
    pub(super) fn whole(self) -> &'static str {
        if self == Self::Faces { FACES_WITH_EMBEDDINGS } else { self.from() }
    }

    pub(super) fn order(self) -> &'static str {
        match self {
            Self::Contents => "content.sha256",
            Self::Locations => "path",
            Self::Faces => "content.sha256, face.number",
        }
    }
}

/// Where the bytes of a row come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The value itself.
    Value,
    /// The bytes of a path.
    Path,
    /// The place of the sha256 among the contents.
    ContentIndex,
    /// The place of the text among the landmarks contracts, −1 for none.
    LandmarksContract,
    /// Pitch, yaw and roll of the head in degrees, in this order, that follow from the landmarks; NaN where
    /// there are none.
    Pose,
}

/// A column of the export.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name, unique among all.
    pub name: &'static str,
    /// What its rows are; a text has the width 0 until it is asked for with [`Export::item`].
    item: Item,
    pub(super) table: Table,
    pub(super) source: Source,
    pub(super) query: &'static str,
    /// What stands for no value where every row must have one, in SQL; empty where there always is a value.
    absent: &'static str,
}

const fn column(name: &'static str, table: Table, item: Item, query: &'static str) -> Column {
    Column { name, item, table, source: Source::Value, query, absent: "" }
}

const fn optional(column: Column, absent: &'static str) -> Column {
    Column { absent, ..column }
}

const fn derived(column: Column, source: Source) -> Column {
    Column { source, ..column }
}

const BOX: &[usize] = &[4];
const ONE: &[usize] = &[];

/// Every column.
pub const COLUMNS: &[Column] = &[
    column("contents_sha256", Table::Contents, Item::Bytes(32), "content.sha256"),
    column("contents_bytes", Table::Contents, Item::I64, "content.bytes"),
    // 0 where nobody has read yet what the camera says; the columns after it then say that it says nothing.
    column("contents_camera_read", Table::Contents, Item::Bool, "camera.sha256 IS NOT NULL"),
    // Local time as ISO 8601 as far as it is known (`1993`, `1993-05`, …), empty for none.
    optional(column("contents_taken", Table::Contents, Item::Text(0), "taken"), "''"),
    // Minutes ahead of UTC, −32768 for unknown.
    optional(column("contents_taken_offset", Table::Contents, Item::I32, "offset_minutes"), "-32768"),
    // 1 to 8, 0 for none.
    optional(column("contents_orientation", Table::Contents, Item::I32, "orientation"), "0"),
    optional(column("contents_outcome", Table::Contents, Item::Text(0), "outcome"), "''"),
    optional(column("contents_error_kind", Table::Contents, Item::Text(0), "error_kind"), "''"),
    optional(column("contents_error_message", Table::Contents, Item::Text(0), "error_message"), "''"),
    optional(column("contents_width", Table::Contents, Item::I32, "width"), "0"),
    optional(column("contents_height", Table::Contents, Item::I32, "height"), "0"),
    derived(
        optional(
            column("contents_landmarks_contract", Table::Contents, Item::I32, "landmarks_contract"),
            "''",
        ),
        Source::LandmarksContract,
    ),
    optional(column("contents_provider", Table::Contents, Item::Text(0), "provider"), "''"),
    optional(column("contents_worker_version", Table::Contents, Item::Text(0), "worker_version"), "''"),
    optional(column("contents_runtime_version", Table::Contents, Item::Text(0), "runtime_version"), "''"),
    // A digest of the decoded pixels, with the version of its definition before a colon; empty where no
    // worker has told. Arrays without this column are of versions before it.
    optional(
        column(
            "contents_pixels",
            Table::Contents,
            Item::Text(0),
            "picture.version || ':' || lower(hex(pixels))",
        ),
        "''",
    ),
    derived(column("locations_path", Table::Locations, Item::Text(0), "path"), Source::Path),
    derived(column("locations_content", Table::Locations, Item::I64, "sha256"), Source::ContentIndex),
    column("locations_size", Table::Locations, Item::I64, "size"),
    column("locations_mtime_ns", Table::Locations, Item::I64, "mtime_ns"),
    column("locations_vanished", Table::Locations, Item::Bool, "vanished"),
    // Of those that have vanished: whether they are gone, or only away. Not in arrays of versions before
    // this.
    column(
        "locations_gone",
        Table::Locations,
        Item::Bool,
        "EXISTS (SELECT 1 FROM gone WHERE gone.path = location.path)",
    ),
    derived(column("faces_content", Table::Faces, Item::I64, "analysis.sha256"), Source::ContentIndex),
    column("faces_sha256", Table::Faces, Item::Bytes(32), "analysis.sha256"),
    column("faces_number", Table::Faces, Item::I32, "face.number"),
    column("faces_bbox", Table::Faces, Item::F32(BOX), "x1, y1, x2, y2"),
    column("faces_det_score", Table::Faces, Item::F32(ONE), "det_score"),
    column("faces_norm", Table::Faces, Item::F32(ONE), "norm"),
    column("faces_blur", Table::Faces, Item::F32(ONE), "blur"),
    column("faces_keypoints", Table::Faces, Item::F32(&[5, 2]), "keypoints"),
    column("faces_landmarks_106", Table::Faces, Item::F32(&[face::LANDMARKS_106, 2]), "landmarks_106"),
    column("faces_landmarks_68", Table::Faces, Item::F32(&[face::LANDMARKS_68, 3]), "landmarks_68"),
    // Pitch, yaw, roll.
    derived(column("faces_pose", Table::Faces, Item::F32(&[3]), faces::POINTS), Source::Pose),
    column("faces_embedding", Table::Faces, Item::F32(&[EMBEDDING_LEN]), "vector"),
];

impl Column {
    /// What its rows are; a text has no width yet.
    pub fn kind(&self) -> Item {
        self.item
    }

    /// Its expression, with a value for every row.
    fn filled(&self) -> String {
        match self.absent {
            "" => self.query.to_owned(),
            absent => format!("coalesce({}, {absent})", self.query),
        }
    }
}

/// One moment of a store, under one contract.
#[derive(Debug)]
pub struct Export<'a> {
    pub(super) snapshot: Transaction<'a>,
    contract: String,
    landmarks_contracts: Vec<String>,
    /// Sorted.
    contents: Vec<[u8; 32]>,
}

impl Store {
    /// The store as columns; `None` for the only contract there is.
    pub fn export(&self, contract: Option<&str>) -> Result<Export<'_>, StoreError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let contract = self.choose_contract(contract)?;
        let landmarks_contracts = snapshot
            .prepare(
                "SELECT DISTINCT landmarks_contract FROM analysis WHERE task = ?1 AND contract = ?2 \
                 AND landmarks_contract IS NOT NULL ORDER BY 1",
            )?
            .query_map([TASK_FACES, &contract], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let contents = snapshot
            .prepare("SELECT sha256 FROM content ORDER BY sha256")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(Export { snapshot, contract, landmarks_contracts, contents })
    }
}

impl Export<'_> {
    /// The contract of the embeddings.
    pub fn contract(&self) -> &str {
        &self.contract
    }

    /// Contracts of the landmarks; `contents_landmarks_contract` counts in this list.
    pub fn landmarks_contracts(&self) -> &[String] {
        &self.landmarks_contracts
    }

    /// Version of the store's tables.
    pub fn schema_version(&self) -> Result<i64, StoreError> {
        schema::version(&self.snapshot)
    }

    /// Rows of a column.
    pub fn rows(&self, column: &Column) -> Result<u64, StoreError> {
        self.number(&format!("SELECT count(*) {}", Self::from(column)), column)
    }

    /// What the rows of a column are, with the width that its longest text needs.
    pub fn item(&self, column: &Column) -> Result<Item, StoreError> {
        let Item::Text(_) = column.item else { return Ok(column.item) };
        let query = format!(
            "SELECT coalesce(max(length(CAST({} AS BLOB))), 0) {}",
            column.filled(),
            Self::from(column)
        );
        // NumPy has no text of no width.
        Ok(Item::Text(self.number(&query, column)?.max(1) as usize))
    }

    /// Writes every row of a column, each of [`Item::len`] bytes.
    pub fn write(&self, column: &Column, out: &mut dyn Write) -> Result<(), ExportError> {
        let item = self.item(column)?;
        let order = column.table.order();
        let query = format!("SELECT {} {} ORDER BY {order}", column.filled(), Self::from(column));
        let mut statement = self.snapshot.prepare(&query).map_err(StoreError::from)?;
        let mut rows = statement.query(self.parameters(column.table)).map_err(StoreError::from)?;
        let mut bytes = Vec::with_capacity(item.len());
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            bytes.clear();
            self.encode(column, row, &mut bytes)?;
            if let Item::Text(len) = item {
                bytes.resize(len, 0);
            }
            if bytes.len() != item.len() {
                let text = format!("a row of `{}` has {} bytes", column.name, bytes.len());
                return Err(StoreError::Damaged(text).into());
            }
            out.write_all(&bytes).map_err(ExportError::Write)?;
        }
        Ok(())
    }

    fn encode(&self, column: &Column, row: &Row<'_>, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
        let blob = || row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from);
        match column.source {
            Source::ContentIndex => {
                let digest = locations::digest(blob()?)?;
                let at = self.contents.binary_search(digest.as_bytes()).map_err(|_| unknown(&digest))?;
                bytes.extend((at as i64).to_le_bytes());
            }
            Source::LandmarksContract => {
                let text: String = row.get(0)?;
                let at = self.landmarks_contracts.iter().position(|contract| *contract == text);
                bytes.extend(at.map_or(-1, |at| at as i32).to_le_bytes());
            }
            Source::Pose => bytes.extend(blob::encode(&faces::angles(row, 0)?)),
            Source::Value | Source::Path => match (column.item, row.get_ref(0)?) {
                (_, ValueRef::Blob(value) | ValueRef::Text(value)) => bytes.extend(value),
                (Item::Bool, ValueRef::Integer(value)) => bytes.push(value as u8),
                (Item::I32, ValueRef::Integer(value)) => bytes.extend((value as i32).to_le_bytes()),
                (Item::I64, ValueRef::Integer(value)) => bytes.extend(value.to_le_bytes()),
                (Item::F32(shape), _) => {
                    for at in 0..shape.iter().product() {
                        bytes.extend(row.get::<_, f32>(at)?.to_le_bytes());
                    }
                }
                _ => return Err(StoreError::Damaged(format!("`{}` holds another type", column.name))),
            },
        }
        Ok(())
    }

    fn from(column: &Column) -> &'static str {
        if column.query == "vector" { FACES_WITH_EMBEDDINGS } else { column.table.from() }
    }

    pub(super) fn parameters(&self, table: Table) -> rusqlite::ParamsFromIter<Vec<&str>> {
        let all = vec![TASK_FACES, self.contract.as_str()];
        rusqlite::params_from_iter(if table == Table::Locations { Vec::new() } else { all })
    }

    fn number(&self, query: &str, column: &Column) -> Result<u64, StoreError> {
        let value = self.snapshot.query_row(query, self.parameters(column.table), |row| row.get::<_, i64>(0));
        Ok(value? as u64)
    }
}

/// Why a column was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be written.
    #[error("cannot write: {0}")]
    Write(#[source] io::Error),
}

fn unknown(digest: &Sha256Digest) -> StoreError {
    StoreError::Damaged(format!("content {digest} is missing"))
}
