//! Curate: conversations are put together, desensitised, freed of near-duplicates, split, and sealed by digest.

use std::collections::{BTreeMap, BTreeSet};

use cultivar_forensics::near_duplicates;
use cultivar_privacy::{Desensitiser, PrivacyReport};
use cultivar_record::{
    ByteCount, ConversationId, Dataset, DatasetId, Digest, Dropped, Endpoint, EntryKind, Example, Exchange, ExchangeId,
    ExchangeOutcome, Seed, Split, TermsKey,
    chat::{ChatRequest, Message, Role},
    digest_of,
};
use cultivar_store::tables;

use crate::{
    Context, PipelineError, Recipe,
    admit::Admitted,
    dataset_files::{SealedDataset, open_dataset, write_dataset},
};

/// Fewest conversations that a student can learn from.
const FEWEST_TRAIN: usize = 20;
/// Fewest conversations that an interval can be computed from.
const FEWEST_TEST: usize = 5;
/// Seed of the near-duplicate sketches: part of the method, not of the data.
const SKETCH_SEED: u64 = 20_240_101;

pub(crate) async fn curate(
    context: &Context,
    recipe: &Recipe,
    admitted: Admitted,
) -> Result<SealedDataset, PipelineError> {
    let made_from = made_from(recipe, &admitted)?;
    if let Some(sealed) = already_sealed(context, recipe, made_from)? {
        context.progress.fact(&format!("sealed before: {}", sealed.describe()));
        return Ok(sealed);
    }
    let conversations = conversations(context, &admitted.exchanges)?;
    context.interrupt.check("curate")?;
    let (conversations, privacy) = desensitise(context, conversations)?;
    let found = conversations.len();
    let kept = without_near_duplicates(recipe, conversations);
    let near_duplicates = found - kept.len();
    context.progress.fact(&format!(
        "{found} conversations: {} value(s) desensitised, {near_duplicates} near-duplicate(s) dropped",
        privacy.replaced()
    ));
    let splits = split(recipe, kept);
    enough(&splits)?;
    let dropped = vec![
        Dropped {
            reason: "near_duplicate".to_owned(),
            conversations: count(near_duplicates),
        },
        Dropped {
            reason: "not_permitted".to_owned(),
            conversations: admitted.refused,
        },
    ];
    let sealed = seal(context, recipe, admitted, &splits, dropped, &privacy, made_from).await?;
    context.progress.fact(&format!("sealed {}", sealed.describe()));
    Ok(sealed)
}

fn made_from(recipe: &Recipe, admitted: &Admitted) -> Result<Digest, PipelineError> {
    let sets: Vec<_> = admitted
        .sets
        .iter()
        .map(|set| (&set.provider, set.terms_digest, set.digest))
        .collect();
    Ok(digest_of(&(&recipe.curate, sets))?)
}

fn already_sealed(
    context: &Context,
    recipe: &Recipe,
    made_from: Digest,
) -> Result<Option<SealedDataset>, PipelineError> {
    let versions = context
        .gateway
        .store()
        .read(|tx| tables::dataset::versions(tx, &recipe.name))?;
    match versions
        .into_iter()
        .rev()
        .find(|stored| stored.dataset.made_from == made_from)
    {
        None => Ok(None),
        Some(stored) => Ok(Some(open_dataset(&context.dir, stored)?)),
    }
}

/// Each conversation as its longest exchange tells it.
fn conversations(context: &Context, exchanges: &[Exchange]) -> Result<Vec<Example>, PipelineError> {
    let mut by_conversation: BTreeMap<ConversationId, Example> = BTreeMap::new();
    for exchange in exchanges {
        let Some(ExchangeOutcome::Answered { answer, .. }) = &exchange.outcome else {
            continue;
        };
        let intent = &exchange.intent;
        if intent.endpoint != Endpoint::ChatCompletions {
            continue;
        }
        let alone =
            || ConversationId::from_parts(intent.at, Digest::of_bytes(intent.id.to_string().as_bytes()).as_bytes());
        let conversation = intent.conversation.unwrap_or_else(alone);
        let request: ChatRequest = context.gateway.blobs().get(&intent.request)?;
        let answer = context.gateway.completion(answer)?;
        let mut messages = request.messages;
        messages.push(Message::text(Role::Assistant, answer.first_text()));
        let empty = || Example {
            conversation,
            messages: Vec::new(),
            exchanges: Vec::new(),
            terms: Vec::new(),
        };
        let example = by_conversation.entry(conversation).or_insert_with(empty);
        if messages.len() > example.messages.len() {
            example.messages = messages;
        }
        add(example, intent.id, &intent.terms);
    }
    Ok(by_conversation.into_values().collect())
}

/// Provenance is never removed: every exchange and every row of terms stays with the example.
fn add(example: &mut Example, exchange: ExchangeId, terms: &TermsKey) {
    example.exchanges.push(exchange);
    example.exchanges.sort_unstable();
    let all: BTreeSet<TermsKey> = example.terms.drain(..).chain([terms.clone()]).collect();
    example.terms = all.into_iter().collect();
}

fn desensitise(context: &Context, examples: Vec<Example>) -> Result<(Vec<Example>, PrivacyReport), PipelineError> {
    let mut desensitiser = Desensitiser::new(context.surrogate_key);
    let mut clean = Vec::with_capacity(examples.len());
    for example in examples {
        let messages = desensitiser.conversation(&example.messages)?;
        clean.push(Example { messages, ..example });
    }
    Ok((clean, desensitiser.report()))
}

