//! `POST /v1/embeddings` by a model of our own: the mean of its last hidden states, made 1 long.
//! Source: OpenAI API reference, "Embeddings".

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::choices::json;
use crate::completions::too_long;
use crate::model::LocalModel;
use crate::prompts::{Prompts, not_a_prompt};
use crate::sampling::{TooLong, read};
use crate::{OwnError, Prepared, Question};

#[derive(Deserialize)]
struct Asks {
    encoding_format: Option<Encoding>,
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct Asking {
    input: Option<Prompts>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize)]
struct Embeddings<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    #[serde(rename = "embedding")]
    numbers: Numbers,
}

/// Base64 is of the little-endian bytes of the numbers.
#[derive(Serialize)]
#[serde(untagged)]
enum Numbers {
    Float(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// Answers an embedding request; there is no stream of these.
///
/// # Errors
/// `Invalid` and `ContextLength` for requests that cannot be answered; `Unsupported` and `Failed` where the model cannot or fails.
pub(crate) fn answer(
    model: &dyn LocalModel,
    question: &Question,
    alive: &dyn Fn() -> bool,
) -> Result<Prepared, OwnError> {
    let (name, body) = (question.model.as_str(), &question.body);
    let info = model.info()?;
    let asks: Asks = read(body, "an embedding request")?;
    if let (Some(asked), Some(width)) = (asks.dimensions, info.width)
        && asked != width
    {
        let message = format!("`dimensions` must be {width}: the embeddings of this model cannot be shortened");
        return Err(OwnError::invalid(message, "dimensions"));
    }
    let asking: Asking = serde_json::from_slice(body).map_err(|_| not_a_prompt("input"))?;
    let input = asking.input.ok_or_else(|| not_a_prompt("input"))?;
    let inputs = input.tokens(model, "input", &info)?;
    for tokens in &inputs {
        if tokens.is_empty() {
            return Err(OwnError::invalid("`input` must not hold an empty text", "input"));
        }
        if let Some(context) = info.context.filter(|context| tokens.len() > *context) {
            let (prompt, answer) = (tokens.len(), Some(0));
            return Err(too_long(
                TooLong {
                    context,
                    prompt,
                    answer,
                },
                "input",
            ));
        }
    }
    let listened = inputs.iter().enumerate().take_while(|_| alive());
    let embedding = |(index, tokens): (usize, &Vec<u32>)| {
        let numbers = model.embed(tokens)?;
        Ok(Embedding {
            object: "embedding",
            index,
            numbers: encoded(numbers, asks.encoding_format.unwrap_or_default()),
        })
    };
    let read = inputs.iter().map(Vec::len).sum();
    Ok(Prepared::Whole(json(&Embeddings {
        object: "list",
        data: listened.map(embedding).collect::<Result<_, OwnError>>()?,
        model: name,
        usage: Usage {
            prompt_tokens: read,
            total_tokens: read,
        },
    })))
}

fn encoded(numbers: Vec<f32>, encoding: Encoding) -> Numbers {
    match encoding {
        Encoding::Float => Numbers::Float(numbers),
        Encoding::Base64 => {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            Numbers::Base64(STANDARD.encode(bytes))
        }
    }
}
