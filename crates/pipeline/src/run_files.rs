//! A run on disk: `recipe.toml`, `tokenizer.json`, `config.json`, `metrics.jsonl`, and `checkpoints/step-…/` whose
//! `manifest.json` is written last.

use std::{io::Write, path::PathBuf};

use cultivar_model::CheckpointBytes;
use cultivar_record::{Checkpoint, Digest, RunId, canonical_json};
use cultivar_store::{DataDir, StoreError, files};
use serde::{Deserialize, Serialize};

use crate::{PipelineError, Progress};

/// Version of a checkpoint's shape.
const VERSION: u32 = 1;
/// Checkpoints kept: the newest, and one to fall back to.
const KEPT: usize = 2;
const WEIGHTS: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const MANIFEST: &str = "manifest.json";

/// A moment of a run: one line of `metrics.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metric {
    pub(crate) step: u64,
    /// Seconds of training so far.
    pub(crate) seconds: f64,
    /// Tokens seen so far.
    pub(crate) tokens: u64,
    /// Mean loss in nats per token since the line before.
    pub(crate) loss: f64,
    /// On the validation split, where it was measured.
    pub(crate) validation_bits_per_byte: Option<f64>,
}

/// The files of a run.
pub(crate) struct RunFiles {
    dir: DataDir,
    folder: PathBuf,
}

impl RunFiles {
    pub(crate) fn new(dir: &DataDir, run: RunId) -> Self {
        Self {
            dir: dir.clone(),
            folder: dir.run(&run.to_string()),
        }
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.dir.write(&self.folder.join(name), bytes)
    }

    pub(crate) fn read_if_any(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        files::read_if_any(&self.folder.join(name))
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.join("checkpoints")
    }

