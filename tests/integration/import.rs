//! What `store export` wrote comes in again: the same store, or nothing at all.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use facesets_tests::{
    program::{Run, Workspace},
    python, setup,
};
use serde_json::json;

/// A library with everything that there can be: two contracts, a failure, a capture date, an alias, a path
/// that is no text, a file that is gone.
fn embedded() -> Workspace {
    let workspace = Workspace::new();
    let photos = workspace.join("photos");
    fs::create_dir(&photos).unwrap();
    let from = setup::photos();
    fs::copy(from.join("2009/portraits/biden.jpg"), photos.join(OsStr::from_bytes(b"bi\xffden.jpg")))
        .unwrap();
    fs::copy(from.join("2018/group/t1.jpg"), photos.join("group.jpg")).unwrap();
    fs::copy(from.join("2018/group/t1.jpg"), photos.join("alias.jpg")).unwrap();
    let dated = setup::repository().join("tests/fixtures/formats/dated.jpg");
    fs::copy(dated, photos.join("dated.jpg")).unwrap();
    fs::write(photos.join("broken.jpg"), "no image").unwrap();
    for size in ["640", "320"] {
        let run = workspace.run(["embed", "photos", "--det-size", size]);
        assert_eq!(run.code, Some(1), "{run}");
        let gone = photos.join("alias.jpg");
        if gone.exists() {
            fs::remove_file(gone).unwrap();
        }
    }
    workspace
}

fn contracts(workspace: &Workspace) -> Vec<String> {
    let status = workspace.json(["status"]);
    assert_eq!(status["vanished"], 1);
    let contracts = status["contracts"].as_array().unwrap();
    contracts.iter().map(|contract| contract["contract"].as_str().unwrap().to_owned()).collect()
}

fn export(workspace: &Workspace, contract: &str, name: &str, format: &str) -> PathBuf {
    let out = workspace.join(name);
    let out_text = out.to_str().unwrap();
    workspace.ok(["store", "export", out_text, "--format", format, "--contract", contract]);
    out
}

fn import(workspace: &Workspace, arrays: &Path, flags: &[&str]) -> Run {
    let arguments = ["store".as_ref(), "import".as_ref(), arrays.as_os_str()];
    workspace.run(arguments.into_iter().chain(flags.iter().map(OsStr::new)))
}

#[test]
fn what_was_exported_comes_in_as_the_same_store() {
    let workspace = embedded();
    let contracts = contracts(&workspace);
    let [first, second] = &contracts[..] else { panic!("{contracts:?}") };
    let first = export(&workspace, first, "first.npz", "npz");
    let second = export(&workspace, second, "second", "npy");

    for order in [[&first, &second], [&second, &first]] {
        let other = Workspace::new();
        let rehearsed = import(&other, order[0], &["--dry-run"]);
        assert_eq!(rehearsed.code, Some(0), "{rehearsed}");
        assert!(!other.join("library").exists());
        for arrays in order {
            let run = import(&other, arrays, &[]);
            assert_eq!(run.code, Some(0), "{run}");
        }
        assert_eq!(other.dump(), workspace.dump());
        assert_eq!(other.json(["store", "verify"])["findings"], json!([]));

        let again = import(&other, &first, &["--json"]).json();
        let (known, nothing) = (&again["outcomes"]["same"], json!([0, 0, 0]));
        assert_eq!(known, 4);
        for kind in ["contents", "outcomes", "locations"] {
            let tally = &again[kind];
            assert_eq!(json!([tally["new"], tally["kept"], tally["replaced"]]), nothing, "{again}");
        }
        assert_eq!(other.dump(), workspace.dump());
        // Also what the dump does not show: who measured, and the times of the files.
        let again = export(&other, &contracts[0], "again.npz", "npz");
        assert!(fs::read(again).unwrap() == fs::read(&first).unwrap());
    }
}

