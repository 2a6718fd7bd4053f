//! Every column of the store as three Parquet tables in a folder: contents, locations and faces, joined by
//! sha256.

use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array, Int32Array, Int64Array,
    RecordBatch, StringArray,
};
use arrow_schema::{ArrowError, DataType, Field};
use facesets_base::{monitor::Monitor, output::OutputDir};
use facesets_library::store::{Batch, Export, Store, Table, Values};
use parquet::{
    arrow::ArrowWriter,
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterPropertiesBuilder},
    },
};

use super::{
    InteropError,
    export::{Summary, meta},
};

/// Rows in memory at a time: a face has 4 kB.
const BATCH: usize = 4096;

/// Rows of a row group, which is in memory until it is whole: 64 MB of faces. Readers take a group a thread.
const ROW_GROUP: usize = 16_384;

/// Key of the metadata that each file carries, the text of `meta.json`.
const META_KEY: &str = "facesets";

/// Writes `contents.parquet`, `locations.parquet`, `faces.parquet` and `meta.json` into a folder.
pub fn export_parquet(
    store: &Store,
    contract: Option<&str>,
    folder: OutputDir,
    monitor: &dyn Monitor,
) -> Result<Summary, InteropError> {
    let export = store.export(contract)?;
    let meta = meta(&export)?;
    monitor.start("export", None);
    let write = |table, name| write(&export, table, &folder.path().join(name), &meta, monitor);
    let contents = write(Table::Contents, "contents.parquet")?;
    let locations = write(Table::Locations, "locations.parquet")?;
    let faces = write(Table::Faces, "faces.parquet")?;
    monitor.finish();
    let path = folder.path().join("meta.json");
    fs::write(&path, &meta).map_err(InteropError::at(&path))?;
    let written = folder.target().display().to_string();
    folder.finish()?;
    Ok(Summary { written, contract: export.contract().to_owned(), contents, locations, faces })
}

/// Returns how many rows there are.
fn write(
    export: &Export<'_>,
    table: Table,
    path: &Path,
    meta: &str,
    monitor: &dyn Monitor,
) -> Result<u64, InteropError> {
    let failed = |error: ParquetError| InteropError::at(path)(io_error(error));
    let mut file = Some(File::create(path).map_err(InteropError::at(path))?);
    let mut writer: Option<ArrowWriter<File>> = None;
    let mut rows = 0;
    export.batches(table, BATCH, |batch| {
        let batch = record_batch(batch).map_err(|error| failed(error.into()))?;
        rows += batch.num_rows() as u64;
        monitor.advance(batch.num_rows() as u64);
        if let Some(file) = file.take() {
            writer =
                Some(ArrowWriter::try_new(file, batch.schema(), Some(properties(meta))).map_err(failed)?);
        }
        writer.as_mut().map_or(Ok(()), |writer| writer.write(&batch)).map_err(failed)
    })?;
    writer.map_or(Ok(()), |writer| writer.close().map(drop)).map_err(failed)?;
    Ok(rows)
}

