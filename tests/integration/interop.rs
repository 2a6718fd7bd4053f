//! The store goes out to Python and into backups, and says when it is damaged. `numpy` reads back what was
//! written.

use std::{fs, path::Path};

use facesets_core::Pose;
use facesets_tests::{program::Workspace, python, setup};
use serde_json::Value;

/// A library of a few photos, one of which cannot be decoded.
fn embedded() -> Workspace {
    let workspace = Workspace::new();
    fs::write(workspace.join("broken.jpg"), "no image").unwrap();
    let run =
        workspace.run([Path::new("embed"), &setup::photos().join("2015"), &workspace.join("broken.jpg")]);
    assert_eq!(run.code, Some(1), "{run}");
    workspace
}

const READ_NPZ: &str = r#"
import json, sys
import numpy as np
z = np.load(sys.argv[1], allow_pickle=False)
meta = json.loads(z["meta"].item())
assert meta["format_version"] == 2 and meta["landmarks_contracts"]
assert np.allclose(np.linalg.norm(z["faces_embedding"], axis=1), 1, atol=1e-5)
assert (z["contents_sha256"][z["faces_content"]] == z["faces_sha256"]).all()
hexes = lambda a: [row.tobytes().hex() for row in a]
print(json.dumps({
    "arrays": {name: [z[name].dtype.str, list(z[name].shape)] for name in z.files},
    "contract": meta["contract"],
    "poses": z["faces_pose"].tolist(),
    "paths": [p.hex() for p in z["locations_path"]],
    "kinds": sorted(k.decode() for k in z["contents_error_kind"] if k),
    "faces": [{
        "face": z["faces_sha256"][i].tobytes().hex(),
        "number": int(z["faces_number"][i]),
        **{key: z["faces_" + key][i].tobytes().hex() for key in
           ["bbox", "det_score", "norm", "blur", "keypoints", "landmarks_106", "landmarks_68", "embedding"]},
    } for i in range(len(z["faces_number"]))],
}))
"#;

#[test]
fn numpy_reads_every_field_of_an_export_as_the_dump_has_it() {
    let workspace = embedded();
    let out = workspace.join("out.npz");
    let summary = workspace.json([Path::new("store"), Path::new("export"), &out]);
    let read = python::json(READ_NPZ, &out);

    let (mut faces, paths) = faces_and_paths(&workspace);
    for face in &mut faces {
        assert_eq!(face.as_object_mut().unwrap().remove("contract").as_ref(), Some(&read["contract"]));
    }
    assert_eq!(read["faces"], Value::from(faces.clone()));
    are_pitch_yaw_and_roll(&read["poses"], &faces);
    assert_eq!(read["paths"], Value::from(paths));
    assert_eq!(read["kinds"], Value::from(vec!["decode"]));
    assert_eq!(read["arrays"]["faces_landmarks_68"], serde_json::json!(["<f4", [faces.len(), 68, 3]]));
    assert_eq!(summary["faces"], faces.len());

    let before = fs::read(&out).unwrap();
    let again = workspace.run([Path::new("store"), Path::new("export"), &out]);
    assert_eq!(again.code, Some(2), "{again}");
    again.says(&["exists", "hint:", "--force"]);
    workspace.ok([Path::new("store"), Path::new("export"), Path::new("--force"), &out]);
    assert!(fs::read(&out).unwrap() == before, "an export of the same store is the same file");
}