#[test]
fn numpy_may_write_the_arrays_again_compressed_or_not() {
    let workspace = embedded();
    let contract = contracts(&workspace).remove(0);
    let arrays = export(&workspace, &contract, "faces.npz", "npz");
    let program = r#"
import json, sys
import numpy as np
arrays = dict(np.load(sys.argv[1]))
np.savez(sys.argv[1] + ".plain.npz", **arrays)
np.savez_compressed(sys.argv[1] + ".small.npz", **arrays)
# As earlier versions wrote it: of a pose yaw came first.
meta = json.loads(arrays["meta"].item())
assert meta["format_version"] == 2
arrays["meta"] = np.array(json.dumps({**meta, "format_version": 1}).encode())
arrays["faces_pose"] = arrays["faces_pose"][:, [1, 0, 2]]
np.savez(sys.argv[1] + ".earlier.npz", **arrays)
print("null")
"#;
    python::json(program, &arrays);
    let names = ["", ".plain.npz", ".small.npz", ".earlier.npz"].map(|ending| format!("faces.npz{ending}"));
    let dumps = names.map(|name| {
        let other = Workspace::new();
        let run = import(&other, &workspace.join(name), &[]);
        assert_eq!(run.code, Some(0), "{run}");
        other.dump()
    });
    assert!(dumps.iter().all(|dump| *dump == dumps[0]));
}

/// A face moved by a pixel, another size of a file, another orientation of a photo.
const CHANGE: &str = r#"
import json, sys
import numpy as np
arrays = dict(np.load(sys.argv[1]))
arrays["faces_bbox"][0] += 1
arrays["locations_size"][-1] += 1
dated = np.flatnonzero(arrays["contents_taken"] == b"2019-05-04T13:07:59")[0]
arrays["contents_orientation"][dated] = 3
np.savez(sys.argv[1] + ".changed.npz", **arrays)
print(json.dumps([arrays["faces_sha256"][0].tobytes().hex(), arrays["locations_path"][-1].decode()]))
"#;

#[test]
fn a_library_that_differs_is_changed_only_as_it_is_told() {
    let workspace = embedded();
    let contract = contracts(&workspace).remove(0);
    let arrays = export(&workspace, &contract, "faces.npz", "npz");
    let [photo, path] = serde_json::from_value::<[String; 2]>(python::json(CHANGE, &arrays)).unwrap();
    let changed = workspace.join("faces.npz.changed.npz");
    let (before, dump) = (workspace.dump(), |from: &Path| {
        let other = Workspace::new();
        import(&other, from, &[]);
        other.dump()
    });

    for flags in [&["--dry-run"][..], &[]] {
        let run = import(&workspace, &changed, flags);
        assert_eq!(run.code, Some(2), "{run}");
        run.says(&["differs from the file in 3 places", &photo, &path, "face 0 has other numbers"]);
        run.says(&[
            "bytes, the file content",
            "taken 2019-05-04T13:07:59+02:00, orientation 6",
            "orientation 3",
        ]);
        run.says(&["hint:", "--existing"]);
        assert_eq!(workspace.dump(), before);
    }
    let kept = import(&workspace, &changed, &["--existing", "keep", "--json"]);
    assert_eq!((kept.code, workspace.dump() == before), (Some(0), true), "{kept}");
    assert_eq!(kept.json()["outcomes"]["kept"], 1);

    let other = Workspace::new();
    assert_eq!(import(&other, &arrays, &[]).code, Some(0));
    let rehearsed = import(&other, &changed, &["--existing", "replace", "--dry-run", "--json"]);
    assert_eq!(
        (&rehearsed.json()["locations"]["replaced"], other.dump() == dump(&arrays)),
        (&json!(1), true)
    );
    let replaced = import(&other, &changed, &["--existing", "replace", "--json"]);
    let tallies = ["contents", "outcomes", "locations"].map(|kind| replaced.json()[kind]["replaced"].clone());
    assert_eq!(json!(tallies), json!([1, 1, 1]), "{replaced}");
    assert_eq!(other.dump(), dump(&changed));
    assert!(dump(&changed) != dump(&arrays));
}

