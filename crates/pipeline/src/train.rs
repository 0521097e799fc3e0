//! Train: a tokenizer, a student, checkpoints. A run that was interrupted goes on from its last checkpoint.

use cultivar_model::{DecoderConfig, Tokenizer, Trainer};
use cultivar_record::{Digest, EntryKind, LeafIndex, Run, RunId, RunState, Seed, Split, chat::Message, digest_of};
use cultivar_store::tables;

use crate::{
    Context, PipelineError, Rate, Recipe, Update,
    dataset_files::SealedDataset,
    recipe::TrainRecipe,
    run_files::{Metric, RunFiles},
};

/// Seconds between two updates of the live line.
const UPDATE_SECONDS: f64 = 0.5;
/// Seconds between two lines of `metrics.jsonl`.
const METRIC_SECONDS: f64 = 2.0;

/// A trained student.
pub(crate) struct Trained {
    pub(crate) run: RunId,
    pub(crate) run_leaf: LeafIndex,
    pub(crate) weights: Digest,
    pub(crate) weights_bytes: Vec<u8>,
    pub(crate) tokenizer_json: Vec<u8>,
    pub(crate) config_json: Vec<u8>,
}

pub(crate) async fn train(
    context: &Context,
    recipe: &Recipe,
    dataset: &SealedDataset,
) -> Result<Trained, PipelineError> {
    let run = find_or_start(context, recipe, dataset).await?;
    let files = RunFiles::new(&context.dir, run.id);
    if files.read_if_any("recipe.toml")?.is_none() {
        files.write(
            "recipe.toml",
            toml::to_string_pretty(recipe).unwrap_or_default().as_bytes(),
        )?;
    }
    let lesson = Lesson {
        context: context.clone(),
        recipe: recipe.train.clone(),
        settings: run.recipe,
        files,
        train: messages(dataset, Split::Train),
        validation: messages(dataset, Split::Validation),
    };
    let is_done = run.state == RunState::Done;
    let ended = run.clone();
    let studied = tokio::task::spawn_blocking(move || if is_done { lesson.recall(&ended) } else { lesson.study() });
    let studied = studied
        .await
        .map_err(|_| PipelineError::Interrupted { stage: "train" })??;
    let run = if is_done {
        run
    } else {
        finish(context, run, &studied).await?
    };
    Ok(Trained {
        run: run.id,
        run_leaf: run.end_leaf.unwrap_or_default(),
        weights: studied.weights,
        weights_bytes: studied.weights_bytes,
        tokenizer_json: studied.tokenizer_json,
        config_json: studied.config_json,
    })
}

fn messages(dataset: &SealedDataset, split: Split) -> Vec<Vec<Message>> {
    dataset
        .examples(split)
        .iter()
        .map(|example| example.messages.clone())
        .collect()
}

async fn find_or_start(context: &Context, recipe: &Recipe, dataset: &SealedDataset) -> Result<Run, PipelineError> {
    let asked = digest_of(&recipe.train)?;
    let runs = context
        .gateway
        .store()
        .read(|tx| tables::run::of_model(tx, &recipe.name))?;
    let is_same =
        |run: &Run| run.dataset == dataset.stored.digest && run.recipe == asked && run.state != RunState::Failed;
    if let Some(run) = runs.into_iter().rev().find(is_same) {
        return Ok(run);
    }
    let run = Run {
        id: RunId::new(context.ambient()),
        organization: context.organization.id,
        model: recipe.name.clone(),
        dataset: dataset.stored.digest,
        recipe: asked,
        state: RunState::Running,
        step: 0,
        weights: None,
        end_leaf: None,
        started_at: context.ambient().now(),
        ended_at: None,
    };
    let row = run.clone();
    let digests = [("dataset", run.dataset), ("recipe", run.recipe)];
    context
        .record(EntryKind::RunStarted, run.id, &run, &digests, move |tx, _| {
            tables::run::insert(tx, &row)
        })
        .await?;
    Ok(run)
}

async fn finish(context: &Context, run: Run, studied: &Studied) -> Result<Run, PipelineError> {
    let ended = Run {
        state: RunState::Done,
        step: studied.step,
        weights: Some(studied.weights),
        ended_at: Some(context.ambient().now()),
        ..run
    };
    let row = ended.clone();
    let digests = [
        ("dataset", ended.dataset),
        ("recipe", ended.recipe),
        ("weights", studied.weights),
    ];
    let leaf = context
        .record(EntryKind::RunEnded, ended.id, &ended, &digests, move |tx, leaf| {
            tables::run::update(
                tx,
                &Run {
                    end_leaf: Some(leaf),
                    ..row
                },
            )
        })
        .await?;
    Ok(Run {
        end_leaf: Some(leaf),
        ..ended
    })
}

