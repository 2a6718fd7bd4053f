//! Names of nodes, which tell how a model wants its input.

use prost::Message as _;

use super::{GRAPH, NODE, Node, NotOnnx, fields};

/// Names of the first `count` nodes of the graph in `model`, in the file's order.
pub fn first_node_names(model: &[u8], count: usize) -> Result<Vec<String>, NotOnnx> {
    let Some(graph) = fields(model)?.into_iter().find(|field| field.number == GRAPH) else {
        return Ok(Vec::new());
    };
    let nodes = fields(graph.content)?.into_iter().filter(|field| field.number == NODE);
    nodes.take(count).map(|node| Ok(Node::decode(node.content)?.name)).collect()
}

/// An ONNX model that has nodes of these names and nothing else, for tests.
#[cfg(test)]
pub(crate) fn model_with_nodes(names: &[&str]) -> Vec<u8> {
    let (mut graph, mut model) = (Vec::new(), Vec::new());
    for name in names {
        let node = Node { name: (*name).to_owned(), ..Node::default() };
        super::append(&mut graph, NODE, &node.encode_to_vec());
    }
    super::append(&mut model, GRAPH, &graph);
    model
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

    #[test]
    fn what_is_cut_off_is_no_model() {
        let model = model_with_nodes(&["a", "b"]);
        assert!(first_node_names(&model[..model.len() - 1], 8).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = first_node_names(&bytes, 8);
        }
    }
}
