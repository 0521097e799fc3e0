//! Weights and training state as bytes of `safetensors` files.
//!
//! Knows names, shapes and f32; does not know what the numbers do. Source: the safetensors format,
//! <https://github.com/huggingface/safetensors>.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::ModelError;
use crate::layout::Layout;

/// The weights under their Hugging Face names, as `model.safetensors`.
///
/// # Errors
/// [`ModelError::Weights`] where the array is not of this layout.
pub(crate) fn encode(layout: &Layout, weights: &[f32]) -> Result<Vec<u8>, ModelError> {
    let bytes = to_bytes(weights);
    let views = layout.tensors.iter().map(|tensor| {
        let range = tensor.range.start * 4..tensor.range.end * 4;
        let data = bytes.get(range).unwrap_or_default();
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), data).map_err(|error| wrong(error.to_string()))?;
        Ok((tensor.name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, ModelError>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| wrong(error.to_string()))
}

/// Reads weights of this layout from `model.safetensors`.
///
/// # Errors
/// [`ModelError::Weights`] where the bytes are damaged, a tensor is missing, or one has another shape or type.
pub(crate) fn decode(layout: &Layout, bytes: &[u8]) -> Result<Vec<f32>, ModelError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| wrong(error.to_string()))?;
    let mut weights = Vec::new();
    for tensor in &layout.tensors {
        let name = &tensor.name;
        let view = file.tensor(name).map_err(|_| wrong(format!("`{name}` is missing")))?;
        if view.dtype() != Dtype::F32 {
            return Err(wrong(format!("`{name}` is {:?}, not F32", view.dtype())));
        }
        if view.shape() != tensor.shape {
            let (found, expected) = (view.shape(), &tensor.shape);
            return Err(wrong(format!(
                "`{name}` has shape {found:?}, but the configuration says {expected:?}"
            )));
        }
        weights.extend(numbers(view.data()));
    }
    if weights.iter().any(|weight| !weight.is_finite()) {
        return Err(wrong("a weight is not a finite number".to_owned()));
    }
    Ok(weights)
}

/// Named arrays of f32 and one text, as a safetensors file. The text is the only metadata, so equal content gives equal bytes.
///
/// # Errors
/// [`ModelError::Checkpoint`] where it cannot be written.
pub(crate) fn encode_arrays(arrays: &[(&str, &[f32])], text: String) -> Result<Vec<u8>, ModelError> {
    let bytes: Vec<Vec<u8>> = arrays.iter().map(|(_, numbers)| to_bytes(numbers)).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, numbers), bytes)| {
        let view = TensorView::new(Dtype::F32, vec![numbers.len()], bytes);
        Ok((*name, view.map_err(|error| damaged(error.to_string()))?))
    });
    let views = views.collect::<Result<Vec<_>, ModelError>>()?;
    let metadata = HashMap::from([(TEXT.to_owned(), text)]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| damaged(error.to_string()))
}

/// The key of the text in the metadata.
const TEXT: &str = "cultivar";

/// Reads back the text and the arrays of these names, each of `len` numbers.
///
/// # Errors
/// [`ModelError::Checkpoint`] where the bytes are damaged or an array is missing or of another length or type.
pub(crate) fn decode_arrays<const N: usize>(
    bytes: &[u8],
    names: [&str; N],
    len: usize,
) -> Result<(String, [Vec<f32>; N]), ModelError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
    let text = metadata.metadata().as_ref().and_then(|texts| texts.get(TEXT)).cloned();
    let text = text.ok_or_else(|| damaged("it was not written by a training run".to_owned()))?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    let mut arrays = [const { Vec::new() }; N];
    for (array, name) in arrays.iter_mut().zip(names) {
        let view = file.tensor(name).map_err(|_| damaged(format!("`{name}` is missing")))?;
        if view.dtype() != Dtype::F32 || view.shape() != [len] {
            return Err(damaged(format!("`{name}` belongs to a model of another size")));
        }
        *array = numbers(view.data()).collect();
    }
    Ok((text, arrays))
}

fn to_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|number| f32::from_le_bytes(*number))
}

fn wrong(reason: String) -> ModelError {
    ModelError::Weights { reason }
}

fn damaged(reason: String) -> ModelError {
    ModelError::Checkpoint { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecoderConfig, Size};

    fn layout(vocab: usize) -> Layout {
        Layout::new(&DecoderConfig {
            width: 8,
            layers: 1,
            heads: 2,
            kv_heads: 1,
            hidden: 12,
            ..DecoderConfig::of_size(Size::Tiny, vocab)
        })
    }

    #[test]
    fn weights_survive_their_file_and_keep_hugging_face_names() {
        let layout = layout(20);
        let weights = layout.initial(1);
        let bytes = encode(&layout, &weights).unwrap();
        assert_eq!(decode(&layout, &bytes).unwrap(), weights);
        assert_eq!(bytes, encode(&layout, &weights).unwrap());
        let file = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(
            file.tensor("model.layers.0.self_attn.k_proj.weight").unwrap().shape(),
            [4, 8]
        );
        assert!(file.tensor("lm_head.weight").is_err(), "tied");
    }

    #[test]
    fn damaged_and_foreign_weights_are_refused() {
        let layout = layout(20);
        let mut weights = layout.initial(1);
        let bytes = encode(&layout, &weights).unwrap();
        for cut in [0, 7, 100, bytes.len() - 1] {
            assert!(decode(&layout, &bytes[..cut]).is_err(), "{cut}");
        }
        let error = decode(&self::layout(21), &bytes).unwrap_err().to_string();
        assert!(
            error.contains("`model.embed_tokens.weight` has shape [20, 8]"),
            "{error}"
        );
        weights[5] = f32::NAN;
        assert!(decode(&layout, &encode(&layout, &weights).unwrap()).is_err());
        let other = encode_arrays(&[("x", &[1.0])], String::new()).unwrap();
        assert!(decode(&layout, &other).unwrap_err().to_string().contains("is missing"));
    }

    #[test]
    fn arrays_survive_and_wrong_ones_are_refused() {
        let bytes = encode_arrays(&[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0])], "note".to_owned()).unwrap();
        let (text, [b, a]) = decode_arrays(&bytes, ["b", "a"], 2).unwrap();
        assert_eq!((text.as_str(), a, b), ("note", vec![1.0, 2.0], vec![3.0, 4.0]));
        assert!(decode_arrays(&bytes, ["a"], 3).is_err());
        assert!(decode_arrays(&bytes, ["c"], 2).is_err());
        assert!(decode_arrays(&bytes[..30], ["a"], 2).is_err());
    }
}