/// What came out of a run.
struct Studied {
    step: u64,
    weights: Digest,
    weights_bytes: Vec<u8>,
    tokenizer_json: Vec<u8>,
    config_json: Vec<u8>,
}

/// A run on a thread that may compute for minutes.
struct Lesson {
    context: Context,
    recipe: TrainRecipe,
    settings: Digest,
    files: RunFiles,
    train: Vec<Vec<Message>>,
    validation: Vec<Vec<Message>>,
}

impl Lesson {
    /// The result of a run that is done: an older checkpoint is not what the ledger says that it ended with.
    fn recall(self, run: &Run) -> Result<Studied, PipelineError> {
        let newest = self
            .files
            .newest_checkpoint(self.settings, self.context.progress.as_ref())?;
        let (tokenizer, config) = self.shape()?;
        let last = newest.filter(|(checkpoint, _)| run.weights == Some(checkpoint.weights));
        let (checkpoint, bytes) = last.ok_or_else(|| PipelineError::LostWeights {
            run: run.id.to_string(),
        })?;
        self.context.progress.fact(&format!(
            "trained before: step {}, {} tokens",
            checkpoint.step, checkpoint.tokens
        ));
        Ok(Studied {
            step: checkpoint.step,
            weights: checkpoint.weights,
            weights_bytes: bytes.weights,
            config_json: config.to_json(tokenizer.end()),
            tokenizer_json: tokenizer.to_json()?,
        })
    }

    fn shape(&self) -> Result<(Tokenizer, DecoderConfig), PipelineError> {
        let tokenizer = if let Some(bytes) = self.files.read_if_any("tokenizer.json")? {
            Tokenizer::from_json(&bytes)?
        } else {
            let texts = self.train.iter().flatten().map(Message::plain_text);
            let texts: Vec<String> = texts.collect();
            let tokenizer = Tokenizer::train(texts.iter(), self.recipe.vocabulary)?;
            self.files.write("tokenizer.json", &tokenizer.to_json()?)?;
            tokenizer
        };
        let config = DecoderConfig::of_size(self.recipe.size, tokenizer.vocab());
        self.files.write("config.json", &config.to_json(tokenizer.end()))?;
        Ok((tokenizer, config))
    }

    fn study(self) -> Result<Studied, PipelineError> {
        let (tokenizer, config) = self.shape()?;
        let (tokenizer_json, config_json) = (tokenizer.to_json()?, config.to_json(tokenizer.end()));
        let (mut trainer, before) = self.trainer(tokenizer, config)?;
        let mut clock = Clock::start(&self, before);
        while clock.seconds < self.recipe.seconds {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a share of the run needs no more than f32"
            )]
            let progress = (clock.seconds / self.recipe.seconds) as f32;
            let report = trainer.step(progress)?;
            clock.after_step(&self, &mut trainer, report.loss)?;
            if self.context.interrupt.is_set() {
                self.checkpoint(&trainer, clock.seconds)?;
                return Err(PipelineError::Interrupted { stage: "train" });
            }
        }
        clock.end(&self, &mut trainer)?;
        let weights = self.checkpoint(&trainer, clock.seconds)?;
        let bytes = trainer.checkpoint()?;
        Ok(Studied {
            step: bytes.step,
            weights,
            weights_bytes: bytes.weights,
            tokenizer_json,
            config_json,
        })
    }

    /// A fresh trainer, or the one of the last checkpoint with the seconds that it had trained.
    fn trainer(&self, tokenizer: Tokenizer, config: DecoderConfig) -> Result<(Trainer, f64), PipelineError> {
        let settings = self.recipe.settings.clone();
        match self
            .files
            .newest_checkpoint(self.settings, self.context.progress.as_ref())?
        {
            None => {
                // A run that was killed before its first checkpoint begins again, and so do its metrics.
                self.files.forget_metrics_after(0)?;
                let seed = Seed::new(self.recipe.seed);
                Ok((
                    Trainer::new(&self.train, &self.validation, tokenizer, config, settings, seed)?,
                    0.0,
                ))
            }
            Some((checkpoint, bytes)) => {
                self.files.forget_metrics_after(checkpoint.step)?;
                self.context.progress.fact(&format!(
                    "goes on from step {} after {:.0} s of training",
                    checkpoint.step, checkpoint.trained_seconds
                ));
                let trainer = Trainer::resume(&self.train, &self.validation, tokenizer, config, settings, &bytes)?;
                Ok((trainer, checkpoint.trained_seconds))
            }
        }
    }

    fn checkpoint(&self, trainer: &Trainer, seconds: f64) -> Result<Digest, PipelineError> {
        let checkpoint = self
            .files
            .write_checkpoint(&trainer.checkpoint()?, seconds, self.settings)?;
        Ok(checkpoint.weights)
    }
}

