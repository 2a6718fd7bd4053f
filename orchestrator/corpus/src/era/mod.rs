//! One person over many years: is a faceset worth splitting by era, into which eras, and to which of them
//! does a new photo belong. Pure.
//!
//! A person's face drifts over the years, and a mean over all of them is nobody's face. Looks make the eras,
//! not dates: the faces of a set are clustered tightly, and years only say what a cluster is called and what
//! may join it.
//!
//! | file | what is in it |
//! |---|---|
//! | `years` | capture years of faces: the dominant one, the span, the label |
//! | `survey` | which faces are looked at: the set's, and what is recovered around it |
//! | `probe` | figures and a verdict, before anything is decided |
//! | `anchors` | the one rule by which anything joins an era |
//! | `split` | anchors, fragments, and who stands alone |
//! | `extend` | faces that came later |
//! | `change` | what becomes of a corpus, for a plan |
//! | `report` | the page for people |
//!
//! All thresholds are the proven ones of the system before this one; all distances are cosine distances of
//! unit embeddings, all sizes are counted in distinct photos.

mod anchors;
mod change;
mod extend;
mod probe;
pub mod report;
mod split;
mod survey;
#[cfg(test)]
mod tests;
mod years;

pub use anchors::{Anchors, Fit, JoinParameters};
pub use change::{EraChange, EraSet, Eras, UnknownMember, drops_that_stand};
pub use extend::{Extended, extend};
pub use probe::{Bin, CutSizes, Probe, SubCluster, Verdict, histogram, probe};
pub use split::{Bucket, Split, SplitParameters, parse_min_anchor, split};
pub use survey::{Subject, Survey, SurveyParameters, survey};
pub use years::{Years, dominant, label, span};
