//! The little of the ONNX schema that deciding a model's normalisation takes.

use prost::Message;

/// Bytes that are not an ONNX model.
#[derive(Debug, thiserror::Error)]
#[error("not an ONNX model: {0}")]
pub struct NotOnnx(#[from] prost::DecodeError);

// Field numbers from onnx.proto (IR version 13); everything else is skipped without being copied.

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, tag = "3")]
    name: String,
}

/// Names of the first `count` nodes of the graph in `model`, in the file's order.
pub fn first_node_names(model: &[u8], count: usize) -> Result<Vec<String>, NotOnnx> {
    let nodes = ModelProto::decode(model)?.graph.unwrap_or_default().node;
    Ok(nodes.into_iter().take(count).map(|node| node.name).collect())
}

/// An ONNX model that has nodes of these names and nothing else, for tests.
#[cfg(test)]
pub(crate) fn model_with_nodes(names: &[&str]) -> Vec<u8> {
    let node = names.iter().map(|name| NodeProto { name: (*name).to_owned() }).collect();
    ModelProto { graph: Some(GraphProto { node }) }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_come_in_order_and_other_fields_are_skipped() {
        // ir_version = 8, producer_name = "x", then a graph whose node has inputs, a name and an op_type.
        let mut bytes = vec![0x08, 8, 0x12, 1, b'x', 0x3a, 13];
        bytes.extend([0x0a, 11, 0x0a, 1, b'i', 0x1a, 3, b'S', b'u', b'b', 0x22, 1, b'S']);
        assert_eq!(first_node_names(&bytes, 8).unwrap(), ["Sub"]);
        assert_eq!(first_node_names(&model_with_nodes(&["a", "b", "c"]), 2).unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_model_without_a_graph_has_no_nodes() {
        assert!(first_node_names(&[], 8).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = first_node_names(&bytes, 8);
        }
    }
}
