//! The shape of the decoder, and its form as Hugging Face's `config.json` of a `LlamaForCausalLM`.
//!
//! Knows sizes only: weights are in `layout` and `weights`, text in `tokenizer`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ModelError;
use crate::kernel::attention::Heads;

/// How large a student is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// About 1 million parameters: a smoke test.
    Tiny,
    /// About 1.6 million parameters: learns a task of a few thousand short dialogues in minutes on two cores, better than
    /// a larger one that sees fewer tokens in that time.
    #[default]
    Small,
    /// About 2.6 million parameters: for more dialogues or more time.
    Medium,
    /// About 5 million parameters: for tens of thousands of dialogues.
    Large,
}

/// Positions that a student can see: four times the usual length of a task dialogue.
const CONTEXT: usize = 256;
/// Base of the rotary angles, as in Llama 1 and 2.
const ROPE_THETA: f64 = 10_000.0;
/// Added to the mean square before the root, as in Llama 2.
const NORM_EPSILON: f32 = 1e-5;
/// No size may exceed this: a damaged `config.json` must not ask for all memory.
const LARGEST: usize = 1 << 20;
/// Nor may there be more layers than this, nor more numbers in the keys of a layer: no weights on disk bear out these two.
const MOST_LAYERS: usize = 1 << 10;
const MOST_KEYS: usize = 1 << 26;

/// The shape of a Llama decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Numbers per token between the layers.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads; `width / heads` numbers each, an even number.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Numbers per token within the feed-forward part.
    pub hidden: usize,
    /// Most tokens that the decoder sees at once.
    pub context: usize,
    /// Token ids.
    pub vocab: usize,
    /// Base of the rotary angles.
    pub rope_theta: f64,
    /// Added to the mean square before the root.
    pub norm_epsilon: f32,
    /// Whether the output layer is the embedding table.
    pub tied: bool,
}

impl DecoderConfig {
    /// The decoder of a size, for a vocabulary.
    pub fn of_size(size: Size, vocab: usize) -> Self {
        let (width, layers, heads, hidden) = match size {
            Size::Tiny => (128, 4, 2, 344),
            Size::Small => (160, 4, 5, 448),
            Size::Medium => (192, 5, 3, 512),
            Size::Large => (256, 6, 4, 640),
        };
        Self {
            width,
            layers,
            heads,
            kv_heads: heads,
            hidden,
            context: CONTEXT,
            vocab,
            rope_theta: ROPE_THETA,
            norm_epsilon: NORM_EPSILON,
            tied: true,
        }
    }

    /// Numbers per head.
    pub const fn head(&self) -> usize {
        self.width / self.heads
    }

    pub(crate) const fn attention(&self) -> Heads {
        Heads {
            queries: self.heads,
            shared: self.kv_heads,
            size: self.head(),
        }
    }

