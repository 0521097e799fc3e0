//! Records to store: valid, small, and each different from the one before.

use std::{collections::BTreeMap, sync::Arc};

use cultivar_record::{
    Acceptance, Ambient, ApiKey, ApiKeyId, Comparison, ComparisonId, ComparisonPlan, ConversationId, Dataset,
    DatasetId, Decision, Digest, Endpoint, EntryKind, ExchangeId, ExchangeOutcome, Failure, Intent, Job, JobId,
    JobState, LeafIndex, LedgerEntry, Limit, MicroUsd, Organization, OrganizationId, Pedigree, Price, Provider,
    ProviderId, ProviderKind, Purpose, Retention, Run, RunId, RunState, Salt, Standing, Timestamp, TokenCount, Usage,
    UseAction, Verdict, VerdictId, Waived, canonical_json,
};
use cultivar_store::{IntentFrame, OutcomeFrame};
use cultivar_testkit::CountingAmbient;

/// Makes records of one organisation.
pub(crate) struct Samples {
    ambient: CountingAmbient,
    pub(crate) organization: Organization,
}

impl Samples {
    pub(crate) fn new() -> Self {
        let ambient = CountingAmbient::default();
        let organization = organization(&ambient, "lab");
        Self { ambient, organization }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::from_raw(self.ambient.entropy())
    }

    pub(crate) fn salt(&self) -> Salt {
        Salt::new(&self.ambient)
    }

    pub(crate) fn another_organization(&self, name: &str) -> Organization {
        organization(&self.ambient, name)
    }

    pub(crate) fn api_key(&self, name: &str) -> ApiKey {
        ApiKey {
            id: ApiKeyId::new(&self.ambient),
            organization: self.organization.id,
            name: name.to_owned(),
            prefix: "sk-cultivar-abcdef".to_owned(),
            purpose: Purpose::Serve,
            created_at: self.now(),
            revoked_at: None,
            project: None,
            market: None,
            models: Vec::new(),
            expires_at: None,
            allowed_ips: Vec::new(),
            limit: Limit::default(),
        }
    }

    pub(crate) fn provider(&self, name: &str, model: &str) -> Provider {
        Provider {
            id: ProviderId::new(&self.ambient),
            name: name.to_owned(),
            kind: ProviderKind::Openai,
            model: model.to_owned(),
            provider_model: "large".to_owned(),
            base_url: Some("https://api.example.com/v1".to_owned()),
            key_variable: None,
            terms: "cc-by-4_0".parse().unwrap(),
            price: Price::default(),
            created_at: self.now(),
            markets: Vec::new(),
            residency: Vec::new(),
            weight: None,
            bills_cancelled: false,
        }
    }

    pub(crate) fn acceptance(&self) -> Acceptance {
        Acceptance {
            organization: self.organization.id,
            terms: "cc-by-4_0".parse().unwrap(),
            digest: self.digest(),
            accepted_by: "Ann Example".to_owned(),
            at: self.now(),
            markets: Vec::new(),
            purposes: Vec::new(),
            until: None,
        }
    }

    pub(crate) fn verdict(&self, decision: Decision) -> Verdict {
        Verdict {
            id: VerdictId::new(&self.ambient),
            organization: self.organization.id,
            action: UseAction::Infer,
            decision,
            reasons: Vec::new(),
            terms: "cc-by-4_0".parse().unwrap(),
            terms_digest: self.digest(),
            policies: self.digest(),
            waived: Waived::NONE,
            grants: Vec::new(),
            at: self.now(),
        }
    }

    pub(crate) fn intent(&self, provider: &str) -> Intent {
        Intent {
            id: ExchangeId::new(&self.ambient),
            organization: self.organization.id,
            api_key: ApiKeyId::new(&self.ambient),
            market: self.organization.market.clone(),
            purpose: Purpose::Collect,
            conversation: Some(ConversationId::new(&self.ambient)),
            model: "m".to_owned(),
            provider: provider.to_owned(),
            provider_model: "large".to_owned(),
            terms: "cc-by-4_0".parse().unwrap(),
            terms_digest: self.digest(),
            verdict: VerdictId::new(&self.ambient),
            request: self.digest(),
            at: self.now(),
            attempt_of: None,
            endpoint: Endpoint::ChatCompletions,
            project: None,
        }
    }

    pub(crate) fn intent_frame(&self, intent: Intent, salt: Salt, prompt_key: Option<&str>) -> IntentFrame {
        IntentFrame {
            text: canonical_json(&intent).unwrap(),
            intent: Arc::new(intent),
            salt,
            entry: canonical_json(&self.entry("intent")).unwrap(),
            prompt_key: prompt_key.map(str::to_owned),
            body: None,
        }
    }