/// Every way of being wrong that we could think of, with what must be said about it.
const DAMAGE: &str = r#"
import json, shutil, sys
from pathlib import Path
import numpy as np
source = Path(sys.argv[1])
good = {p.stem: np.load(p) for p in source.iterdir()}
cases = []
def case(said, **changes):
    folder = source.parent / f"bad-{len(cases)}"
    shutil.copytree(source, folder)
    for name, change in changes.items():
        path = folder / f"{name}.npy"
        if change is None:
            path.unlink()
        elif isinstance(change, bytes):
            path.write_bytes(change)
        else:
            array = good[name].copy()
            np.save(path, change(array))
    cases.append([str(folder), said])
def put(at, value):
    def change(array):
        array[at] = value
        return array
    return change
def meta(**changes):
    return lambda array: np.array(json.dumps({**json.loads(array.item()), **changes}).encode())
last = len(good["faces_number"]) - 1
raw = lambda name: (source / f"{name}.npy").read_bytes()
case(["`faces_embedding` is missing"], faces_embedding=None)
case(["`meta` is missing"], meta=None)
case(["format version 3", "versions 1 to 2"], meta=meta(format_version=3))
case(["format version 0", "versions 1 to 2"], meta=meta(format_version=0))
case(["`meta` is not that of a facesets export"], meta=meta(format="x"))
case(["`meta` has a wrong contract: `x`"], meta=meta(contract="x"))
case(["`contents_landmarks_contract`, row", "none of the 0 landmarks contracts"], meta=meta(landmarks_contracts=[]))
case(["`faces_embedding` is of type `<f8`, `<f4` is needed"], faces_embedding=lambda a: a.astype("<f8"))
case(["`faces_embedding` is big-endian", ".astype('<f4')"], faces_embedding=lambda a: a.astype(">f4"))
case(["`faces_embedding` is in Fortran order"], faces_embedding=np.asfortranarray)
case(["`faces_embedding` has the shape", "[rows, 512] is needed"], faces_embedding=lambda a: a[:, :511])
case(["`faces_norm` has %d rows, `faces_content` has %d" % (last, last + 1)], faces_norm=lambda a: a[1:])
case(["`locations_path` is of type `<U", "`|S…` is needed"], locations_path=lambda a: np.array(["a"] * len(a)))
case(["`faces_embedding`, row %d: value 7 of the embedding is not finite" % last], faces_embedding=put((last, 7), np.nan))
case(["`faces_embedding`, row 0: the embedding is all zero"], faces_embedding=put(0, 0))
case(["`faces_embedding`, row 1: the embedding's length is 2"], faces_embedding=lambda a: np.concatenate([a[:1], a[1:2] * 2, a[2:]]))
case(["`faces_bbox`, row 2: ", "is not a box"], faces_bbox=put((2, 3), np.inf))
case(["`faces_keypoints`, row 1: value 3 is NaN"], faces_keypoints=put((1, 1, 1), np.nan))
case(["`faces_content`, row 1: there is no content 999"], faces_content=put(1, 999))
case(["`faces_content`, row 0: -1 is below 0"], faces_content=put(0, -1))
case(["`faces_content`, row %d: content 0 comes after a later one" % last], faces_content=put(last, 0))
case(["`faces_sha256`, row 0: is not the sha256 of content"], faces_sha256=put((0, 0), good["faces_sha256"][0, 0] ^ 1))
case(["`faces_number`, row 0: is 5, but 0 is next"], faces_number=put(0, 5))
case(["`faces_number`, row 0: the face has a detector score"], faces_det_score=put(0, 2))
case(["`faces_number`, row 0: the face has an embedding without length"], faces_norm=put(0, -1))
case(["`locations_content`, row 0: there is no content 4"], locations_content=put(0, 4))
case(["`locations_path`, row 0: `x` is no absolute path"], locations_path=put(0, b"x"))
case(["`locations_path`, row 1", "is not above the row before"], locations_path=lambda a: np.repeat(a[:1], len(a)))
case(["`locations_vanished`, row 0: 7 is neither"], locations_vanished=raw("locations_vanished")[:128] + b"\7" + raw("locations_vanished")[129:])
case(["`contents_sha256`, row 1", "is not above the row before"], contents_sha256=lambda a: np.repeat(a[:1], len(a), axis=0))
dated = int(np.flatnonzero(good["contents_taken"] == b"2019-05-04T13:07:59")[0])
row = lambda name: "`contents_%s`, row %d" % (name, dated)
case([row("taken"), "`2019-02-30T00:00:00` with offset Some(120) is no time"], contents_taken=put(dated, b"2019-02-30T00:00:00"))
case([row("taken_offset"), "an offset without a time"], contents_taken=put(dated, b""))
case([row("taken"), "with offset Some(1440) is no time"], contents_taken_offset=put(dated, 1440))
case([row("orientation"), "9 is no orientation"], contents_orientation=put(dated, 9))
case([row("camera_read"), "is false beside what the camera says"], contents_camera_read=put(dated, False))
case(["`contents_outcome`, row 0: `odd`"], contents_outcome=put(0, b"odd"))
case(["`contents_error_kind`, row", "`slow` is no failure that lasts"], contents_error_kind=lambda a: np.array([b"slow"] * len(a)))
case(["`contents_width`, row", "0 ×"], contents_width=lambda a: a * 0)
case(["a face of content", "was not analysed"], contents_outcome=lambda a: np.array([b""] * len(a), "S4"))
case(["`faces_blur` ends in row %d of %d" % (last, last + 1)], faces_blur=raw("faces_blur")[:-1])
case(["`faces_blur` goes on after its %d rows" % (last + 1)], faces_blur=raw("faces_blur") + b"x")
case(["`faces_blur` is no `.npy` array"], faces_blur=b"not an array")
print(json.dumps(cases))
"#;