/// What is due when: updates, metrics, checkpoints.
struct Clock {
    rate: Rate,
    /// Seconds of training before this process.
    before: f64,
    /// Seconds of training so far.
    seconds: f64,
    updated: f64,
    measured: f64,
    kept: f64,
    loss: f64,
    last_loss: f64,
    steps: u32,
    tokens_before: u64,
}

impl Clock {
    fn start(lesson: &Lesson, before: f64) -> Self {
        let rate = Rate::start(lesson.context.ambient(), 0);
        // A run that was killed after its last step has no loss of its own to tell.
        let told = lesson.files.metrics().unwrap_or_default();
        Self {
            rate,
            before,
            seconds: before,
            updated: before,
            measured: before,
            kept: before,
            loss: 0.0,
            last_loss: told.last().map_or(0.0, |metric| metric.loss),
            steps: 0,
            tokens_before: u64::MAX,
        }
    }

    fn after_step(&mut self, lesson: &Lesson, trainer: &mut Trainer, loss: f64) -> Result<(), PipelineError> {
        self.seconds = self.before + self.rate.seconds(lesson.context.ambient());
        self.tokens_before = self.tokens_before.min(trainer.tokens());
        self.loss += loss;
        self.steps += 1;
        if self.seconds - self.updated >= UPDATE_SECONDS {
            self.updated = self.seconds;
            self.tell(lesson, trainer);
        }
        let is_checkpoint_due = self.seconds - self.kept >= lesson.recipe.checkpoint_seconds;
        if is_checkpoint_due || self.seconds - self.measured >= METRIC_SECONDS {
            let validation = if is_checkpoint_due {
                trainer.validation_bits_per_byte()
            } else {
                None
            };
            self.measure(lesson, trainer, validation)?;
        }
        if is_checkpoint_due {
            self.kept = self.seconds;
            lesson.checkpoint(trainer, self.seconds)?;
        }
        Ok(())
    }

    /// Since the last line of `metrics.jsonl`, or that line's where there was no step since.
    fn mean_loss(&self) -> f64 {
        if self.steps == 0 {
            self.last_loss
        } else {
            self.loss / f64::from(self.steps)
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "tokens of a run are far below 2^52")]
    fn tokens_per_second(&self, trainer: &Trainer) -> f64 {
        trainer.tokens().saturating_sub(self.tokens_before) as f64 / (self.seconds - self.before).max(0.001)
    }

    fn tell(&self, lesson: &Lesson, trainer: &Trainer) {
        lesson.context.progress.update(&Update {
            unit: "tokens",
            done: trainer.tokens(),
            total: None,
            rate: self.tokens_per_second(trainer),
            seconds_left: (lesson.recipe.seconds - self.seconds).max(0.0),
            detail: &format!("step {}, loss {:.3}", trainer.steps(), self.mean_loss()),
        });
    }

    fn measure(&mut self, lesson: &Lesson, trainer: &Trainer, validation: Option<f64>) -> Result<(), PipelineError> {
        lesson.files.append_metric(&Metric {
            step: trainer.steps(),
            seconds: self.seconds,
            tokens: trainer.tokens(),
            loss: self.mean_loss(),
            validation_bits_per_byte: validation,
        })?;
        self.last_loss = self.mean_loss();
        (self.measured, self.loss, self.steps) = (self.seconds, 0.0, 0);
        Ok(())
    }

    fn end(&mut self, lesson: &Lesson, trainer: &mut Trainer) -> Result<(), PipelineError> {
        let validation = trainer.validation_bits_per_byte();
        let rate = self.tokens_per_second(trainer);
        self.measure(lesson, trainer, validation)?;
        let loss = self.last_loss;
        lesson.context.progress.fact(&format!(
            "{} steps, {} tokens ({:.1} epochs) in {:.0} s at {rate:.0} tokens/s; loss {loss:.3}; validation {:.3} bits per byte",
            trainer.steps(),
            trainer.tokens(),
            epochs(trainer),
            self.seconds,
            validation.unwrap_or(f64::NAN),
        ));
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "tokens of a run are far below 2^52")]
fn epochs(trainer: &Trainer) -> f64 {
    trainer.tokens() as f64 / trainer.tokens_per_epoch().max(1) as f64
}
