//! `PRelu` in operators for which the processor has fast kernels.
//!
//! ONNX Runtime's kernel for it goes from number to number, and wants its input in another layout than
//! convolutions give it: two thirds of the time of a small recogniser (measured on the open pack, ONNX
//! Runtime 1.31: 8.1 ms a face against 2.9 ms without it).

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use prost::Message as _;

use super::{Floats, GRAPH, INITIALIZER, INPUT, NODE, Node, TensorHeader, Value, append, fields};

/// The graph with y = PRelu(x, a) as y = relu(x) + (−a) · relu(−x), wherever x comes from a convolution of
/// images and there is one a for each channel. `model` is an ONNX file; what holds no such node, or cannot be
/// read, stays as it is.
///
/// One of the terms is always 0 and a product with −1 is exact, so every number comes out the same, bit for
/// bit. The products are convolutions of 1 × 1 within each channel: these stay in the layout of their
/// neighbours and are fused with them.
pub fn split_prelu(model: &[u8]) -> Cow<'_, [u8]> {
    rewritten(model).map_or(Cow::Borrowed(model), Cow::Owned)
}

fn rewritten(model: &[u8]) -> Option<Vec<u8>> {
    let parts_of_model = fields(model).ok()?;
    let graph = parts_of_model.iter().find(|field| field.number == GRAPH)?.content;
    let parts = fields(graph).ok()?;
    let mut tensors = HashMap::new();
    let mut inputs = HashSet::new();
    for part in &parts {
        if part.number == INITIALIZER {
            let TensorHeader { name, sizes } = TensorHeader::decode(part.content).ok()?;
            tensors.insert(name, (sizes, part.content));
        } else if part.number == INPUT {
            inputs.insert(Value::decode(part.content).ok()?.name);
        }
    }

    let mut channels = HashMap::new();
    let mut other = Vec::new();
    let mut split = HashSet::new();
    for part in parts.iter().filter(|part| part.number == NODE) {
        let node = Node::decode(part.content).ok()?;
        if let Some((output, count)) = channels_of_images(&node, &tensors) {
            channels.insert(output, count);
        }
        if let Some(slopes) = slopes(&node, &channels, &tensors) {
            append_split(&mut other, &node, slopes);
            split.insert(node.inputs[1].clone());
        } else {
            other.extend_from_slice(part.whole);
            inputs.extend(node.inputs);
        }
    }
    if split.is_empty() {
        return None;
    }
    for part in parts.iter().filter(|part| part.number != NODE) {
        let nobody_needs_it = part.number == INITIALIZER && {
            let name = TensorHeader::decode(part.content).ok()?.name;
            split.contains(&name) && !inputs.contains(&name)
        };
        if !nobody_needs_it {
            other.extend_from_slice(part.whole);
        }
    }

    let mut rewritten = Vec::with_capacity(model.len() + other.len() - graph.len());
    for field in parts_of_model {
        if field.number == GRAPH {
            append(&mut rewritten, GRAPH, &other);
        } else {
            rewritten.extend_from_slice(field.whole);
        }
    }
    Some(rewritten)
}

/// Sizes and bytes of a graph's constants by name.
type Tensors<'a> = HashMap<String, (Vec<i64>, &'a [u8])>;

/// The output of a convolution over two dimensions, and how many channels it has.
fn channels_of_images(node: &Node, tensors: &Tensors<'_>) -> Option<(String, i64)> {
    let weights = node.inputs.get(1).filter(|_| node.is("Conv"))?;
    match tensors.get(weights)?.0[..] {
        [channels, _, _, _] => Some((node.outputs.first()?.clone(), channels)),
        _ => None,
    }
}

/// The slopes of a `PRelu`, one a channel.
fn slopes(node: &Node, channels: &HashMap<String, i64>, tensors: &Tensors<'_>) -> Option<Vec<f32>> {
    let ([input, slopes], [_]) = (&node.inputs[..], &node.outputs[..]) else { return None };
    let (sizes, tensor) = tensors.get(slopes).filter(|_| node.is("PRelu"))?;
    let count = *channels.get(input)?;
    if sizes[..] != [count, 1, 1] {
        return None;
    }
    Floats::decode(*tensor).ok()?.values(usize::try_from(count).ok()?)
}

