//! `POST /v1/embeddings` by a model of our own: the mean of its last hidden states, made 1 long.
//! Source: OpenAI API reference, "Embeddings".

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::choices::{failed, json, off_thread};
use super::completions::too_long;
use super::model::LocalModel;
use super::prompts::{Prompts, not_a_prompt};
use super::sampling::{TooLong, read};
use crate::{
    GatewayError,
    providers::{ProviderCall, Reply, ReplyBody},
};

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
/// `invalid_request` and `context_length_exceeded` for requests that cannot be answered; `unsupported` and `model_failed`
/// where the model cannot or fails.
pub(super) async fn ask(model: Arc<dyn LocalModel>, call: ProviderCall) -> Result<Reply, GatewayError> {
    let body = call.body;
    let embed = move |alive: &dyn Fn() -> bool, name: &str| embed(model.as_ref(), name, &body, alive);
    Ok(Reply {
        request_id: None,
        body: ReplyBody::Whole(off_thread(call.model, embed).await?),
    })
}

fn embed(model: &dyn LocalModel, name: &str, body: &[u8], alive: &dyn Fn() -> bool) -> Result<Bytes, GatewayError> {
    let info = model.info().map_err(|failure| failed(name, failure))?;
    let asks: Asks = read(body, "an embedding request")?;
    if let (Some(asked), Some(width)) = (asks.dimensions, info.width)
        && asked != width
    {
        let message = format!("`dimensions` must be {width}: the embeddings of this model cannot be shortened");
        return Err(GatewayError::invalid(message, "dimensions"));
    }
    let asking: Asking = serde_json::from_slice(body).map_err(|_| not_a_prompt("input"))?;
    let input = asking.input.ok_or_else(|| not_a_prompt("input"))?;
    let inputs = input.tokens(model, name, "input", &info)?;
    for tokens in &inputs {
        if tokens.is_empty() {
            return Err(GatewayError::invalid("`input` must not hold an empty text", "input"));
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
        let numbers = model.embed(tokens).map_err(|failure| failed(name, failure))?;
        Ok(Embedding {
            object: "embedding",
            index,
            numbers: encoded(numbers, asks.encoding_format.unwrap_or_default()),
        })
    };
    let read = inputs.iter().map(Vec::len).sum();
    Ok(json(&Embeddings {
        object: "list",
        data: listened.map(embedding).collect::<Result<_, GatewayError>>()?,
        model: name,
        usage: Usage {
            prompt_tokens: read,
            total_tokens: read,
        },
    }))
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
