//! Hand-sorted and discovered identities in constructed galleries.

use std::path::Path;

use facesets_base::location::Location;
use facesets_people::{gallery::Content, grouping::Grouping, pins::ResolvedPins, testing::gallery_of};

use super::*;

/// Faces (person, path) each in a photo of its own.
fn gallery(faces: &[(usize, &str)]) -> Gallery {
    let sketches: Vec<(usize, f32)> = faces.iter().map(|(person, _)| (*person, 0.1)).collect();
    let mut gallery = gallery_of(&sketches);
    for (content, (_, path)) in gallery.contents.iter_mut().zip(faces) {
        content.locations = vec![Location::file(path)];
    }
    gallery
}

fn paths(set: &NewSet) -> Vec<&str> {
    set.faces.iter().map(|face| face.path.as_str()).collect()
}

#[test]
fn bystanders_drop_out_and_a_mixed_photo_lands_with_everybody_in_it() {
    let mut gallery = gallery(&[
        (0, "/anna/1"),
        (0, "/anna/2"),
        (0, "/anna/3"),
        (2, "/anna/4"),
        (1, "/bert/1"),
        (1, "/bert/2"),
        (0, "/all/1"),
        (1, "/all/1"),
        (2, "/all/2"),
    ]);
    // The seventh and eighth face are in one photo, side by side.
    gallery.contents.remove(7);
    gallery.faces[7].content = 6;
    gallery.faces[7].number = 1;
    gallery.faces[7].bbox.x1 = 1510.0;
    gallery.faces[7].bbox.x2 = 1710.0;
    gallery.faces[8].content = 7;
    let recipe = Recipe::parse("trusted = ['/anna', '/bert', '/nobody']\nmixed = ['/all']").unwrap();
    let (additions, imported) =
        sorted_identities(&gallery, &recipe, 7, &ExportParameters::default(), &ResolvedPins::default());
    let sets: Vec<(&str, Vec<&str>)> =
        additions.sets.iter().map(|set| (set.name.as_str(), paths(set))).collect();
    assert_eq!(
        sets,
        [
            ("faceset_007", vec!["/anna/1", "/anna/2", "/anna/3", "/all/1"]),
            ("faceset_008", vec!["/bert/1", "/bert/2", "/all/1"]),
        ]
    );
    let left = |set: usize, face: usize| additions.sets[set].faces[face].bbox[0] as u32;
    assert_eq!((left(0, 3), left(1, 2)), (10, 1510), "each has a face of its own");
    let said: Vec<_> =
        imported.identities.iter().map(|i| (i.faces, i.outliers, i.routed, i.exported)).collect();
    assert_eq!(said, [(4, 1, 1, 4), (2, 0, 1, 3), (0, 0, 0, 0)]);
    assert_eq!(imported.identities[2].name, None);
}

#[test]
fn discovery_counts_who_is_known_and_numbers_who_is_not() {
    let mut faces = vec![(0, "/old/1"), (0, "/new/1"), (0, "/new/2")];
    faces.extend([(1, "/new/3"), (1, "/new/4"), (1, "/new/5"), (1, "/new/6"), (2, "/new/7")]);
    let mut gallery = gallery(&faces);
    // An alias below the folder counts.
    gallery.contents[0].locations.push(Location::file("/new/copy"));
    let canonical = Canonical { names: vec!["faceset_001".to_owned()], rows: vec![vec![0]], next_number: 5 };
    let parameters = DiscoverParameters::default();
    let export = ExportParameters::default();
    let (additions, found) =
        discover(&gallery, Path::new("/new"), &canonical, &parameters, &export, &Grouping::default())
            .unwrap();
    let matches = |name: &str, faces| SetMatches { name: name.to_owned(), faces };
    assert_eq!((found.faces, &found.matches[..]), (8, &[matches("faceset_001", 3)][..]));
    assert_eq!((found.unmatched, found.clusters, found.survivors), (5, 2, 1));
    assert_eq!((found.emitted, found.gaps), (vec![matches("faceset_005", 4)], vec![]));
    assert_eq!(paths(&additions.sets[0]), ["/new/3", "/new/4", "/new/5", "/new/6"]);
    assert_eq!(additions.sets[0].marker.as_deref(), Some("new"));

    gallery.faces.iter_mut().for_each(|face| face.bbox.x2 = face.bbox.x1 + 95.0);
    let (_, found) =
        discover(&gallery, Path::new("/new"), &canonical, &parameters, &export, &Grouping::default())
            .unwrap();
    assert_eq!(
        (found.survivors, found.gaps),
        (1, vec![matches("faceset_005", 4)]),
        "95 px pass one gate only"
    );
}

#[test]
fn a_folder_is_not_the_beginning_of_another_name() {
    let mut gallery = gallery(&[(0, "/new/1"), (0, "/newer/1")]);
    gallery.contents.push(Content { locations: vec![Location::file("/new")], ..gallery.contents[0].clone() });
    assert_eq!(faces_under(&gallery, Path::new("/new")), [0]);
    assert_eq!(file_label(" ..a/b: c. "), "a_b_ c");
}