    /// The checkpoints' folders, oldest first: a longer number is a later step.
    fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = files::names_in(&self.checkpoints())?;
        names.sort_by_key(String::len);
        Ok(names)
    }

    /// Writes a checkpoint, its manifest last, and removes those before the last two.
    pub(crate) fn write_checkpoint(
        &self,
        bytes: &CheckpointBytes,
        trained_seconds: f64,
        settings: Digest,
    ) -> Result<Checkpoint, PipelineError> {
        let checkpoint = Checkpoint {
            v: VERSION,
            step: bytes.step,
            trained_seconds,
            tokens: bytes.tokens,
            weights: Digest::of_bytes(&bytes.weights),
            optimizer: Digest::of_bytes(&bytes.optimizer),
            settings,
        };
        let folder = self.checkpoints().join(format!("step-{:06}", bytes.step));
        self.dir.write(&folder.join(WEIGHTS), &bytes.weights)?;
        self.dir.write(&folder.join(OPTIMIZER), &bytes.optimizer)?;
        self.dir
            .write(&folder.join(MANIFEST), canonical_json(&checkpoint)?.as_bytes())?;
        for old in self.names()?.iter().rev().skip(KEPT) {
            files::remove_folder(&self.checkpoints().join(old))?;
        }
        Ok(checkpoint)
    }

    /// The newest checkpoint that is whole. One that is not is told and passed over; a folder without a manifest was under way
    /// when the process died and says nothing.
    ///
    /// # Errors
    /// `pipeline::corrupt_checkpoint` where there are checkpoints and none of them is whole.
    pub(crate) fn newest_checkpoint(
        &self,
        settings: Digest,
        progress: &dyn Progress,
    ) -> Result<Option<(Checkpoint, CheckpointBytes)>, PipelineError> {
        let mut corrupt: Vec<PipelineError> = Vec::new();
        for name in self.names()?.iter().rev() {
            match self.checkpoint(name, settings) {
                Ok(Some(checkpoint)) => {
                    for error in &corrupt {
                        progress.warning(error);
                    }
                    return Ok(Some(checkpoint));
                }
                Ok(None) => {}
                Err(error) => corrupt.push(error),
            }
        }
        let mut corrupt = corrupt.into_iter();
        let newest = corrupt.next();
        for error in corrupt {
            progress.warning(&error);
        }
        newest.map_or(Ok(None), Err)
    }

    fn checkpoint(&self, name: &str, settings: Digest) -> Result<Option<(Checkpoint, CheckpointBytes)>, PipelineError> {
        let folder = self.checkpoints().join(name);
        let corrupt = |reason: &str| PipelineError::CorruptCheckpoint {
            path: folder.display().to_string(),
            reason: reason.to_owned(),
        };
        let Some(manifest) = files::read_if_any(&folder.join(MANIFEST))? else {
            return Ok(None);
        };
        let checkpoint: Checkpoint = serde_json::from_slice(&manifest).map_err(|e| corrupt(&e.to_string()))?;
        if checkpoint.settings != settings {
            return Err(corrupt("it belongs to a run with other settings"));
        }
        let part = |name: &str, digest: Digest| {
            let bytes =
                files::read_if_any(&folder.join(name))?.ok_or_else(|| corrupt(&format!("`{name}` is missing")))?;
            let is_whole = Digest::of_bytes(&bytes) == digest;
            if is_whole {
                Ok(bytes)
            } else {
                Err(corrupt(&format!("`{name}` is not what the manifest says")))
            }
        };
        let weights = part(WEIGHTS, checkpoint.weights)?;
        let optimizer = part(OPTIMIZER, checkpoint.optimizer)?;
        let bytes = CheckpointBytes {
            weights,
            optimizer,
            step: checkpoint.step,
            tokens: checkpoint.tokens,
        };
        Ok(Some((checkpoint, bytes)))
    }

    /// Adds a line to `metrics.jsonl`.
    pub(crate) fn append_metric(&self, metric: &Metric) -> Result<(), PipelineError> {
        let path = self.folder.join("metrics.jsonl");
        let line = canonical_json(metric)? + "\n";
        let written = files::open_to_append(&path)?.write_all(line.as_bytes());
        Ok(written.map_err(|e| StoreError::file(&path, "written", &e))?)
    }

    /// The lines of `metrics.jsonl`; one that was cut off by a kill is passed over.
    pub(crate) fn metrics(&self) -> Result<Vec<Metric>, StoreError> {
        let bytes = self.read_if_any("metrics.jsonl")?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    /// Forgets the lines after a step: the run goes on from there.
    pub(crate) fn forget_metrics_after(&self, step: u64) -> Result<(), PipelineError> {
        let kept = self.metrics()?.into_iter().filter(|metric| metric.step <= step);
        let mut text = String::new();
        for metric in kept {
            text.push_str(&canonical_json(&metric)?);
            text.push('\n');
        }
        Ok(self.write("metrics.jsonl", text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use cultivar_record::{Timestamp, Verdict};

    use super::*;
    use crate::Update;

    /// Hears warnings alone.
    #[derive(Default)]
    struct Warnings(Mutex<Vec<String>>);

    impl Progress for Warnings {
        fn stage(&self, _: &str) {}
        fn update(&self, _: &Update<'_>) {}
        fn fact(&self, _: &str) {}
        fn refused(&self, _: &str, _: &Verdict) {}
        fn warning(&self, error: &dyn miette::Diagnostic) {
            self.0.lock().unwrap().push(error.to_string());
        }
    }

    struct Bench {
        _root: tempfile::TempDir,
        files: RunFiles,
        warnings: Warnings,
    }

    impl Bench {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let dir = DataDir::create(root.path()).unwrap();
            let run = RunId::from_parts(Timestamp::from_micros(0), &[7; 32]);
            Self {
                files: RunFiles::new(&dir, run),
                _root: root,
                warnings: Warnings::default(),
            }
        }

        fn keep(&self, step: u64) {
            let bytes = CheckpointBytes {
                weights: format!("weights {step}").into_bytes(),
                optimizer: format!("optimizer {step}").into_bytes(),
                step,
                tokens: step * 100,
            };
            self.files.write_checkpoint(&bytes, 1.5, settings()).unwrap();
        }

        fn damage(&self, step: u64, part: &str) {
            let name = format!("checkpoints/step-{step:06}/{part}");
            self.files.write(&name, b"something else").unwrap();
        }

        fn newest(&self, settings: Digest) -> Result<Option<u64>, PipelineError> {
            let newest = self.files.newest_checkpoint(settings, &self.warnings)?;
            Ok(newest.map(|(checkpoint, bytes)| {
                assert_eq!(bytes.weights, format!("weights {}", checkpoint.step).into_bytes());
                checkpoint.step
            }))
        }

        fn warned(&self) -> usize {
            self.warnings.0.lock().unwrap().len()
        }
    }

    fn settings() -> Digest {
        Digest::of_bytes(b"settings")
    }

    #[test]
    fn the_newest_two_checkpoints_are_kept() {
        let bench = Bench::new();
        assert_eq!(bench.newest(settings()).unwrap(), None);
        for step in [5, 999_999, 1_000_000] {
            bench.keep(step);
        }
        assert_eq!(bench.files.names().unwrap(), ["step-999999", "step-1000000"]);
        assert_eq!(bench.newest(settings()).unwrap(), Some(1_000_000));
        assert_eq!(bench.warned(), 0);
    }

    #[test]
    fn a_damaged_checkpoint_is_told_and_the_one_before_is_used() {
        for part in [WEIGHTS, OPTIMIZER, MANIFEST] {
            let bench = Bench::new();
            bench.keep(10);
            bench.keep(20);
            bench.damage(20, part);
            assert_eq!(
                (bench.newest(settings()).unwrap(), bench.warned()),
                (Some(10), 1),
                "{part}"
            );
            bench.damage(10, part);
            let error = bench.newest(settings()).unwrap_err();
            assert!(matches!(error, PipelineError::CorruptCheckpoint { .. }), "{error}");
        }
    }

    #[test]
    fn a_checkpoint_that_a_kill_left_without_its_manifest_says_nothing() {
        let bench = Bench::new();
        bench.keep(10);
        bench.damage(20, WEIGHTS);
        assert_eq!((bench.newest(settings()).unwrap(), bench.warned()), (Some(10), 0));
    }

    #[test]
    fn a_checkpoint_of_other_settings_is_not_gone_on_from() {
        let bench = Bench::new();
        bench.keep(10);
        assert!(bench.newest(Digest::of_bytes(b"other settings")).is_err());
    }

    #[test]
    fn metrics_after_the_checkpoint_and_a_line_cut_off_by_a_kill_are_forgotten() {
        let bench = Bench::new();
        let metric = |step| Metric {
            step,
            seconds: 1.0,
            tokens: 10,
            loss: 2.5,
            validation_bits_per_byte: None,
        };
        for step in [1, 2, 3] {
            bench.files.append_metric(&metric(step)).unwrap();
        }
        let whole = bench.files.read_if_any("metrics.jsonl").unwrap().unwrap();
        let cut = whole.get(..whole.len() - 9).unwrap();
        bench.files.write("metrics.jsonl", cut).unwrap();
        assert_eq!(bench.files.metrics().unwrap(), [metric(1), metric(2)]);
        bench.files.forget_metrics_after(1).unwrap();
        bench.files.append_metric(&metric(2)).unwrap();
        assert_eq!(bench.files.metrics().unwrap(), [metric(1), metric(2)]);
        bench.files.forget_metrics_after(0).unwrap();
        assert_eq!(bench.files.metrics().unwrap(), []);
    }
}