/// Demands the head poses of faces of the dump, in degrees and in this order.
fn are_pitch_yaw_and_roll(poses: &Value, faces: &[Value]) {
    let poses = poses.as_array().unwrap();
    assert_eq!(poses.len(), faces.len());
    for (pose, face) in poses.iter().zip(faces) {
        let hex = face["landmarks_68"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        let number = |at: usize| f32::from_le_bytes(std::array::from_fn(|i| byte(4 * at + i)));
        let landmarks: Vec<[f32; 3]> =
            (0..68).map(|point| std::array::from_fn(|i| number(3 * point + i))).collect();
        let expected = Pose::from_landmarks_68(&landmarks).expect("an upright face has a pose");
        let angles = [expected.pitch, expected.yaw, expected.roll].map(f64::from);
        assert_eq!(*pose, serde_json::json!(angles), "pitch, yaw, roll");
    }
}

const READ_PARQUET: &str = r#"
import duckdb, json, os, struct, sys
os.chdir(sys.argv[1])
def hexes(value):
    return struct.pack("<f", value).hex() if isinstance(value, float) else "".join(map(hexes, value))
numbers = ["bbox", "det_score", "norm", "blur", "keypoints", "landmarks_106", "landmarks_68", "embedding"]
faces = duckdb.sql(f"SELECT sha256, number, {', '.join(numbers)} FROM 'faces.parquet' ORDER BY 1, 2").fetchall()
paths = duckdb.sql("SELECT path_bytes, path FROM 'locations.parquet' ORDER BY 1").fetchall()
assert all(p.decode() == text for p, text in paths)
joined = "'contents.parquet' JOIN 'locations.parquet' USING (sha256)"
print(json.dumps({
    "faces": [{"face": row[0], "number": row[1], **dict(zip(numbers, map(hexes, row[2:])))} for row in faces],
    "poses": [row[0] for row in duckdb.sql("SELECT pose FROM 'faces.parquet' ORDER BY sha256, number").fetchall()],
    "paths": [p.hex() for p, _ in paths],
    "failed": duckdb.sql(f"SELECT error_kind, path LIKE '%/broken.jpg' FROM {joined} WHERE outcome = 'failed'").fetchall(),
    "contract": json.load(open("meta.json"))["contract"],
}))
"#;

#[test]
fn duckdb_reads_every_field_of_parquet_tables_as_the_dump_has_it() {
    let workspace = embedded();
    let out = workspace.join("tables");
    let arguments = ["store", "export", "tables", "--format", "parquet"];
    let summary = workspace.json(arguments);
    let read = python::json(READ_PARQUET, &out);
    let (mut faces, paths) = faces_and_paths(&workspace);
    for face in &mut faces {
        assert_eq!(face.as_object_mut().unwrap().remove("contract").as_ref(), Some(&read["contract"]));
    }
    assert_eq!(summary["faces"], faces.len());
    are_pitch_yaw_and_roll(&read["poses"], &faces);
    assert_eq!(read["faces"], Value::from(faces));
    assert_eq!(read["paths"], Value::from(paths));
    assert_eq!(read["failed"], serde_json::json!([["decode", true]]));

    let again = workspace.run(arguments);
    assert_eq!(again.code, Some(2), "{again}");
    again.says(&["exists", "hint:", "--force"]);
    workspace.ok(arguments.iter().chain(&["--force"]));
}

/// Faces and paths of the dump.
fn faces_and_paths(workspace: &Workspace) -> (Vec<Value>, Vec<Value>) {
    let lines: Vec<Value> =
        workspace.dump().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |key: &str| lines.iter().filter(|line| line.get(key).is_some()).cloned().collect::<Vec<_>>();
    let mut faces = of("face");
    assert!(faces.len() > 1);
    for face in &mut faces {
        face.as_object_mut().unwrap().remove("task");
    }
    (faces, of("location").iter().map(|line| line["path_hex"].clone()).collect())
}

#[test]
fn an_export_as_a_folder_can_be_mapped_into_memory() {
    let workspace = embedded();
    let out = workspace.join("arrays");
    workspace.ok([Path::new("store"), Path::new("export"), &out, Path::new("--format"), Path::new("npy")]);
    let program = r#"
import json, sys
import numpy as np
a = np.load(sys.argv[1] + "/faces_embedding.npy", mmap_mode="r", allow_pickle=False)
print(json.dumps(list(a.shape)))
"#;
    assert_eq!(python::json(program, &out)[1], 512);
}

#[test]
fn a_backup_holds_the_same_and_is_a_library_again() {
    let workspace = embedded();
    let file = workspace.join("copy.sqlite");
    // A writer is at work meanwhile.
    let lock = fs::File::open(workspace.join("library/lock")).unwrap();
    lock.lock().unwrap();
    workspace.ok([Path::new("store"), Path::new("backup"), &file]);
    let again = workspace.run([Path::new("store"), Path::new("backup"), &file]);
    assert_eq!(again.code, Some(2), "{again}");
    again.says(&["exists", "--force"]);

    let other = Workspace::new();
    fs::create_dir(other.join("library")).unwrap();
    fs::copy(&file, other.join("library/library.sqlite")).unwrap();
    assert_eq!(other.dump(), workspace.dump());
    assert_eq!(other.json(["store", "verify"])["findings"], serde_json::json!([]));
}

#[test]
fn verify_names_files_that_have_changed() {
    let workspace = embedded();
    let broken = workspace.join("broken.jpg");
    assert_eq!(workspace.json(["store", "verify", "--files"])["findings"], serde_json::json!([]));
    fs::write(&broken, "NO IMAGE").unwrap();
    let run = workspace.run(["store", "verify", "--files"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("broken.jpg: holds"), "{run}");
    workspace.ok(["store", "verify"]);
}

#[test]
fn a_name_that_promises_another_format_is_refused() {
    let run = embedded().run(["store", "export", "faces.parquet"]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["does not end in `.npz`", "hint:"]);
}
