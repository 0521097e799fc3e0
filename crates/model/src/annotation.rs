//! Text in the header of a safetensors file (`__metadata__`), which goes wherever the file goes.
//! Source: <https://github.com/huggingface/safetensors#format>.
//!
//! It knows the header, and moves the tensors as bytes.

use serde_json::{Map, Value};

use crate::ModelError;

const LENGTH: usize = 8;
const METADATA: &str = "__metadata__";

/// The file with a text under a key; every tensor keeps its bytes.
///
/// # Errors
/// `model::weights` where the header cannot be read.
pub fn annotate(file: &[u8], key: &str, text: &str) -> Result<Vec<u8>, ModelError> {
    let (mut header, tensors) = parts(file)?;
    let metadata = header.entry(METADATA).or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert(key.to_owned(), text.into());
    }
    let mut written = Value::Object(header).to_string().into_bytes();
    // Tensors begin at a multiple of eight bytes.
    written.resize(written.len().next_multiple_of(LENGTH), b' ');
    let length = u64::try_from(written.len()).unwrap_or(u64::MAX);
    Ok([&length.to_le_bytes()[..], &written, tensors].concat())
}

/// The text under a key, where there is one.
///
/// # Errors
/// As [`annotate`].
pub fn annotation(file: &[u8], key: &str) -> Result<Option<String>, ModelError> {
    let (header, _) = parts(file)?;
    let text = header
        .get(METADATA)
        .and_then(|metadata| metadata.get(key))
        .and_then(Value::as_str);
    Ok(text.map(str::to_owned))
}

fn parts(file: &[u8]) -> Result<(Map<String, Value>, &[u8]), ModelError> {
    let damaged = || ModelError::Weights {
        reason: "the header cannot be read".to_owned(),
    };
    let (length, rest) = file.split_first_chunk::<LENGTH>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (header, tensors) = rest.split_at_checked(length).ok_or_else(damaged)?;
    Ok((serde_json::from_slice(header).map_err(|_| damaged())?, tensors))
}

#[cfg(test)]
mod tests {
    use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

    use super::*;

    #[test]
    fn a_file_with_a_text_holds_the_same_tensors() {
        let data: Vec<u8> = (0..24).collect();
        let tensor = TensorView::new(Dtype::F32, vec![2, 3], &data).unwrap();
        let file = serialize([("a", tensor)], None).unwrap();
        assert_eq!(annotation(&file, "k").unwrap(), None);
        let annotated = annotate(&annotate(&file, "k", "before").unwrap(), "k", "sha256:…").unwrap();
        assert_eq!(annotation(&annotated, "k").unwrap().as_deref(), Some("sha256:…"));
        let read = SafeTensors::deserialize(&annotated).unwrap();
        assert_eq!(read.tensor("a").unwrap().data(), data);
        assert_eq!(parts(&annotated).unwrap().1, parts(&file).unwrap().1);
    }

    #[test]
    fn what_is_no_such_file_is_told_so() {
        for file in [&b""[..], b"1234567", &[255; 9], b"\x02\0\0\0\0\0\0\0[]"] {
            assert!(annotate(file, "k", "t").is_err(), "{file:?}");
        }
    }
}
