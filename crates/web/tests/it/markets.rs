//! Routing by market over HTTP: who is asked for whom, and what is told where nobody may be.

use std::{sync::Arc, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use cultivar_attest::SecretKey;
use cultivar_gateway::{Coverage, GatewayError, NewProvider, OrganizationChange};
use cultivar_governance::{
    self as governance, GovernanceError, HandedIn, HandedSignature, NewApproval, ProjectChange, Replaced,
};
use cultivar_policy::{Commerce, Competition};
use cultivar_record::{
    Ambient, ApprovalId, Counts, Digest, LeafIndex, Market, MemberRole, ModelVersionId, Pedigree, Provider,
    ProviderKind, RunId,
};
use cultivar_store::{Statements, tables};
use cultivar_testkit::RawProvider;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;

use crate::{
    apprentice::Apprentice,
    door::{ANSWER, Door, MODEL, good, question},
};

const AZURE_TERMS: &str = "azure-openai-product-terms";
const OWN: &str = "own";
/// The version that answers.
const OWN_VERSION: &str = "own@1";
const OWN_TERMS: &str = "own-models";

fn markets(codes: &[&str]) -> Vec<Market> {
    codes.iter().map(|code| code.parse().unwrap()).collect()
}

/// Of a model that learned from nothing of others.
fn pedigree(door: &Door) -> Pedigree {
    let (at, digest) = (door.gateway.ambient().now(), Digest::of_bytes(b"own"));
    Pedigree {
        v: 2,
        organization: door.organization.id,
        model: OWN.to_owned(),
        version: 1,
        weights: digest,
        trained: None,
        signing_key: None,
        tokenizer: digest,
        config: digest,
        recipe: digest,
        run: RunId::new(door.gateway.ambient()),
        run_leaf: LeafIndex(0),
        base_weights: None,
        datasets: Vec::new(),
        terms: Vec::new(),
        code: "cultivar".to_owned(),
        at,
    }
}

/// GPT through Azure for the US and the EU, the own model for China, nothing for North Korea.
struct Shipped {
    door: Door,
    azure: RawProvider,
}

impl Shipped {
    async fn new() -> Self {
        let door = Door::open().await;
        let pedigree = pedigree(&door);
        let id = ModelVersionId::new(door.gateway.ambient());
        let publish = move |tx: &mut dyn Statements| tables::model_version::insert(tx, id, &pedigree, LeafIndex(0));
        door.gateway.store().write_blocking(publish).unwrap();
        Self::behind(door).await
    }

    /// The same with an own model of which the records know nothing.
    async fn without_pedigree() -> Self {
        Self::behind(Door::open().await).await
    }

    async fn behind(door: Door) -> Self {
        let azure = good().await;
        door.register("azure", &azure, |new| {
            new.kind = ProviderKind::AzureOpenai;
            new.key_variable = Some("AZURE_KEY".to_owned());
            new.terms = AZURE_TERMS.parse().unwrap();
            new.markets = markets(&["US", "EU"]);
        })
        .await;
        door.gateway.join_local(OWN_VERSION, Arc::new(Apprentice));
        let own = NewProvider {
            markets: markets(&["CN"]),
            ..NewProvider::plain(OWN, ProviderKind::Local, MODEL, OWN_VERSION, OWN_TERMS.parse().unwrap())
        };
        let organization = door.organization.id;
        door.gateway.register_provider(organization, own).await.unwrap();
        door.accept(&door.organization, AZURE_TERMS).await;
        Self { door, azure }
    }

    /// Who answers a caller in this market, or the error.
    async fn in_market(&self, market: &str) -> Result<String, (u16, String, String)> {
        let key = self
            .door
            .issue(&self.door.organization, |new| {
                new.market = Some(market.parse().unwrap());
            })
            .await;
        self.with(&key, &[]).await
    }

    async fn with(&self, key: &str, headers: &[(&str, &str)]) -> Result<String, (u16, String, String)> {
        let open = self.door.begin_with(key, headers, &question()).await.unwrap();
        let reply = open.whole().await.unwrap();
        if reply.status != 200 {
            return Err(reply.error());
        }
        let last = self.door.exchanges().pop().unwrap();
        assert_eq!(reply.header("x-request-id"), Some(last.intent.id.to_string().as_str()));
        let from_azure = reply.text() == ANSWER;
        assert_eq!(from_azure, last.intent.provider == "azure", "{}", reply.text());
        Ok(last.intent.provider)
    }

    async fn approve(&self) -> ApprovalId {
        self.signed().await.unwrap()
    }

    /// Hands in the evidence that China asks for, has two people sign, and returns the approval.
    async fn signed(&self) -> Result<ApprovalId, GovernanceError> {
        let (gateway, organization) = (&self.door.gateway, &self.door.organization);
        let cn: Market = "CN".parse().unwrap();
        let there = governance::evidence(gateway, (MODEL, None), &cn).unwrap();
        let members = [
            ("Ruth", MemberRole::Owner),
            ("Lee", MemberRole::Legal),
            ("Sam", MemberRole::Safety),
        ];
        let keys: Vec<SecretKey> = (1..=3).map(|number| SecretKey::from_seed(&[number; 32])).collect();
        for ((name, role), key) in members.into_iter().zip(&keys) {
            governance::put_member(gateway, organization.id, name, vec![role])
                .await
                .unwrap();
            governance::register_key(gateway, organization.id, name, &key.public(), Replaced::InOrder)
                .await
                .unwrap();
        }
        let items = there.checklist.items.iter().map(|item| HandedIn {
            key: item.key.clone(),
            document: Digest::of_bytes(item.key.as_bytes()),
            counts: item.counts().then(|| Counts {
                asked: 10_000,
                counted: if item.at_most_percent.is_some() { 0 } else { 10_000 },
            }),
        });
        governance::set_evidence(gateway, organization, (MODEL, None), &cn, "Ruth", items.collect())
            .await
            .unwrap();
        let new = NewApproval {
            model: MODEL.to_owned(),
            provider: None,
            market: cn,
            requested_by: "Ruth".to_owned(),
            expires_at: None,
            competition: Competition::Competes,
            commerce: Commerce::Commercial,
            fulfils: Vec::new(),
        };
        let statement = governance::draft_approval(gateway, organization, new).unwrap();
        for key in &keys[1..] {
            let handed = HandedSignature {
                key: key.public(),
                signature: key.sign(&statement).unwrap(),
            };
            governance::sign_approval(gateway, organization, statement.clone(), &handed).await?;
        }
        Ok(statement.id)
    }

    async fn withdraw(&self, id: ApprovalId) {
        let (gateway, organization) = (&self.door.gateway, &self.door.organization);
        governance::withdraw_approval(gateway, organization, id, "Ruth")
            .await
            .unwrap();
    }
}

fn forbidden(code: &str) -> (u16, String, String) {
    (403, "request_forbidden".to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_model_of_which_the_records_know_nothing_is_never_released() {
    let shipped = Shipped::without_pedigree().await;
    let refused = shipped.signed().await.unwrap_err();
    assert!(matches!(refused, GovernanceError::NoPedigree { .. }), "{refused}");
    assert_eq!(shipped.in_market("CN").await.unwrap_err().0, 403);
}

#[tokio::test]
async fn gpt_through_azure_for_us_and_eu_the_own_model_for_china_nothing_for_north_korea() {
    let shipped = Shipped::new().await;
    for market in ["US", "US-CA", "DE", "FR", "EU"] {
        assert_eq!(shipped.in_market(market).await.unwrap(), "azure", "{market}");
    }
    let not_here = forbidden("model_not_available_in_region");
    assert_eq!(shipped.in_market("CN").await.unwrap_err(), not_here, "no approval yet");
    let approval = shipped.approve().await;
    assert_eq!(shipped.in_market("CN").await.unwrap(), "own");
    assert_eq!(shipped.in_market("US").await.unwrap(), "azure");
    assert_eq!(
        shipped.in_market("KP").await.unwrap_err(),
        forbidden("unsupported_country_region_territory")
    );
    assert_eq!(shipped.in_market("BR").await.unwrap_err(), not_here);
    shipped.withdraw(approval).await;
    assert_eq!(shipped.in_market("CN").await.unwrap_err(), not_here);
    // Azure is never asked on behalf of China, nor the own model of anybody else.
    assert_eq!((shipped.azure.calls().len(), shipped.door.exchanges().len()), (6, 7));
    let head = &shipped.azure.calls()[0].head;
    assert!(
        head.contains("api-key: sk-provider-secret") && !head.contains("sk-cultivar"),
        "{head}"
    );
}

#[tokio::test]
async fn a_market_is_claimed_with_a_signature_and_never_with_a_header_alone() {
    let shipped = Shipped::new().await;
    shipped.approve().await;
    let signer = SigningKey::from_bytes(&[7; 32]);
    let change = ProjectChange {
        claim_key: Some(STANDARD.encode(signer.verifying_key().as_bytes())),
        ..ProjectChange::default()
    };
    let organization = &shipped.door.organization;
    let project = governance::put_project(&shipped.door.gateway, organization.id, "app", change)
        .await
        .unwrap();
    let key = shipped
        .door
        .issue(organization, |new| new.project = Some(project.id))
        .await;
    for header in ["x-market", "cf-ipcountry", "x-forwarded-for", "cultivar-market"] {
        assert_eq!(
            shipped.with(&key, &[(header, "CN")]).await.unwrap(),
            "azure",
            "{header}"
        );
    }
    let claim = |signer: &SigningKey, market: &str, seconds: i64| {
        let exp = shipped.door.ambient.now().seconds() + seconds;
        let payload = json!({ "market": market, "exp": exp }).to_string();
        let signature = signer.sign(format!("cultivar-claim/v1\n{payload}").as_bytes());
        let (payload, signature) = (
            URL_SAFE_NO_PAD.encode(&payload),
            URL_SAFE_NO_PAD.encode(signature.to_bytes()),
        );
        format!("v1.{payload}.{signature}")
    };
    let with = |key: String, claim: String| {
        let shipped = &shipped;
        async move { shipped.with(&key, &[("cultivar-claim", &claim)]).await }
    };
    assert_eq!(with(key.clone(), claim(&signer, "CN", 60)).await.unwrap(), "own");
    assert_eq!(with(key.clone(), claim(&signer, "DE", 60)).await.unwrap(), "azure");
    assert_eq!(
        with(key.clone(), claim(&signer, "KP", 60)).await.unwrap_err(),
        forbidden("unsupported_country_region_territory")
    );
    let refused = (
        401,
        "invalid_request_error".to_owned(),
        "invalid_market_claim".to_owned(),
    );
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let without_project = shipped.door.key.clone();
    for (key, claim) in [
        (&key, claim(&stranger, "CN", 60)),
        (&key, claim(&signer, "CN", -1)),
        (&key, claim(&signer, "CN", 100_000)),
        (&key, "CN".to_owned()),
        (&without_project, claim(&signer, "CN", 60)),
    ] {
        assert_eq!(with(key.clone(), claim).await.unwrap_err(), refused);
    }
}

#[tokio::test]
async fn an_agreement_that_has_ended_or_covers_something_else_permits_nothing() {
    let shipped = Shipped::new().await;
    let (organization, key) = shipped.door.organization("other", "US").await;
    let denied = forbidden("license_scope_denied");
    assert_eq!(shipped.with(&key, &[]).await.unwrap_err(), denied, "nobody agreed");
    let gateway = &shipped.door.gateway;
    let terms = AZURE_TERMS.parse().unwrap();
    let agree = |coverage| gateway.agree(&organization, &terms, "Ann Example", coverage);
    let in_an_hour = shipped.door.ambient.now().micros() + 3_600_000_000;
    let coverage = Coverage {
        markets: markets(&["US"]),
        until: Some(cultivar_record::Timestamp::from_micros(in_an_hour)),
        ..Coverage::default()
    };
    agree(coverage).await.unwrap();
    assert_eq!(shipped.with(&key, &[]).await.unwrap(), "azure");
    let german = shipped
        .door
        .issue(&organization, |new| new.market = Some("DE".parse().unwrap()))
        .await;
    assert_eq!(shipped.with(&german, &[]).await.unwrap_err(), denied);
    shipped.door.ambient.advance(Duration::from_hours(2));
    assert_eq!(shipped.with(&key, &[]).await.unwrap_err(), denied, "it has ended");
    agree(Coverage::default()).await.unwrap();
    assert_eq!(shipped.with(&german, &[]).await.unwrap(), "azure");
}

#[tokio::test]
async fn data_stays_where_it_must() {
    let door = Door::open().await;
    let (anywhere, in_germany) = (good().await, good().await);
    door.register("anywhere", &anywhere, |new| new.price = crate::door::price(0, 0))
        .await;
    let change = OrganizationChange {
        residency: Some(markets(&["EU"])),
        ..OrganizationChange::default()
    };
    door.gateway.change_organization("lab", change).await.unwrap();
    assert_eq!(
        door.ask(&question()).await.error(),
        forbidden("data_residency_mismatch")
    );
    door.register("in-germany", &in_germany, |new| new.residency = markets(&["DE"]))
        .await;
    door.register("in-both", &anywhere, |new| new.residency = markets(&["DE", "US"]))
        .await;
    assert_eq!(door.ask(&question()).await.status, 200);
    assert_eq!((anywhere.calls().len(), in_germany.calls().len()), (0, 1));
}

#[tokio::test]
async fn keys_are_held_to_their_models_their_time_and_their_addresses() {
    let door = Door::open().await;
    let good = good().await;
    door.register("good", &good, |_| ()).await;
    let organization = &door.organization;
    let other = door
        .issue(organization, |new| new.models = vec!["other".to_owned()])
        .await;
    let refused = door.ask_with(&other, &question()).await;
    assert_eq!(
        refused.error(),
        (404, "invalid_request_error".to_owned(), "model_not_found".to_owned())
    );
    let soon = cultivar_record::Timestamp::from_micros(door.ambient.now().micros() + 60_000_000);
    let brief = door.issue(organization, |new| new.expires_at = Some(soon)).await;
    assert_eq!(door.ask_with(&brief, &question()).await.status, 200);
    door.ambient.advance(Duration::from_mins(2));
    let expired = door.ask_with(&brief, &question()).await;
    assert_eq!(
        expired.error(),
        (401, "invalid_request_error".to_owned(), "invalid_api_key".to_owned())
    );
    assert!(expired.text().contains("expired"), "{}", expired.text());
    let elsewhere = door
        .issue(organization, |new| {
            new.allowed_ips = vec!["10.0.0.0/8".parse().unwrap()];
        })
        .await;
    assert_eq!(
        door.ask_with(&elsewhere, &question()).await.error().2,
        "ip_not_authorized"
    );
    let here = door
        .issue(organization, |new| {
            new.allowed_ips = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .await;
    assert_eq!(door.ask_with(&here, &question()).await.status, 200);
    let admin = door
        .issue(organization, |new| new.purpose = cultivar_record::Purpose::Administer)
        .await;
    let refused = door.ask_with(&admin, &question()).await;
    assert_eq!(
        refused.status,
        403,
        "an admin key has no inference right: {}",
        refused.text()
    );
}

#[tokio::test]
async fn a_server_elsewhere_is_never_taken_for_a_model_of_our_own() {
    let door = Door::open().await;
    let foreign = good().await;
    door.register("foreign", &foreign, |_| ()).await;
    let known = door.gateway.providers().remove(0);
    let own = NewProvider {
        base_url: known.base_url.clone(),
        ..NewProvider::plain(
            "foreign",
            ProviderKind::Openai,
            MODEL,
            "large",
            OWN_TERMS.parse().unwrap(),
        )
    };
    let refused = door.gateway.register_provider(door.organization.id, own).await;
    assert!(matches!(refused, Err(GatewayError::NotOwn { .. })), "{refused:?}");
    // One that was registered before that was refused is not asked either, whatever anybody accepted.
    door.accept(&door.organization, OWN_TERMS).await;
    let written = Provider {
        terms: OWN_TERMS.parse().unwrap(),
        ..known
    };
    let store = door.gateway.store();
    store
        .write(move |tx| tables::provider::update(tx, &written))
        .await
        .unwrap();
    let door = door.again().await;
    assert_eq!(door.ask(&question()).await.error(), forbidden("license_scope_denied"));
    assert_eq!(foreign.calls().len(), 0);
}