    pub(crate) fn outcome_frame(&self, intent: &Intent, outcome: ExchangeOutcome) -> OutcomeFrame {
        OutcomeFrame {
            exchange: intent.id,
            organization: intent.organization,
            text: canonical_json(&outcome).unwrap(),
            outcome,
            salt: self.salt(),
            entry: canonical_json(&self.entry("outcome")).unwrap(),
            at: self.now(),
            body: None,
        }
    }

    pub(crate) fn answered(&self, prompt: u64, completion: u64, micro_usd: i64) -> ExchangeOutcome {
        ExchangeOutcome::Answered {
            answer: self.digest(),
            usage: Usage::counted(TokenCount::new(prompt), TokenCount::new(completion)),
            cost: MicroUsd::new(micro_usd),
            provider_request_id: None,
        }
    }

    pub(crate) fn entry(&self, subject: &str) -> LedgerEntry {
        let at = self.now();
        LedgerEntry::new(
            EntryKind::Decision,
            self.organization.id,
            subject,
            self.salt(),
            subject,
            at,
        )
        .unwrap()
    }

    pub(crate) fn dataset(&self, name: &str, version: u32) -> Dataset {
        Dataset {
            id: DatasetId::new(&self.ambient),
            organization: self.organization.id,
            name: name.to_owned(),
            version,
            splits: BTreeMap::new(),
            sources: Vec::new(),
            dropped: Vec::new(),
            made_from: self.digest(),
            privacy_report: self.digest(),
            sealed_at: self.now(),
        }
    }

    pub(crate) fn run(&self, model: &str) -> Run {
        Run {
            id: RunId::new(&self.ambient),
            organization: self.organization.id,
            model: model.to_owned(),
            dataset: self.digest(),
            recipe: self.digest(),
            state: RunState::Running,
            step: 0,
            weights: None,
            end_leaf: None,
            started_at: self.now(),
            ended_at: None,
        }
    }

    pub(crate) fn pedigree(&self, model: &str, version: u32) -> Pedigree {
        Pedigree {
            v: 1,
            organization: self.organization.id,
            model: model.to_owned(),
            version,
            weights: self.digest(),
            tokenizer: self.digest(),
            config: self.digest(),
            recipe: self.digest(),
            run: RunId::new(&self.ambient),
            run_leaf: LeafIndex(7),
            base_weights: None,
            trained: None,
            signing_key: None,
            datasets: Vec::new(),
            terms: Vec::new(),
            code: "cultivar 0.1.0".to_owned(),
            at: self.now(),
        }
    }

    pub(crate) fn plan(&self, dataset: Digest, weights: Digest) -> ComparisonPlan {
        ComparisonPlan {
            id: ComparisonId::new(&self.ambient),
            organization: self.organization.id,
            subjects: vec!["student".to_owned(), "teacher".to_owned()],
            weights,
            dataset,
            conversations: 20,
            measures: vec!["chrf".to_owned()],
            confidence: 0.95,
            resamples: 1_000,
            seed: self.ambient.seed(),
            planned_at: self.now(),
        }
    }

    pub(crate) fn results(&self, plan: ComparisonPlan) -> Comparison {
        Comparison {
            plan_digest: self.digest(),
            plan,
            scores: Vec::new(),
            reported_at: self.now(),
        }
    }

    pub(crate) fn job(&self, kind: &str) -> Job {
        let created_at = self.now();
        Job {
            id: JobId::new(&self.ambient),
            organization: self.organization.id,
            kind: kind.to_owned(),
            payload: serde_json::json!({ "recipe": "recipe.toml" }),
            state: JobState::Queued,
            attempts: 0,
            error: None,
            created_at,
            updated_at: created_at,
        }
    }
}

pub(crate) fn failed() -> ExchangeOutcome {
    ExchangeOutcome::Failed {
        failure: Failure {
            code: "provider_refused".to_owned(),
            status: Some(429),
        },
    }
}

fn organization(ambient: &CountingAmbient, name: &str) -> Organization {
    Organization {
        id: OrganizationId::new(ambient),
        name: name.to_owned(),
        market: "US".parse().unwrap(),
        standing: Standing::Active,
        created_at: ambient.now(),
        enforcement: None,
        limit: Limit::default(),
        retention: Retention::Full,
        residency: Vec::new(),
        alert_url: None,
    }
}