#[test]
fn arrays_that_are_wrong_are_refused_by_name_and_row_and_leave_the_library_alone() {
    let workspace = embedded();
    let contract = contracts(&workspace).remove(0);
    let arrays = export(&workspace, &contract, "good", "npy");
    let cases = python::json(DAMAGE, &arrays);
    let cases: Vec<(PathBuf, Vec<String>)> = serde_json::from_value(cases).unwrap();
    assert!(cases.len() > 30);
    let other = Workspace::new();
    fs::create_dir(other.join("library")).unwrap();
    for (arrays, said) in cases {
        let run = import(&other, &arrays, &[]);
        assert_eq!(run.code, Some(2), "{said:?}: {run}");
        run.says(&said.iter().map(String::as_str).collect::<Vec<_>>());
    }
    assert_eq!(other.json(["status"])["contents"], 0);

    // A damaged byte in the middle of an `.npz`.
    let file = export(&workspace, &contract, "faces.npz", "npz");
    let mut bytes = fs::read(&file).unwrap();
    let name = b"faces_landmarks_106.npy";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + 600;
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    let run = import(&other, &file, &[]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["`faces_landmarks_106` cannot be read", "damaged"]);
    fs::write(&file, "no arrays").unwrap();
    import(&other, &file, &[]).says(&["neither an `.npz` nor a folder of `.npy`", "hint:"]);
    import(&other, Path::new("nowhere.npz"), &[]).says(&["cannot read `nowhere.npz`"]);
    assert_eq!(other.json(["status"])["contents"], 0);
}

#[test]
fn the_example_in_the_readme_works() {
    let workspace = embedded();
    let contract = contracts(&workspace).remove(0);
    export(&workspace, &contract, "faces.npz", "npz");
    let readme = fs::read_to_string(setup::repository().join("README.md")).unwrap();
    let example = readme.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let program =
        format!("import os, sys, json\nos.chdir(sys.argv[1])\n{example}\nprint(json.dumps(nearest))");
    let nearest: Vec<String> = serde_json::from_value(python::json(&program, workspace.path())).unwrap();
    assert!(nearest[0].starts_with('/'), "{nearest:?}");
}
