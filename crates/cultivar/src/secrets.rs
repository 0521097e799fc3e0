//! Secrets of a data directory: `secrets/`, for its owner alone. Made once; a lost ledger key cannot be made again.

use std::collections::BTreeMap;

use cultivar_gateway::KeyHasher;
use cultivar_ledger::LogSigner;
use cultivar_papers::ModelSigner;
use cultivar_record::{Ambient, Digest, Purpose};
use cultivar_store::{DataDir, files};

use crate::{
    failure::{CliError, Failure},
    ledger_check,
};

/// What is kept secret.
pub(crate) struct Secrets {
    /// Signs tree heads and pedigrees.
    pub signer: LogSigner,
    /// Signs models; its public key lies beside them.
    pub model_signer: ModelSigner,
    /// Hashes API keys.
    pub hasher: KeyHasher,
    /// Keys the surrogates of desensitisation.
    pub surrogates: [u8; 32],
}

impl Secrets {
    /// Reads the secrets, and makes those that are missing.
    pub(crate) fn open(dir: &DataDir, ambient: &dyn Ambient) -> Result<Self, Failure> {
        ledger_check::has_key(dir)?;
        let name = || {
            let random = Digest::from_raw(ambient.entropy()).hex();
            format!("localhost/{}/ledger", random.get(..8).unwrap_or_default())
        };
        let ledger = read_or_make(dir, "ledger.key", || {
            Ok(LogSigner::from_secret(&name(), &ambient.entropy())?.secret_text())
        })?;
        let signer: LogSigner = ledger.parse().map_err(|_| damaged(dir, "ledger.key"))?;
        ledger_check::is_signed_by(dir, &signer.verifier_key())?;
        let model_signer = ModelSigner::from_secret(&thirty_two_bytes(dir, "models.key", ambient)?)?;
        let public = model_signer.verifier().to_pem();
        if files::read_if_any(&dir.model_key())?.is_none_or(|known| known != public.as_bytes()) {
            dir.write(&dir.model_key(), public.as_bytes())?;
        }
        Ok(Self {
            model_signer,
            signer,
            hasher: KeyHasher::new(thirty_two_bytes(dir, "api-keys.key", ambient)?),
            surrogates: thirty_two_bytes(dir, "surrogates.key", ambient)?,
        })
    }
}

fn read_or_make(dir: &DataDir, name: &str, make: impl FnOnce() -> Result<String, Failure>) -> Result<String, Failure> {
    let path = dir.secrets().join(name);
    if let Some(bytes) = files::read_if_any(&path)? {
        return String::from_utf8(bytes).map_err(|_| damaged(dir, name).into());
    }
    let text = make()?;
    dir.write_private(&path, format!("{text}\n").as_bytes())?;
    Ok(text)
}

fn thirty_two_bytes(dir: &DataDir, name: &str, ambient: &dyn Ambient) -> Result<[u8; 32], Failure> {
    let text = read_or_make(dir, name, || Ok(Digest::from_raw(ambient.entropy()).to_string()))?;
    let digest: Digest = text.trim().parse().map_err(|_| damaged(dir, name))?;
    Ok(*digest.as_bytes())
}

fn damaged(dir: &DataDir, name: &str) -> CliError {
    CliError::Secret {
        path: dir.secrets().join(name).display().to_string(),
    }
}

/// The keys with which this program itself asks, by purpose: the operator's own credentials.
pub(crate) struct OwnKeys;

impl OwnKeys {
    /// Where they are, below `secrets/`.
    pub(crate) const FILE: &str = "own-keys.json";

    /// The keys that there are.
    pub(crate) fn read(dir: &DataDir) -> Result<BTreeMap<String, String>, Failure> {
        let Some(bytes) = files::read_if_any(&dir.secrets().join(Self::FILE))? else {
            return Ok(BTreeMap::new());
        };
        serde_json::from_slice(&bytes).map_err(|_| damaged(dir, Self::FILE).into())
    }

    /// Keeps a key.
    pub(crate) fn keep(dir: &DataDir, purpose: Purpose, key: &str) -> Result<(), Failure> {
        let mut keys = Self::read(dir)?;
        keys.insert(purpose.to_string(), key.to_owned());
        let text = cultivar_record::canonical_json(&keys)?;
        Ok(dir.write_private(&dir.secrets().join(Self::FILE), text.as_bytes())?)
    }
}
