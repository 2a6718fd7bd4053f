//! `facesets refine OUT`: clusters, merged, gated and numbered.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::{
    Context,
    cluster::photos,
    drop_report::DropReport,
    output_args::{GalleryArgs, OutputArgs, place_sets, write_ending},
};
use crate::{
    exit::{Exit, Failure},
    manifest::{self, REFINED_SCHEMA, RefinedManifest, dropped_faces, named_sets, non_utf8_paths},
    output::{Missing, Placement},
    refine::{RefineParameters, refine},
    threshold::{CosineDistance, Fraction, non_negative},
};

/// Flags of `refine`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    gallery: GalleryArgs,
    #[command(flatten)]
    parameters: ParameterArgs,
    /// How photos get into the folders
    #[arg(long, value_enum, default_value_t = Placement::Copy)]
    materialize: Placement,
}

/// [`RefineParameters`] as flags.
#[derive(Debug, clap::Args)]
struct ParameterArgs {
    /// Cosine distance at which the first, average-linkage clustering is cut
    #[arg(long, value_name = "DISTANCE", default_value_t = RefineParameters::default().initial_threshold)]
    initial_threshold: CosineDistance,
    /// Cosine distance within which the centroids of clusters are one person's
    #[arg(long, value_name = "DISTANCE", default_value_t = RefineParameters::default().merge_threshold)]
    merge_threshold: CosineDistance,
    /// Least short side of a face's box in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = RefineParameters::default().min_short, value_parser = non_negative)]
    min_short: f32,
    /// Least variance of the Laplacian of a face
    #[arg(long, value_name = "VARIANCE", default_value_t = RefineParameters::default().min_blur, value_parser = non_negative)]
    min_blur: f32,
    /// Least confidence of the detector
    #[arg(long, value_name = "SCORE", default_value_t = RefineParameters::default().min_det_score)]
    min_det_score: Fraction,
    /// Farthest cosine distance of a face from its centroid, in clusters of at least 4 faces
    #[arg(long, value_name = "DISTANCE", default_value_t = RefineParameters::default().outlier_threshold)]
    outlier_threshold: CosineDistance,
    /// Fewest distinct photos of a faceset
    #[arg(long, value_name = "COUNT", default_value_t = RefineParameters::default().min_faces)]
    min_faces: usize,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Summary {
    out: PathBuf,
    previous: Option<PathBuf>,
    facesets: usize,
    faces: usize,
    failed: usize,
    vanished: usize,
    dropped: DropReport,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let gallery = args.gallery.load(&context.library)?;
    let parameters = args.parameters.to_parameters();
    context.monitor().note(&format!("refining {} faces", gallery.faces.len()));
    let refined = refine(&gallery, &parameters)?;

    let output = args.output.create()?;
    let manifest = RefinedManifest {
        schema: REFINED_SCHEMA,
        contract: gallery.contract.clone(),
        parameters,
        facesets: named_sets(&gallery, &refined.facesets, "faceset"),
        dropped: dropped_faces(&gallery, &refined.dropped),
        non_utf8_paths: non_utf8_paths(&gallery),
    };
    manifest::write(output.path(), &manifest)?;

    let names = manifest.facesets.iter().map(|set| set.name.as_str());
    let sets: Vec<_> = names.zip(refined.facesets.iter().map(|faces| photos(&gallery, faces))).collect();
    let missing = place_sets(&output, &sets, args.materialize, context.monitor())?;

    let summary = Summary {
        out: output.target().to_owned(),
        previous: output.finish()?,
        facesets: refined.facesets.len(),
        faces: refined.facesets.iter().map(Vec::len).sum(),
        failed: missing.failed,
        vanished: missing.vanished,
        dropped: DropReport(manifest.dropped),
    };
    context.ui.summary(&summary)?;
    Ok(if missing.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

impl ParameterArgs {
    fn to_parameters(&self) -> RefineParameters {
        let Self {
            initial_threshold,
            merge_threshold,
            min_short,
            min_blur,
            min_det_score,
            outlier_threshold,
            min_faces,
        } = *self;
        RefineParameters {
            initial_threshold,
            merge_threshold,
            min_short,
            min_blur,
            min_det_score,
            outlier_threshold,
            min_faces,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dropped)?;
        writeln!(f, "{} facesets with {} faces", self.facesets, self.faces)?;
        let missing = Missing { failed: self.failed, vanished: self.vanished };
        write_ending(f, missing, self.previous.as_deref(), &self.out)
    }
}