    /// The configuration as Hugging Face's `transformers` reads it; `end` is the id of the token that ends a turn.
    pub fn to_json(&self, end: u32) -> Vec<u8> {
        let value = json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head(),
            "intermediate_size": self.hidden,
            "max_position_embeddings": self.context,
            "vocab_size": self.vocab,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": f64::from(self.norm_epsilon),
            "tie_word_embeddings": self.tied,
            "hidden_act": "silu",
            "attention_bias": false,
            "mlp_bias": false,
            "bos_token_id": null,
            "eos_token_id": end,
            "torch_dtype": "float32",
        });
        let mut text = format!("{value:#}").into_bytes();
        text.push(b'\n');
        text
    }

    /// Reads a `config.json`.
    ///
    /// # Errors
    /// [`ModelError::Config`] where it is no JSON, another architecture, lacks a size, or has sizes that do not fit.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ModelError> {
        let fields: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        let architecture = fields.get("model_type").and_then(Value::as_str);
        if architecture != Some("llama") {
            return Err(wrong(format!(
                "`model_type` is `{}`, not `llama`",
                architecture.unwrap_or("absent")
            )));
        }
        for name in ["attention_bias", "mlp_bias"] {
            if fields.get(name).and_then(Value::as_bool) == Some(true) {
                return Err(wrong(format!("`{name}` is set, but biases are not supported")));
            }
        }
        let heads = size_in(&fields, "num_attention_heads")?;
        let kv_heads = match fields.get("num_key_value_heads") {
            None | Some(Value::Null) => heads,
            Some(_) => size_in(&fields, "num_key_value_heads")?,
        };
        let config = Self {
            width: size_in(&fields, "hidden_size")?,
            layers: size_in(&fields, "num_hidden_layers")?,
            heads,
            kv_heads,
            hidden: size_in(&fields, "intermediate_size")?,
            context: size_in(&fields, "max_position_embeddings")?,
            vocab: size_in(&fields, "vocab_size")?,
            rope_theta: fields.get("rope_theta").and_then(Value::as_f64).unwrap_or(ROPE_THETA),
            norm_epsilon: fields
                .get("rms_norm_eps")
                .and_then(Value::as_f64)
                .map_or(NORM_EPSILON, |eps| eps as f32),
            tied: fields
                .get("tie_word_embeddings")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        };
        config.check()?;
        let head = fields.get("head_dim").and_then(Value::as_u64);
        if head.is_some_and(|head| head != config.head() as u64) {
            return Err(wrong(
                "`head_dim` is not `hidden_size` divided by `num_attention_heads`".to_owned(),
            ));
        }
        Ok(config)
    }

    /// Whether the sizes fit each other.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the sizes that do not.
    pub fn check(&self) -> Result<(), ModelError> {
        let sizes = [
            self.width,
            self.layers,
            self.heads,
            self.kv_heads,
            self.hidden,
            self.context,
            self.vocab,
        ];
        let reason = if sizes.iter().any(|size| !(1..=LARGEST).contains(size)) {
            format!("every size must be between 1 and {LARGEST}")
        } else if self.layers > MOST_LAYERS || self.context * self.width > MOST_KEYS {
            format!(
                "{} layers with a context of {} are too large",
                self.layers, self.context
            )
        } else if !self.width.is_multiple_of(self.heads) || !self.head().is_multiple_of(2) {
            format!(
                "width {} must be an even number of numbers for each of {} heads",
                self.width, self.heads
            )
        } else if !self.heads.is_multiple_of(self.kv_heads) {
            format!("{} key heads must divide {} heads", self.kv_heads, self.heads)
        } else if !(self.rope_theta.is_finite() && self.rope_theta > 0.0) {
            "`rope_theta` must be positive".to_owned()
        } else if !(self.norm_epsilon.is_finite() && self.norm_epsilon >= 0.0) {
            "`rms_norm_eps` must not be negative".to_owned()
        } else {
            return Ok(());
        };
        Err(wrong(reason))
    }
}

fn wrong(reason: String) -> ModelError {
    ModelError::Config { reason }
}

fn size_in(fields: &Map<String, Value>, name: &str) -> Result<usize, ModelError> {
    let number = fields
        .get(name)
        .and_then(Value::as_u64)
        .and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| wrong(format!("`{name}` is missing or no whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_its_json() {
        for size in [Size::Tiny, Size::Small, Size::Medium, Size::Large] {
            let config = DecoderConfig::of_size(size, 2048);
            config.check().unwrap();
            let parameters = crate::layout::Layout::new(&config).len;
            assert!((900_000..5_200_000).contains(&parameters), "{parameters}");
            assert_eq!(DecoderConfig::from_json(&config.to_json(4)).unwrap(), config);
        }
    }

    #[test]
    fn a_wrong_configuration_is_refused_with_its_reason() {
        let good = DecoderConfig::of_size(Size::Tiny, 300);
        let change = |name: &str, value: Value| {
            let mut fields: Map<String, Value> = serde_json::from_slice(&good.to_json(4)).unwrap();
            fields.insert(name.to_owned(), value);
            DecoderConfig::from_json(Value::Object(fields).to_string().as_bytes())
        };
        assert!(change("vocab_size", json!(300)).is_ok());
        for (name, value) in [
            ("model_type", json!("gpt2")),
            ("hidden_size", json!(0)),
            ("hidden_size", json!(130.5)),
            ("hidden_size", json!(126)),
            ("num_attention_heads", json!(3)),
            ("num_key_value_heads", json!(4)),
            ("vocab_size", json!(1_u64 << 40)),
            ("num_hidden_layers", json!(1 << 20)),
            ("max_position_embeddings", json!(1 << 20)),
            ("rope_theta", json!(0.0)),
            ("attention_bias", json!(true)),
        ] {
            let error = change(name, value.clone()).unwrap_err();
            assert!(matches!(error, ModelError::Config { .. }), "{name} = {value}");
        }
        assert!(DecoderConfig::from_json(b"{").is_err());
        assert!(DecoderConfig::from_json(b"[1]").is_err());
    }
}
