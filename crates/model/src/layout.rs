//! Where each tensor stands in the one flat array of parameters, under its Hugging Face name.
//!
//! Queries, keys and values of a layer stand one after the other, and so do gate and up: seen as one matrix each, they need
//! one product each, while the file keeps the names and shapes that `transformers` expects. Knows no numbers.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::DecoderConfig;

/// What a tensor is, as far as its start and its decay depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The embedding table or the output layer.
    Embedding,
    /// A matrix within a layer that reads the normed stream.
    Inner,
    /// A matrix that adds to the stream: it starts smaller, so that the sum over layers keeps its size.
    Residual,
    /// The weights of a norm: they start at 1 and never decay.
    Norm,
}

/// One named tensor.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    /// Its Hugging Face name.
    pub(crate) name: String,
    /// Rows and columns (a matrix), or one size.
    pub(crate) shape: Vec<usize>,
    /// Its place in the flat array.
    pub(crate) range: Range<usize>,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The places of a layer's tensors, joined where they are used jointly.
#[derive(Clone, Debug)]
pub(crate) struct LayerLayout {
    /// `[width]`.
    pub(crate) attention_norm: Range<usize>,
    /// `[(heads + 2 kv_heads) * head, width]`.
    pub(crate) qkv: Range<usize>,
    /// `[width, heads * head]`.
    pub(crate) output: Range<usize>,
    /// `[width]`.
    pub(crate) mlp_norm: Range<usize>,
    /// `[2 * hidden, width]`.
    pub(crate) gate_up: Range<usize>,
    /// `[width, hidden]`.
    pub(crate) down: Range<usize>,
}

/// The places of all tensors.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// All tensors, in the order of the flat array, without gaps.
    pub(crate) tensors: Vec<Tensor>,
    /// `[vocab, width]`.
    pub(crate) embedding: Range<usize>,
    /// By layer.
    pub(crate) layers: Vec<LayerLayout>,
    /// `[width]`.
    pub(crate) final_norm: Range<usize>,
    /// `[vocab, width]`: the embedding where tied.
    pub(crate) head: Range<usize>,
    /// All parameters.
    pub(crate) len: usize,
}

impl Layout {
    pub(crate) fn new(config: &DecoderConfig) -> Self {
        let mut tensors = Tensors(Vec::new());
        let (width, hidden, head) = (config.width, config.hidden, config.head());
        let embedding = tensors.add("model.embed_tokens.weight", &[config.vocab, width], Kind::Embedding);
        let layers = (0..config.layers)
            .map(|i| {
                let mut add = |part: &str, shape: &[usize], kind: Kind| {
                    tensors.add(&format!("model.layers.{i}.{part}.weight"), shape, kind)
                };
                let attention_norm = add("input_layernorm", &[width], Kind::Norm);
                let q = add("self_attn.q_proj", &[config.heads * head, width], Kind::Inner);
                add("self_attn.k_proj", &[config.kv_heads * head, width], Kind::Inner);
                let v = add("self_attn.v_proj", &[config.kv_heads * head, width], Kind::Inner);
                let output = add("self_attn.o_proj", &[width, config.heads * head], Kind::Residual);
                let mlp_norm = add("post_attention_layernorm", &[width], Kind::Norm);
                let gate = add("mlp.gate_proj", &[hidden, width], Kind::Inner);
                let up = add("mlp.up_proj", &[hidden, width], Kind::Inner);
                let down = add("mlp.down_proj", &[width, hidden], Kind::Residual);
                LayerLayout {
                    attention_norm,
                    qkv: q.start..v.end,
                    output,
                    mlp_norm,
                    gate_up: gate.start..up.end,
                    down,
                }
            })
            .collect();
        let final_norm = tensors.add("model.norm.weight", &[width], Kind::Norm);
        let head = if config.tied {
            embedding.clone()
        } else {
            tensors.add("lm_head.weight", &[config.vocab, width], Kind::Embedding)
        };
        let len = tensors.len();
        Self {
            tensors: tensors.0,
            embedding,
            layers,
            final_norm,
            head,
            len,
        }
    }

    /// Fresh weights, the same for the same seed. Each matrix starts with deviation `1 / sqrt(inputs)`, which keeps the size
    /// of what passes through at any width; the fixed 0.02 that large decoders use is too small for narrow ones.
    pub(crate) fn initial(&self, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let residual = 1.0 / (2.0 * self.layers.len().max(1) as f64).sqrt();
        let mut weights = Vec::with_capacity(self.len);
        for tensor in &self.tensors {
            let inputs = tensor.shape.last().copied().unwrap_or(1) as f64;
            let scale = match tensor.kind {
                Kind::Norm => {
                    weights.resize(tensor.range.end, 1.0);
                    continue;
                }
                Kind::Residual => residual,
                Kind::Inner | Kind::Embedding => 1.0,
            };
            let deviation = scale / inputs.sqrt();
            weights.extend(tensor.range.clone().map(|_| (normal(&mut rng) * deviation) as f32));
        }
        weights
    }

    /// Cuts a flat array into its tensors.
    pub(crate) fn cut<'a>(&self, mut flat: &'a mut [f32]) -> Vec<&'a mut [f32]> {
        let mut parts = Vec::with_capacity(self.tensors.len());
        for tensor in &self.tensors {
            let (part, rest) = flat.split_at_mut(tensor.range.len());
            parts.push(part);
            flat = rest;
        }
        parts
    }
}

/// The tensors so far.
struct Tensors(Vec<Tensor>);

impl Tensors {
    fn len(&self) -> usize {
        self.0.last().map_or(0, |tensor| tensor.range.end)
    }

    fn add(&mut self, name: &str, shape: &[usize], kind: Kind) -> Range<usize> {
        let start = self.len();
        let range = start..start.saturating_add(shape.iter().product());
        self.0.push(Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            range: range.clone(),
            kind,
        });
        range
    }
}

/// A standard normal number. Source: Box & Muller 1958.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * uniform(rng).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(rng)).cos()
}

/// A uniform number in (0, 1].
pub(crate) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}
