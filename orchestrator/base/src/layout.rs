//! What lies where in the folders that commands write: every name, schema and kind of file, once.

/// File name of every manifest.
pub const MANIFEST: &str = "manifest.json";

/// Schema of the manifest of what `cluster` writes.
pub const CLUSTERS_SCHEMA: &str = "facesets.clusters/1";
/// Schema of the manifest of what `refine` writes.
pub const REFINED_SCHEMA: &str = "facesets.refined/1";
/// Schema of the manifest of a corpus.
pub const CORPUS_SCHEMA: &str = "facesets.corpus/1";
/// Schema of the manifest of a set of a corpus.
pub const FACESET_SCHEMA: &str = "facesets.faceset/1";
/// Schema of the manifest of the candidates of a corpus.
pub const CANDIDATES_SCHEMA: &str = "facesets.candidates/1";
/// Schema of the table of the crops of a set.
pub const CROPS_SCHEMA: &str = "facesets.crops/1";
/// Schema of what `dedup` finds.
pub const DUPLICATES_SCHEMA: &str = "facesets.duplicates/1";
/// Schema of what a script reads beside the page of `era … --report`.
pub const ERA_REPORT_SCHEMA: &str = "facesets.era-report/1";
/// Schema of a plan.
pub const PLAN_SCHEMA: &str = "facesets.plan/1";
/// Schema of what a decision is about to do, as the journal keeps it.
pub const INTENT_SCHEMA: &str = "facesets.intent/1";

/// Folder of the faces that are alone in their cluster.
pub const SINGLETONS: &str = "_singletons";
/// Folder of the photos without a face.
pub const NOFACE: &str = "_noface";

/// Folder of a set's crops.
pub const FACES: &str = "faces";
/// Folder of a set's crops, within [`FACES`]: those that were dropped, beside those in use.
pub const DROPPED: &str = "_dropped";
/// Folder of crops, in a set, and of sets, in a corpus, that were taken over and fit no face of the library.
pub const UNMATCHED: &str = "_unmatched";
/// Folder of a corpus for sets with too few photos.
pub const THIN: &str = "_thin";
/// Folder of a corpus for sets with hardly a face that can be seen.
pub const MASKED: &str = "_masked";
/// Folder of a corpus for sets that are part of others now.
pub const MERGED: &str = "_merged";
/// Folder of the candidates of a corpus.
pub const CANDIDATES: &str = "_candidates";
/// Name of the contact sheet in the corpus folder.
pub const PAGE: &str = "index.html";

/// Folder within a root for what is not a part of the output: sets under construction and earlier ones.
pub const KEPT: &str = ".facesets";

/// What `dedup` finds, for scripts.
pub const DUPLICATES: &str = "duplicates.json";
/// What stands on the page of `era … --report`, for scripts.
pub const ERA_REPORT: &str = "era.json";
/// What arrays are of, in a folder of them.
pub const ARRAYS_META: &str = "meta.npy";
/// What tables are of.
pub const TABLES_META: &str = "meta.json";
/// What stands in both, without its white space.
pub const STORE_FORMAT: &str = r#""format":"facesets""#;

/// `SQLite`'s mark for files of this program: "FSET".
pub const STORE_APPLICATION_ID: i64 = 0x4653_4554;
