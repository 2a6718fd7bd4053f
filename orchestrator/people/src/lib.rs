//! Who is who: the faces of a library as algorithms see them, how they are grouped and matched, what users
//! say of them, and how good they are. Pure: nothing here reads, writes or waits.

pub mod cluster;
pub mod consent;
pub mod dedup;
pub mod drops;
pub mod gallery;
pub mod grouping;
pub mod matching;
pub mod pins;
pub mod quality;
pub mod refine;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod threshold;
pub mod upright;
pub mod view;
