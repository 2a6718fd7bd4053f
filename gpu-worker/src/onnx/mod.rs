//! Models as files: as much of ONNX's protobuf as it takes to look at the nodes of a graph and to put others
//! in the place of some; the rest is skipped, or copied byte for byte.
//!
//! Source of the numbers: `onnx.proto` (IR version 13); none of them ever gets another meaning.

mod names;
mod prelu;

use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field},
};

pub use names::first_node_names;
#[cfg(test)]
pub(crate) use names::model_with_nodes;
pub use prelu::split_prelu;

/// `ModelProto.graph`.
const GRAPH: u32 = 7;
/// `GraphProto.node`.
const NODE: u32 = 1;
/// `GraphProto.initializer`.
const INITIALIZER: u32 = 5;
/// `GraphProto.input`.
const INPUT: u32 = 11;

/// `TensorProto.DataType.FLOAT`.
const FLOAT: i32 = 1;
/// `AttributeProto.AttributeType.INT`.
const INT: i32 = 2;

/// Bytes that are not an ONNX model.
#[derive(Debug, thiserror::Error)]
#[error("not an ONNX model")]
pub struct NotOnnx;

/// A field of a message.
#[derive(Debug, Clone, Copy)]
struct Field<'a> {
    number: u32,
    /// With its key, ready to be copied.
    whole: &'a [u8],
    /// Of a message, string or bytes; nothing for a number.
    content: &'a [u8],
}

/// `NodeProto`. Of what is read, attributes lack what an [`Attribute`] lacks.
#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    operator: String,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<Attribute>,
    /// Empty for ONNX's own operators.
    #[prost(string, tag = "7")]
    domain: String,
}

/// `AttributeProto`, for whole numbers only.
#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    value: i64,
    #[prost(int32, tag = "20")]
    kind: i32,
}

/// `TensorProto` without its values, which may be many.
#[derive(Clone, PartialEq, Message)]
struct TensorHeader {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    sizes: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
}

/// `TensorProto` of floats.
#[derive(Clone, PartialEq, Message)]
struct Floats {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    sizes: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    values: Vec<f32>,
    #[prost(string, tag = "8")]
    name: String,
    /// Little-endian, in place of `values`.
    #[prost(bytes = "vec", tag = "9")]
    raw: Vec<u8>,
}

/// `ValueInfoProto`.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    name: String,
}

impl From<DecodeError> for NotOnnx {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

impl Node {
    fn new(operator: &str, inputs: &[&str], output: &str) -> Self {
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        Self { inputs, outputs: vec![output.to_owned()], operator: operator.to_owned(), ..Self::default() }
    }

    fn with(mut self, name: &str, value: i64) -> Self {
        self.attributes.push(Attribute { name: name.to_owned(), value, kind: INT });
        self
    }

    /// Whether it is this operator of ONNX's own.
    fn is(&self, operator: &str) -> bool {
        self.operator == operator && ["", "ai.onnx"].contains(&self.domain.as_str())
    }
}

impl Floats {
    fn new(name: &str, sizes: &[i64], values: Vec<f32>) -> Self {
        Self { sizes: sizes.to_vec(), data_type: FLOAT, values, name: name.to_owned(), raw: Vec::new() }
    }

    /// So many values; `None` if they are others, or not in this file.
    fn values(&self, count: usize) -> Option<Vec<f32>> {
        let values = if self.values.is_empty() {
            self.raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        } else {
            self.values.clone()
        };
        (self.data_type == FLOAT && values.len() == count).then_some(values)
    }
}

/// The fields of a message in the order in which they are stored.
fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, NotOnnx> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let begin = rest;
        let (number, wire_type) = decode_key(&mut rest)?;
        let mut content = &[][..];
        if wire_type == WireType::LengthDelimited {
            let len = usize::try_from(decode_varint(&mut rest)?).map_err(|_| NotOnnx)?;
            (content, rest) = rest.split_at_checked(len).ok_or(NotOnnx)?;
        } else {
            skip_field(wire_type, number, &mut rest, DecodeContext::default())?;
        }
        fields.push(Field { number, whole: &begin[..begin.len() - rest.len()], content });
    }
    Ok(fields)
}

/// Appends a field.
fn append(message: &mut Vec<u8>, number: u32, content: &[u8]) {
    encode_key(number, WireType::LengthDelimited, message);
    encode_varint(content.len() as u64, message);
    message.extend_from_slice(content);
}