fn without_near_duplicates(recipe: &Recipe, examples: Vec<Example>) -> Vec<Example> {
    let texts: Vec<String> = examples.iter().map(text).collect();
    let kept = near_duplicates(&texts, recipe.curate.near_duplicate, Seed::new(SKETCH_SEED)).kept();
    examples
        .into_iter()
        .zip(kept)
        .filter_map(|(example, is_kept)| is_kept.then_some(example))
        .collect()
}

fn text(example: &Example) -> String {
    let turns: Vec<String> = example.messages.iter().map(Message::plain_text).collect();
    turns.join("\n")
}

/// The split of a conversation follows from its id alone: more data later never moves a conversation from test to train.
fn split(recipe: &Recipe, examples: Vec<Example>) -> BTreeMap<Split, Vec<Example>> {
    let mut splits: BTreeMap<Split, Vec<Example>> = Split::ALL.into_iter().map(|split| (split, Vec::new())).collect();
    for example in examples {
        let split = split_of(
            example.conversation,
            recipe.curate.test_share,
            recipe.curate.validation_share,
        );
        splits.entry(split).or_default().push(example);
    }
    splits
}

fn split_of(conversation: ConversationId, test_share: f64, validation_share: f64) -> Split {
    let digest = Digest::of_bytes(format!("split\u{0}{conversation}").as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    let place = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
    if place < test_share {
        Split::Test
    } else if place < test_share + validation_share {
        Split::Validation
    } else {
        Split::Train
    }
}

fn enough(splits: &BTreeMap<Split, Vec<Example>>) -> Result<(), PipelineError> {
    let needs = [
        (Split::Train, "the training split is too small", FEWEST_TRAIN),
        (Split::Validation, "the validation split is too small", 1),
        (Split::Test, "the test split is too small", FEWEST_TEST),
    ];
    for (split, what, needed) in needs {
        let found = splits.get(&split).map_or(0, Vec::len);
        if found < needed {
            return Err(PipelineError::TooLittleData { what, found, needed });
        }
    }
    Ok(())
}

async fn seal(
    context: &Context,
    recipe: &Recipe,
    admitted: Admitted,
    splits: &BTreeMap<Split, Vec<Example>>,
    dropped: Vec<Dropped>,
    privacy: &PrivacyReport,
    made_from: Digest,
) -> Result<SealedDataset, PipelineError> {
    let versions = context
        .gateway
        .store()
        .read(|tx| tables::dataset::versions(tx, &recipe.name))?;
    let version = versions.last().map_or(1, |stored| stored.dataset.version + 1);
    let dataset = Dataset {
        id: DatasetId::new(context.ambient()),
        organization: context.organization.id,
        name: recipe.name.clone(),
        version,
        splits: BTreeMap::new(),
        sources: admitted.sets,
        dropped,
        made_from,
        privacy_report: digest_of(privacy)?,
        sealed_at: context.ambient().now(),
    };
    let dataset = write_dataset(
        &context.dir,
        dataset,
        splits,
        privacy,
        &context.gateway,
        recipe.teacher.attribution.as_deref(),
    )?;
    let digest = digest_of(&dataset)?;
    let row = dataset.clone();
    let leaf = context
        .record(
            EntryKind::DatasetSealed,
            dataset.id,
            &dataset,
            &[("dataset", digest)],
            move |tx, leaf| tables::dataset::insert(tx, &row, digest, leaf),
        )
        .await?;
    open_dataset(
        &context.dir,
        tables::dataset::StoredDataset {
            dataset,
            digest,
            leaf,
            marked: None,
        },
    )
}

pub(crate) fn text_bytes(example: &Example) -> ByteCount {
    example
        .messages
        .iter()
        .map(|message| ByteCount::new(count(message.plain_text().len())))
        .sum()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cultivar_record::Timestamp;

    fn conversation(number: u64) -> ConversationId {
        ConversationId::from_parts(
            Timestamp::from_micros(0),
            Digest::of_bytes(&number.to_le_bytes()).as_bytes(),
        )
    }

    #[test]
    fn shares_are_kept_and_growing_the_test_share_only_adds_to_it() {
        let all: Vec<ConversationId> = (0..4_000).map(conversation).collect();
        let test = |share| -> BTreeSet<ConversationId> {
            all.iter()
                .copied()
                .filter(|c| split_of(*c, share, 0.05) == Split::Test)
                .collect()
        };
        assert!((140..=260).contains(&test(0.05).len()), "{}", test(0.05).len());
        assert!(test(0.05).is_subset(&test(0.1)));
    }

    #[test]
    fn provenance_stays_with_the_example() {
        let mut example = Example {
            conversation: conversation(1),
            messages: Vec::new(),
            exchanges: Vec::new(),
            terms: Vec::new(),
        };
        let ids: Vec<ExchangeId> = [3_u8, 1]
            .iter()
            .map(|n| ExchangeId::from_parts(Timestamp::from_micros(0), &[*n; 32]))
            .collect();
        for (id, terms) in ids.iter().zip(["mit", "cc-by-4_0"]) {
            add(&mut example, *id, &terms.parse().unwrap());
        }
        assert_eq!(example.exchanges.len(), 2);
        assert_eq!(
            example.terms.iter().map(TermsKey::as_str).collect::<Vec<_>>(),
            ["cc-by-4_0", "mit"]
        );
    }
}
