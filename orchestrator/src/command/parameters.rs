//! The parameters of algorithms as flags, with the defaults that these have.

use facesets_corpus::{
    era::{JoinParameters, SplitParameters, SurveyParameters, parse_min_anchor},
    export::{
        ExportParameters,
        candidates::CandidateParameters,
        collapse::DuplicateSimilarity,
        plan::{OUT_SIZES, parse_pad_ratio},
    },
    extend::ExtendParameters,
    identity::DiscoverParameters,
};
use facesets_people::{
    refine::{Gates, RefineParameters},
    threshold::{CosineDistance, Fraction, non_negative},
    upright::turn,
};

/// Flags of [`Gates`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct GatesArgs {
    /// Least short side of a face's box in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = Gates::default().min_short, value_parser = non_negative)]
    min_short: f32,
    /// Least variance of the Laplacian of a face
    #[arg(long, value_name = "VARIANCE", default_value_t = Gates::default().min_blur, value_parser = non_negative)]
    min_blur: f32,
    /// Least confidence of the detector
    #[arg(long, value_name = "SCORE", default_value_t = Gates::default().min_det_score)]
    min_det_score: Fraction,
    /// Most degrees by which a face is turned in the photo; 180 keeps faces on their side or head too
    #[arg(long, value_name = "DEGREES", default_value_t = Gates::default().max_roll, value_parser = turn)]
    max_roll: f32,
}

impl From<GatesArgs> for Gates {
    fn from(args: GatesArgs) -> Self {
        Self {
            min_short: args.min_short,
            min_blur: args.min_blur,
            min_det_score: args.min_det_score,
            max_roll: args.max_roll,
        }
    }
}

/// Flags of [`RefineParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct RefineArgs {
    /// Cosine distance at which the first, average-linkage clustering is cut
    #[arg(long, value_name = "DISTANCE", default_value_t = RefineParameters::default().initial_threshold)]
    initial_threshold: CosineDistance,
    /// Cosine distance within which the centroids of clusters (all of them: complete linkage) are one
    /// person's
    #[arg(long, value_name = "DISTANCE", default_value_t = RefineParameters::default().merge_threshold)]
    merge_threshold: CosineDistance,
    /// What one face must be
    #[command(flatten)]
    gates: GatesArgs,
    /// Farthest cosine distance of a face from its centroid, in clusters of at least 4 faces
    #[arg(long, value_name = "DISTANCE", default_value_t = RefineParameters::default().outlier_threshold)]
    outlier_threshold: CosineDistance,
    /// Fewest distinct photos of a faceset
    #[arg(long, value_name = "COUNT", default_value_t = RefineParameters::default().min_faces)]
    min_faces: usize,
}

impl From<RefineArgs> for RefineParameters {
    fn from(args: RefineArgs) -> Self {
        Self {
            initial_threshold: args.initial_threshold,
            merge_threshold: args.merge_threshold,
            gates: args.gates.into(),
            outlier_threshold: args.outlier_threshold,
            min_faces: args.min_faces,
        }
    }
}

/// Flags of [`ExportParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ExportArgs {
    /// Farthest cosine distance of a face from its set's centroid
    #[arg(long, value_name = "DISTANCE", default_value_t = ExportParameters::default().outlier_threshold)]
    outlier_threshold: CosineDistance,
    /// Least short side of a face's box in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = ExportParameters::default().min_face_short, value_parser = non_negative)]
    min_face_short: f32,
    /// Most degrees by which a face is turned in the photo; 180 keeps faces on their side or head too
    #[arg(long, value_name = "DEGREES", default_value_t = ExportParameters::default().max_roll, value_parser = turn)]
    max_roll: f32,
    /// Least cosine similarity of faces whose crops show the same picture, so that only the better one is
    /// kept; `off` keeps all
    #[arg(long, value_name = "SIMILARITY", default_value_t = ExportParameters::default().duplicate_similarity)]
    duplicate_similarity: DuplicateSimilarity,
    /// Padding on each side of the box, as a part of its long side (from 0 to 4); less where another face is
    /// near
    #[arg(long, value_name = "RATIO", default_value_t = ExportParameters::default().pad_ratio, value_parser = parse_pad_ratio)]
    pad_ratio: f32,
    /// Side of the square crops in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = ExportParameters::default().out_size,
          value_parser = clap::value_parser!(u32).range(OUT_SIZES))]
    out_size: u32,
    /// Crops in the bundle of the best
    #[arg(long, value_name = "COUNT", default_value_t = ExportParameters::default().top_n)]
    top_n: usize,
    /// Crops in the bundle of good ones that differ most from each other; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = ExportParameters::default().diverse_n)]
    diverse_n: usize,
}

impl From<ExportArgs> for ExportParameters {
    fn from(args: ExportArgs) -> Self {
        Self {
            outlier_threshold: args.outlier_threshold,
            min_face_short: args.min_face_short,
            max_roll: args.max_roll,
            duplicate_similarity: args.duplicate_similarity,
            pad_ratio: args.pad_ratio,
            out_size: args.out_size,
            top_n: args.top_n,
            diverse_n: args.diverse_n,
        }
    }
}

