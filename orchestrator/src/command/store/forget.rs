//! `facesets store forget`: photos leave the library for good.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    location::Location,
    monitor::Monitor as _,
};
use facesets_core::Sha256Digest;
use facesets_library::store::{Forgotten, Known, Store, Writer};
use serde::Serialize;

use super::Context;

/// So many photos are named in a summary for people; scripts get all.
const SHOWN: usize = 20;

/// Flags of `store forget`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Photos, or folders for every photo below them, where they lie or lay; a photo is forgotten with all
    /// its copies
    #[arg(value_name = "PATH", required_unless_present = "gone")]
    paths: Vec<PathBuf>,
    /// Every photo that is gone: deleted, or changed, and no longer anywhere as it was; of others the places
    /// where they no longer lie
    #[arg(long)]
    gone: bool,
    /// Also photos that still lie on the disk; the next `embed` of their folder takes them in again, unless
    /// it leaves them out
    #[arg(long)]
    even_if_there: bool,
    /// Say what would be forgotten, and forget nothing
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    /// Whether the command writes anything.
    pub(super) fn writes(&self) -> bool {
        !self.dry_run
    }
}

/// Why nothing was forgotten.
#[derive(Debug, thiserror::Error)]
enum ForgetError {
    #[error("cannot make `{}` an absolute path: {source}", .path.display())]
    Path { path: PathBuf, source: io::Error },
    #[error("the library knows no photo at `{}` or below it", .0.display())]
    Unknown(PathBuf),
    #[error("{photos} of these photos still lie on the disk, as `{}`: nothing was forgotten", .example.display())]
    StillThere { photos: usize, example: PathBuf },
}

impl Hint for ForgetError {
    fn hint(&self) -> Option<String> {
        Some(str::to_owned(match self {
            Self::Path { .. } => return None,
            Self::Unknown(_) => {
                "name a photo or folder that was embedded; `facesets status` says how many are gone"
            }
            Self::StillThere { .. } => {
                "delete them first, or pass `--even-if-there`: the next `facesets embed` of their folder takes them in again, \
                 unless `--exclude` leaves them out"
            }
        }))
    }
}

#[derive(Debug, Serialize)]
struct Summary {
    dry_run: bool,
    #[serde(flatten)]
    forgotten: Forgotten,
    photos: Vec<Photo>,
}

#[derive(Debug, Serialize)]
struct Photo {
    sha256: String,
    paths: Vec<String>,
    faces: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run {
        let known = find(args, &Store::open_read(&context.library)?)?;
        let forgotten = Forgotten {
            contents: known.len() as u64,
            locations: known.iter().map(|known| known.locations.len() as u64).sum(),
            faces: known.iter().map(|known| known.faces).sum(),
            ..Forgotten::default()
        };
        context.ui.summary(&Summary { dry_run: true, forgotten, photos: named(&known) })?;
        return Ok(Exit::Done);
    }
    let mut writer = Writer::open_existing(&context.library)?;
    let known = find(args, writer.store())?;
    let contents: Vec<Sha256Digest> = known.iter().map(|known| known.sha256).collect();
    let mut forgotten = writer.forget(&contents)?;
    if args.gone {
        forgotten.locations += writer.forget_gone_places()?;
    }
    let mut exit = Exit::Done;
    if forgotten.contents + forgotten.locations > 0 {
        context.ui.start("rewriting the library", None);
        let scrubbed = writer.scrub();
        context.ui.finish();
        if let Err(error) = scrubbed {
            let file = context.library.store_file().display().to_string();
            let advice = "what was forgotten is out of the library, but may be among its unused bytes; `facesets store forget` \
                          of anything else writes it anew";
            context.ui.problem(&file, &format!("{error}: {advice}"));
            exit = Exit::SomeFailed;
        }
    }
    context.ui.summary(&Summary { dry_run: false, forgotten, photos: named(&known) })?;
    Ok(exit)
}

/// The contents that are meant, by digest.
fn find(args: &Args, store: &Store) -> Result<Vec<Known>, Failure> {
    let mut found = BTreeMap::new();
    for path in &args.paths {
        let known = store.contents_at(&real(path)?)?;
        if known.is_empty() {
            return Err(ForgetError::Unknown(path.clone()).into());
        }
        found.extend(known.into_iter().map(|known| (known.sha256, known)));
    }
    let is_there = |known: &Known| {
        known.locations.iter().map(Location::path).find(|path| path.is_file()).map(Path::to_owned)
    };
    let mut there = found.values().filter_map(is_there);
    if !args.even_if_there
        && let Some(example) = there.next()
    {
        return Err(ForgetError::StillThere { photos: 1 + there.count(), example }.into());
    }
    if args.gone {
        // What has come back since the last scan is not gone.
        let gone = store.gone_contents()?.into_iter().filter(|known| is_there(known).is_none());
        found.extend(gone.map(|known| (known.sha256, known)));
    }
    Ok(found.into_values().collect())
}

/// The path as the library knows it, without symbolic links, as far as it is there.
fn real(path: &Path) -> Result<PathBuf, ForgetError> {
    let path =
        std::path::absolute(path).map_err(|source| ForgetError::Path { path: path.to_owned(), source })?;
    for folder in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (fs::canonicalize(folder), path.strip_prefix(folder)) {
            return Ok(if rest.as_os_str().is_empty() { real } else { real.join(rest) });
        }
    }
    Ok(path)
}

fn named(known: &[Known]) -> Vec<Photo> {
    let photo = |known: &Known| Photo {
        sha256: known.sha256.to_string(),
        paths: known.locations.iter().map(Location::text).collect(),
        faces: known.faces,
    };
    known.iter().map(photo).collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Forgotten { contents, locations, faces, pins, consents, refusals_kept, .. } = self.forgotten;
        for Photo { sha256, paths, faces } in self.photos.iter().take(SHOWN) {
            let name = if paths.is_empty() { sha256.clone() } else { paths.join(", ") };
            writeln!(f, "  {name}: {faces} faces")?;
        }
        if let more @ 1.. = self.photos.len().saturating_sub(SHOWN) {
            writeln!(f, "  and {more} more (`--json` lists all)")?;
        }
        if self.dry_run {
            return writeln!(
                f,
                "would forget {contents} photos at {locations} places, with {faces} faces (--dry-run)"
            );
        }
        writeln!(f, "forgot {contents} photos at {locations} places, with {faces} faces and {pins} pins")?;
        if consents + refusals_kept > 0 {
            writeln!(
                f,
                "statements about consent no longer name {consents} of the faces; {refusals_kept} refusals stay, to hold should the \
                 photos come back"
            )?;
        }
        if contents > 0 {
            writeln!(
                f,
                "what was made before has them still: folders of `cluster`, `refine` and `export-swap` (made anew with `--replace`; \
                 OUT.previous-N and .facesets are yours to delete), backups, `store export`"
            )?;
        }
        Ok(())
    }
}
