//! Libraries in which a photo is there dozens of times, as other files.

use std::fs;

use facesets_tests::{program::Workspace, setup};

/// How often; more than any list of neighbours of the clustering holds.
const COPIES: usize = 60;

/// A JPEG of the same pixels with a comment behind its start.
fn with_comment(jpeg: &[u8], comment: &str) -> Vec<u8> {
    let length = (comment.len() + 2) as u16;
    let segment = [&[0xff, 0xfe], &length.to_be_bytes()[..], comment.as_bytes()].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

#[test]
fn copies_that_differ_in_a_comment_are_one_person_to_both_engines_and_one_group_of_duplicates() {
    let workspace = Workspace::new();
    let photos = workspace.join("photos");
    fs::create_dir(&photos).unwrap();
    let group = setup::photos().join("2018/group");
    // The whole group, with six people, of which the one is there dozens of times besides.
    fs::copy(group.join("t1.jpg"), photos.join("group.jpg")).unwrap();
    let person = fs::read(group.join("t1-variant-person-4.jpg")).unwrap();
    for number in 0..COPIES {
        fs::write(photos.join(format!("{number}.jpg")), with_comment(&person, &format!("copy {number}")))
            .unwrap();
    }
    workspace.ok(["embed", "photos"]);
    for engine in ["exact", "dense"] {
        let said = workspace.json(["cluster", engine, "--engine", engine, "--materialize", "none"]);
        let count = |name: &str| said[name].as_u64().unwrap();
        assert_eq!(
            (count("faces"), count("persons"), count("singletons")),
            (COPIES as u64 + 6, 1, 5),
            "{engine}"
        );
    }
    let said = workspace.json(["dedup", "duplicates"]);
    assert_eq!(
        (said["similar_groups"].as_u64(), said["similar_photos"].as_u64()),
        (Some(1), Some(COPIES as u64))
    );
}