/// Flags of [`CandidateParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct CandidateFlags {
    /// Farthest cosine distance of a single face from the centroid of the set that it may belong to
    #[arg(long, value_name = "DISTANCE", default_value_t = CandidateParameters::default().candidate_match_threshold)]
    candidate_match_threshold: CosineDistance,
    /// Least composite quality of such a face
    #[arg(long, value_name = "QUALITY", default_value_t = CandidateParameters::default().candidate_min_score)]
    candidate_min_score: Fraction,
}

impl From<CandidateFlags> for CandidateParameters {
    fn from(args: CandidateFlags) -> Self {
        Self {
            candidate_match_threshold: args.candidate_match_threshold,
            candidate_min_score: args.candidate_min_score,
        }
    }
}

/// Flags of [`ExtendParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ExtendArgs {
    /// Farthest cosine distance of a face from the centroid of the set that it joins
    #[arg(long, value_name = "DISTANCE", default_value_t = ExtendParameters::default().match_threshold)]
    match_threshold: CosineDistance,
    /// Cosine distance at which the clustering of faces that match no set is cut
    #[arg(long, value_name = "DISTANCE", default_value_t = ExtendParameters::default().new_threshold)]
    new_threshold: CosineDistance,
}

impl From<ExtendArgs> for ExtendParameters {
    fn from(args: ExtendArgs) -> Self {
        Self { match_threshold: args.match_threshold, new_threshold: args.new_threshold }
    }
}

/// Flags of [`DiscoverParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct DiscoverArgs {
    /// Cosine distance to the centroid of an existing set within which a face is covered by it
    #[arg(long, value_name = "DISTANCE", default_value_t = DiscoverParameters::default().match_threshold)]
    match_threshold: CosineDistance,
    /// Cosine distance at which the clustering of the other faces is cut
    #[arg(long, value_name = "DISTANCE", default_value_t = DiscoverParameters::default().new_threshold)]
    new_threshold: CosineDistance,
    /// What one face must be
    #[command(flatten)]
    gates: GatesArgs,
    /// Fewest distinct photos of a new faceset
    #[arg(long, value_name = "COUNT", default_value_t = DiscoverParameters::default().min_faces)]
    min_faces: usize,
}

impl From<DiscoverArgs> for DiscoverParameters {
    fn from(args: DiscoverArgs) -> Self {
        Self {
            match_threshold: args.match_threshold,
            new_threshold: args.new_threshold,
            gates: args.gates.into(),
            min_faces: args.min_faces,
        }
    }
}

/// Flags of [`SurveyParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct SurveyArgs {
    /// Farthest cosine distance of a face from the centroid of the set at which it is looked at
    #[arg(long, value_name = "DISTANCE", default_value_t = SurveyParameters::default().recovery_threshold)]
    recovery_threshold: CosineDistance,
    /// What one face must be
    #[command(flatten)]
    gates: GatesArgs,
    /// Farthest cosine distance from the centroid of what was found so
    #[arg(long, value_name = "DISTANCE", default_value_t = SurveyParameters::default().tighten_threshold)]
    tighten_threshold: CosineDistance,
}

impl From<SurveyArgs> for SurveyParameters {
    fn from(args: SurveyArgs) -> Self {
        Self {
            recovery_threshold: args.recovery_threshold,
            gates: args.gates.into(),
            tighten_threshold: args.tighten_threshold,
        }
    }
}

/// Flags of [`SplitParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct SplitArgs {
    /// Cosine distance at which the average-linkage clustering of the set is cut
    #[arg(long, value_name = "DISTANCE", default_value_t = SplitParameters::default().sub_threshold)]
    sub_threshold: CosineDistance,
    /// Fewest distinct photos of an era of its own; what has fewer goes to `_thin`
    #[arg(long, value_name = "COUNT", default_value_t = SplitParameters::default().min_anchor, value_parser = parse_min_anchor)]
    min_anchor: usize,
}

impl From<SplitArgs> for SplitParameters {
    fn from(args: SplitArgs) -> Self {
        Self { sub_threshold: args.sub_threshold, min_anchor: args.min_anchor }
    }
}

/// Flags of [`JoinParameters`].
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct JoinArgs {
    /// Farthest cosine distance from the centroid of the nearest era at which anything joins it
    #[arg(long, value_name = "DISTANCE", default_value_t = JoinParameters::default().join_threshold)]
    join_threshold: CosineDistance,
    /// Most years from its dominant year at which anything joins an era
    #[arg(long, value_name = "YEARS", default_value_t = JoinParameters::default().year_window)]
    year_window: u16,
}

impl From<JoinArgs> for JoinParameters {
    fn from(args: JoinArgs) -> Self {
        Self { join_threshold: args.join_threshold, year_window: args.year_window }
    }
}
