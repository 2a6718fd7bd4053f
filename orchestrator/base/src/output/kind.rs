//! Which folders are ours: every output holds a file that says in its first bytes what wrote it.

use std::{
    io::{self, Read as _},
    path::Path,
};

use crate::{
    file,
    layout::{
        ARRAYS_META, CLUSTERS_SCHEMA, CORPUS_SCHEMA, DUPLICATES, DUPLICATES_SCHEMA, ERA_REPORT,
        ERA_REPORT_SCHEMA, FACESET_SCHEMA, MANIFEST, REFINED_SCHEMA, STORE_FORMAT, TABLES_META,
    },
};

/// The file is looked at so far: contracts with their digests stand before the mark of arrays and tables.
const HEAD_BYTES: u64 = 4096;

/// What a folder is that a command wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// By `cluster`.
    Clusters,
    /// By `refine`.
    Refined,
    /// By `export-swap`.
    Corpus,
    /// A set of a corpus.
    Faceset,
    /// By `dedup`.
    Duplicates,
    /// By `era … --report`.
    EraReport,
    /// By `store export --format npy`.
    Arrays,
    /// By `store export --format parquet`.
    Tables,
}

impl OutputKind {
    /// Those that hold photos, or pictures made of them.
    const WITH_PICTURES: [Self; 6] =
        [Self::Clusters, Self::Refined, Self::Corpus, Self::Faceset, Self::Duplicates, Self::EraReport];

    /// The file that tells, and what stands in it, without its white space; of a schema, any version.
    fn mark(self) -> (&'static str, String) {
        match self {
            Self::Clusters => (MANIFEST, any_version(CLUSTERS_SCHEMA)),
            Self::Refined => (MANIFEST, any_version(REFINED_SCHEMA)),
            Self::Corpus => (MANIFEST, any_version(CORPUS_SCHEMA)),
            Self::Faceset => (MANIFEST, any_version(FACESET_SCHEMA)),
            Self::Duplicates => (DUPLICATES, any_version(DUPLICATES_SCHEMA)),
            Self::EraReport => (ERA_REPORT, any_version(ERA_REPORT_SCHEMA)),
            Self::Arrays => (ARRAYS_META, STORE_FORMAT.to_owned()),
            Self::Tables => (TABLES_META, STORE_FORMAT.to_owned()),
        }
    }

    /// Whether `folder` is one. What cannot be read is none.
    pub fn is(self, folder: &Path) -> bool {
        let (file, mark) = self.mark();
        head(&folder.join(file)).is_ok_and(|head| self.is_marked(&head, &mark))
    }

    fn is_marked(self, head: &[u8], mark: &str) -> bool {
        match self {
            Self::Arrays | Self::Tables => head.windows(mark.len()).any(|part| part == mark.as_bytes()),
            _ => head.starts_with(mark.as_bytes()),
        }
    }

    /// The command that writes it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Clusters => "facesets cluster",
            Self::Refined => "facesets refine",
            Self::Corpus | Self::Faceset => "facesets export-swap",
            Self::Duplicates => "facesets dedup",
            Self::EraReport => "facesets era --report",
            Self::Arrays => "facesets store export --format npy",
            Self::Tables => "facesets store export --format parquet",
        }
    }
}

/// Whether `folder` holds photos or crops because a command put them there.
pub fn holds_our_pictures(folder: &Path) -> bool {
    OutputKind::WITH_PICTURES.iter().any(|kind| kind.is(folder))
}

/// How a file begins that has this schema, in any version of it, without white space.
pub(super) fn any_version(schema: &str) -> String {
    let name = schema.trim_end_matches(|c: char| c.is_ascii_digit());
    format!(r#"{{"schema":"{name}"#)
}

/// The first bytes of a file, without white space.
pub(super) fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    head.retain(|byte| !byte.is_ascii_whitespace());
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn marks_are_the_schemas_that_are_written() {
        let schemas = [
            CLUSTERS_SCHEMA,
            REFINED_SCHEMA,
            CORPUS_SCHEMA,
            FACESET_SCHEMA,
            DUPLICATES_SCHEMA,
            ERA_REPORT_SCHEMA,
        ];
        for (kind, schema) in OutputKind::WITH_PICTURES.iter().zip(schemas) {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("{{\n  \"schema\": \"{schema}\",\n  \"contract\": \"c\"\n}}\n");
            fs::write(folder.path().join(kind.mark().0), text).unwrap();
            assert!(kind.is(folder.path()), "{kind:?}");
            assert!(holds_our_pictures(folder.path()));
            let others = OutputKind::WITH_PICTURES.iter().filter(|other| other.is(folder.path()));
            assert_eq!(others.count(), 1, "{schema}");
        }
    }
}
