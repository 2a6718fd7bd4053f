//! Recipes of `import folders`: which folders a person sorted by hand, in TOML.

use std::path::PathBuf;

use facesets_base::folding::folded;
use facesets_people::threshold::CosineDistance;
use serde::Deserialize;

use super::{MATCH_THRESHOLD, file_label};

/// A recipe.
///
/// ```toml
/// trusted = ["/photos/by-person/anna", { folder = "/photos/by-person/b", label = "bert" }]
/// mixed = ["/photos/parties"]
/// match_threshold = 0.45
/// top_n = 30
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Folders with photos of one person each (bystanders are sorted out).
    #[serde(deserialize_with = "trusted")]
    pub trusted: Vec<TrustedFolder>,
    /// Folders with photos of anybody; faces near an identity are added to it.
    #[serde(default)]
    pub mixed: Vec<PathBuf>,
    /// Farthest from the first centroid of a trusted folder.
    #[serde(default = "first_pass")]
    pub first_outlier_threshold: CosineDistance,
    /// Farthest from the second centroid, which the first pass left.
    #[serde(default = "second_pass")]
    pub outlier_threshold: CosineDistance,
    /// Farthest that a face of a mixed folder may be from an identity.
    #[serde(default = "matching")]
    pub match_threshold: CosineDistance,
    /// Crops in the small bundle, if not as many as in the corpus.
    pub top_n: Option<usize>,
    /// Least short side of a face's box in pixels, if not as in the corpus.
    pub min_face_short: Option<f32>,
}

/// A folder that a person vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedFolder {
    /// The folder.
    pub folder: PathBuf,
    /// What the identity is called; also part of file names.
    pub label: String,
}

/// A recipe that cannot be followed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecipeError {
    /// Not TOML, or not a recipe.
    #[error("the recipe cannot be understood: {0}")]
    Syntax(String),
    /// Nobody is in it.
    #[error("the recipe names no trusted folder")]
    Empty,
    /// Two identities under one name.
    #[error("the recipe has two identities called `{0}`")]
    SameLabel(String),
    /// Not the path of a folder.
    #[error("the label `{0}` cannot be the name of a file")]
    Label(String),
}

impl Recipe {
    /// Reads a recipe.
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self = toml::from_str(text)
            .map_err(|error| RecipeError::Syntax(error.to_string().trim_end().to_owned()))?;
        if recipe.trusted.is_empty() {
            return Err(RecipeError::Empty);
        }
        let mut labels = std::collections::BTreeSet::new();
        for trusted in &recipe.trusted {
            if trusted.label != file_label(&trusted.label) {
                return Err(RecipeError::Label(trusted.label.clone()));
            }
            // Some file systems do not tell upper from lower case, or the forms of a letter.
            if !labels.insert(folded(&trusted.label)) {
                return Err(RecipeError::SameLabel(trusted.label.clone()));
            }
        }
        Ok(recipe)
    }
}

/// A path alone, or a path with a label.
fn trusted<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<TrustedFolder>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry {
        Path(PathBuf),
        Labelled { folder: PathBuf, label: String },
    }
    let entries: Vec<Entry> = Vec::deserialize(deserializer)?;
    let folder = |entry| match entry {
        Entry::Path(folder) => {
            let label =
                folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            TrustedFolder { label: file_label(&label), folder }
        }
        Entry::Labelled { folder, label } => TrustedFolder { folder, label },
    };
    Ok(entries.into_iter().map(folder).collect())
}

fn first_pass() -> CosineDistance {
    CosineDistance::literal(0.55)
}

fn second_pass() -> CosineDistance {
    CosineDistance::literal(0.45)
}

fn matching() -> CosineDistance {
    MATCH_THRESHOLD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_has_defaults_and_labels_after_folders() {
        let recipe = Recipe::parse(
            "trusted = ['/p/Ännchen', { folder = '/p/b', label = '包' }]\nmixed = ['/p/all']\ntop_n = 8",
        )
        .unwrap();
        let labels: Vec<&str> = recipe.trusted.iter().map(|trusted| trusted.label.as_str()).collect();
        assert_eq!(labels, ["Ännchen", "包"]);
        assert_eq!((recipe.match_threshold, recipe.top_n), (MATCH_THRESHOLD, Some(8)));
        assert_eq!(recipe.first_outlier_threshold, CosineDistance::literal(0.55));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_reason() {
        let refused = |text: &str| Recipe::parse(text).unwrap_err();
        assert_eq!(refused("trusted = []"), RecipeError::Empty);
        assert_eq!(refused("trusted = ['/a/x', '/b/X']"), RecipeError::SameLabel("X".to_owned()));
        let escaping = "trusted = [{ folder = '/a', label = '../up' }]";
        assert_eq!(refused(escaping), RecipeError::Label("../up".to_owned()));
        for wrong in ["trusted = 3", "trusted = ['/a']\ntypo = 1", "trusted = ['/a']\nmatch_threshold = 3.0"]
        {
            assert!(matches!(refused(wrong), RecipeError::Syntax(_)), "{wrong}");
        }
    }
}