/// Appends what stands for a `PRelu` to a graph.
fn append_split(graph: &mut Vec<u8>, prelu: &Node, slopes: Vec<f32>) {
    let (x, y) = (&prelu.inputs[0], &prelu.outputs[0]);
    let count = slopes.len() as i64;
    let [minus, slope, positive, turned, negative, scaled] =
        ["minus", "slope", "positive", "turned", "negative", "scaled"]
            .map(|part| format!("{y}/split/{part}"));
    let minus_slopes = slopes.into_iter().map(|slope| -slope).collect();
    for (name, values) in [(&minus, vec![-1.0; count as usize]), (&slope, minus_slopes)] {
        append(graph, INITIALIZER, &Floats::new(name, &[count, 1, 1, 1], values).encode_to_vec());
    }
    for node in [
        Node::new("Relu", &[x], &positive),
        Node::new("Conv", &[x, &minus], &turned).with("group", count),
        Node::new("Relu", &[&turned], &negative),
        Node::new("Conv", &[&negative, &slope], &scaled).with("group", count),
        Node::new("Add", &[&scaled, &positive], y),
    ] {
        append(graph, NODE, &node.encode_to_vec());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A convolution over images with 3 channels and what comes behind it, with fields of numbers and of
    /// unknown meaning between.
    fn model(slopes: &Floats, operator: &str) -> Vec<u8> {
        let mut graph = Vec::new();
        append(&mut graph, NODE, &Node::new("Conv", &["x", "w"], "c").encode_to_vec());
        append(&mut graph, NODE, &Node::new(operator, &["c", "a"], "y").encode_to_vec());
        append(&mut graph, INITIALIZER, &Floats::new("w", &[3, 1, 1, 1], vec![1.0; 3]).encode_to_vec());
        append(&mut graph, INITIALIZER, &slopes.encode_to_vec());
        append(&mut graph, 10, b"some words");
        let mut model = vec![8, 7];
        append(&mut model, GRAPH, &graph);
        append(&mut model, 8, b"imports");
        model
    }

    fn slopes_of(sizes: &[i64]) -> Floats {
        Floats::new("a", sizes, vec![0.25; sizes.iter().product::<i64>() as usize])
    }

    fn operators(model: &[u8]) -> Vec<String> {
        let model = fields(model).unwrap();
        let graph = model.iter().find(|field| field.number == GRAPH).unwrap();
        let nodes = fields(graph.content).unwrap().into_iter().filter(|field| field.number == NODE);
        nodes.map(|node| Node::decode(node.content).unwrap().operator).collect()
    }

    #[test]
    fn a_prelu_behind_a_convolution_is_split_and_everything_around_it_stays() {
        let original = model(&slopes_of(&[3, 1, 1]), "PRelu");
        let split = split_prelu(&original);
        assert_eq!(operators(&split), ["Conv", "Relu", "Conv", "Relu", "Conv", "Add"]);
        assert_eq!(split[..2], original[..2]);
        assert!(split.ends_with(b"imports"));
        assert!(split.windows(10).any(|window| window == b"some words"));
        assert!(matches!(split_prelu(&split), Cow::Borrowed(_)), "there is nothing left to split");
    }

    #[test]
    fn slopes_stay_only_where_somebody_else_needs_them() {
        let there = |model: &[u8]| {
            let model = fields(model).unwrap();
            let graph = model.iter().find(|field| field.number == GRAPH).unwrap();
            let tensors =
                fields(graph.content).unwrap().into_iter().filter(|field| field.number == INITIALIZER);
            let mut names = tensors.map(|tensor| TensorHeader::decode(tensor.content).unwrap().name);
            names.any(|name| name == "a")
        };
        let mut model = model(&slopes_of(&[3, 1, 1]), "PRelu");
        assert!(!there(&split_prelu(&model)));
        let mut graph = fields(&model).unwrap()[1].content.to_vec();
        append(&mut graph, NODE, &Node::new("Add", &["y", "a"], "z").encode_to_vec());
        model.clear();
        append(&mut model, GRAPH, &graph);
        assert!(there(&split_prelu(&model)));
        assert_eq!(operators(&split_prelu(&model)).len(), 7);
    }

    #[test]
    fn other_operators_and_slopes_that_are_not_one_a_channel_stay() {
        let stays = |model: &[u8]| matches!(split_prelu(model), Cow::Borrowed(same) if same == model);
        assert!(stays(&model(&slopes_of(&[3, 1, 1]), "Mul")));
        for sizes in [&[1, 1, 1][..], &[3], &[4, 1, 1], &[3, 2, 2]] {
            assert!(stays(&model(&slopes_of(sizes), "PRelu")), "{sizes:?}");
        }
        let elsewhere = Floats::new("a", &[3, 1, 1], Vec::new());
        assert!(stays(&model(&elsewhere, "PRelu")), "the values are in another file");
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_they_are_taken_for_a_graph_or_stay(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = model(&slopes_of(&[3, 1, 1]), "PRelu");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len() + 1));
            if let Cow::Owned(split) = split_prelu(&bytes) {
                prop_assert!(fields(&split).is_ok());
            }
        }
    }
}