/// Not compressed: nearly all bytes are embeddings, which are noise to a compressor.
pub fn plain_properties(meta: &str) -> WriterPropertiesBuilder {
    let metadata = KeyValue::new(META_KEY.to_owned(), meta.to_owned());
    WriterProperties::builder()
        .set_created_by(concat!("facesets ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![metadata]))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_dictionary_enabled(false)
}

fn properties(meta: &str) -> WriterProperties {
    let mut properties = plain_properties(meta);
    for repeated in
        ["outcome", "error_kind", "landmarks_contract", "provider", "worker_version", "runtime_version"]
    {
        properties = properties.set_column_dictionary_enabled(repeated.into(), true);
    }
    properties.build()
}

fn record_batch(batch: Batch) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<(&str, ArrayRef, bool)> = Vec::new();
    for (name, values) in batch {
        let (array, nullable): (ArrayRef, bool) = match values {
            Values::Digests(values) => {
                (Arc::new(StringArray::from_iter_values(values.iter().map(ToString::to_string))), false)
            }
            Values::Paths(values) => {
                // For people and, exactly, for programs: names need not be UTF-8.
                let texts = values.iter().map(|path| String::from_utf8_lossy(path));
                columns.push((name, Arc::new(StringArray::from_iter_values(texts)), false));
                columns.push(("path_bytes", Arc::new(BinaryArray::from_iter_values(values)), false));
                continue;
            }
            Values::Texts(values) => (Arc::new(StringArray::from(values)), true),
            Values::Bools(values) => (Arc::new(BooleanArray::from(values)), false),
            Values::I32s(values) => (Arc::new(Int32Array::from(values)), true),
            Values::I64s(values) => (Arc::new(Int64Array::from(values)), true),
            Values::F32s(values, shape) => (nested(values, shape)?, false),
        };
        columns.push((name, array, nullable));
    }
    RecordBatch::try_from_iter_with_nullable(columns)
}

/// Lists of fixed sizes within each other.
pub fn nested(values: Vec<f32>, shape: &[usize]) -> Result<ArrayRef, ArrowError> {
    let mut array: ArrayRef = Arc::new(Float32Array::from(values));
    for len in shape.iter().rev() {
        let field = Arc::new(Field::new("item", array_type(&array), false));
        array = Arc::new(FixedSizeListArray::try_new(field, *len as i32, array, None)?);
    }
    Ok(array)
}

fn array_type(array: &ArrayRef) -> DataType {
    arrow_array::Array::data_type(&**array).clone()
}

/// A full disk stays one.
fn io_error(error: ParquetError) -> std::io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(error) => std::io::Error::other(error),
        },
        error => std::io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

    use arrow_array::{Array as _, cast::AsArray as _, types::Float32Type};
    use facesets_base::{
        monitor::Silent,
        output::{Existing, OutputKind},
    };
    use facesets_core::{EMBEDDING_LEN, Sha256Digest};
    use facesets_library::store::testing::{analysed, face, failed, library, located, writer};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    #[test]
    fn tables_are_read_back_with_their_types_and_every_row() {
        let (folder, library) = library();
        let content = |i: u32| Sha256Digest::of(&i.to_le_bytes());
        let odd = PathBuf::from(OsString::from_vec(b"/\xff.jpg".to_vec()));
        let mut writer = writer(&library);
        // More than one batch and more than one row group of faces.
        let photos = ROW_GROUP as u32 / 8 + 3;
        let mut records = vec![located(&odd, content(photos)), failed(content(photos))];
        for i in 0..photos {
            let faces = if i < 3 { vec![face(i), face(i + 1)] } else { vec![face(i); 8] };
            records.extend([located(format!("/{i}"), content(i)), analysed(content(i), faces)]);
        }
        writer.commit(&records).unwrap();
        let out = folder.path().join("out");
        let target = OutputDir::create(&out, OutputKind::Tables, Existing::Refuse, &[]).unwrap();
        let summary = export_parquet(writer.store(), None, target, &Silent).unwrap();
        assert_eq!(summary.faces, ROW_GROUP as u64 + 6);

        let read = |name: &str| {
            let builder =
                ParquetRecordBatchReaderBuilder::try_new(File::open(out.join(name)).unwrap()).unwrap();
            let metadata = builder.metadata().file_metadata().key_value_metadata().unwrap().clone();
            assert!(metadata.iter().any(|entry| entry.key == META_KEY));
            let groups = builder.metadata().num_row_groups();
            let batches: Vec<RecordBatch> =
                builder.with_batch_size(1 << 20).build().unwrap().map(Result::unwrap).collect();
            assert!(batches.len() <= 1, "one batch is asked for");
            (groups, batches.into_iter().next().unwrap())
        };
        let (groups, faces) = read("faces.parquet");
        assert_eq!((groups, faces.num_rows()), (2, ROW_GROUP + 6));
        let embeddings = faces.column_by_name("embedding").unwrap().as_fixed_size_list();
        assert_eq!(embeddings.value_length() as usize, EMBEDDING_LEN);
        let points = faces.column_by_name("landmarks_68").unwrap().as_fixed_size_list();
        assert_eq!(points.value(0).as_fixed_size_list().value_length(), 3);
        let first = faces.column_by_name("sha256").unwrap().as_string::<i32>().iter();
        let at = first.flatten().position(|sha256| sha256 == content(0).to_string()).unwrap();
        let embedding = embeddings.value(at + 1);
        assert_eq!(embedding.as_primitive::<Float32Type>().values(), face(1).embedding.unit.as_slice());

        let (_, locations) = read("locations.parquet");
        assert_eq!(locations.num_rows(), photos as usize + 1);
        let paths = locations.column_by_name("path_bytes").unwrap().as_binary::<i32>();
        assert!(paths.iter().flatten().any(|path| path == b"/\xff.jpg"));
        let (_, contents) = read("contents.parquet");
        assert_eq!(contents.column_by_name("error_kind").unwrap().null_count(), photos as usize);
        assert_eq!(contents.column_by_name("width").unwrap().null_count(), 1);
    }
}
