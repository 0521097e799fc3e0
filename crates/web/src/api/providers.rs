//! Providers: registered, listed, shown, removed.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use cultivar_gateway::{Gateway, NewProvider, Registered};
use cultivar_record::{Market, MicroUsd, Price, Provider, ProviderId, ProviderKind, Terms, TermsKey, Timestamp};
use cultivar_store::tables;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, Type},
    },
};

use super::{
    List, Refusal,
    extract::{Administrator, Body, Object, Path},
    missing, read,
    refusal::{BadBody, NoSuch, Refusals},
    shapes::{Address, Id, KindName, MarketCode, Moment, Name, TermsRow, Variable},
};

/// Most that a provider can charge for a million tokens, in millionths of a US dollar: a million dollars.
const MOST_PRICE: u64 = 1_000_000_000_000;
/// Largest weight.
const MOST_WEIGHT: u32 = 1_000_000;

/// A provider of one model.
#[derive(Serialize, ToSchema)]
pub(super) struct ProviderView {
    #[schema(value_type = Id)]
    id: ProviderId,
    /// Unique in the data directory.
    name: String,
    #[schema(value_type = KindName)]
    kind: ProviderKind,
    /// The model's name at the gateway.
    model: String,
    /// The model's name at the provider.
    provider_model: String,
    /// Where it is.
    base_url: Option<String>,
    /// The environment variable that holds the key.
    key_variable: Option<String>,
    /// The row of terms that binds what it answers.
    #[schema(value_type = TermsRow)]
    terms: TermsKey,
    price: PriceShape,
    #[schema(value_type = Moment)]
    created_at: Timestamp,
    /// The markets in which it is offered; all where none is named.
    #[schema(value_type = Vec<MarketCode>)]
    markets: Vec<Market>,
    /// Where it stores and processes; unknown where none is named.
    #[schema(value_type = Vec<MarketCode>)]
    residency: Vec<Market>,
    /// Its share among candidates.
    weight: Option<u32>,
    /// Whether it bills a call that is cancelled.
    bills_cancelled: bool,
}

impl From<Provider> for ProviderView {
    fn from(row: Provider) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            model: row.model,
            provider_model: row.provider_model,
            base_url: row.base_url,
            key_variable: row.key_variable,
            terms: row.terms,
            price: PriceShape {
                prompt_per_million: row.price.prompt_per_million.get().unsigned_abs(),
                completion_per_million: row.price.completion_per_million.get().unsigned_abs(),
            },
            created_at: row.created_at,
            markets: row.markets,
            residency: row.residency,
            weight: row.weight,
            bills_cancelled: row.bills_cancelled,
        }
    }
}

/// What a provider charges per million tokens, in millionths of a US dollar.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceShape {
    /// For tokens of the request.
    #[schema(maximum = 1_000_000_000_000_u64)]
    prompt_per_million: u64,
    /// For tokens of the answer.
    #[schema(maximum = 1_000_000_000_000_u64)]
    completion_per_million: u64,
}

/// A provider to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderRequest {
    name: Name,
    #[schema(value_type = KindName)]
    kind: ProviderKind,
    /// The model's name at the gateway; the provider's name where none is given.
    #[serde(default)]
    model: Option<Name>,
    provider_model: Name,
    /// Where it is; `openai` and `azure-openai` need it.
    #[serde(default)]
    base_url: Option<Address>,
    #[serde(default)]
    key_variable: Option<Variable>,
    #[schema(value_type = TermsRow)]
    terms: TermsKey,
    #[serde(default)]
    #[schema(value_type = Option<PriceShape>)]
    price: Option<Object<PriceShape>>,
    /// The markets in which it is offered; all where none is named.
    #[serde(default)]
    #[schema(value_type = Vec<MarketCode>)]
    markets: Vec<Market>,
    /// Where it stores and processes; unknown where none is named.
    #[serde(default)]
    #[schema(value_type = Vec<MarketCode>)]
    residency: Vec<Market>,
    /// Its share among candidates; where none has one, the cheapest is asked first.
    #[serde(default)]
    #[schema(maximum = 1_000_000)]
    weight: Option<u32>,
    #[serde(default)]
    bills_cancelled: bool,
}

/// How a provider is described: some kinds need an address, the others have a usual one.
pub(super) enum AnyProvider {}

/// Whether a provider of a kind cannot be reached without an address.
const fn needs_address(kind: ProviderKind) -> bool {
    matches!(kind, ProviderKind::Openai | ProviderKind::AzureOpenai)
}

impl PartialSchema for AnyProvider {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(base)) = ProviderRequest::schema() else {
            return ProviderRequest::schema();
        };
        let of_kinds = |needs: bool| {
            let mut object = base.clone();
            let kinds = ProviderKind::ALL
                .into_iter()
                .filter(|kind| needs_address(*kind) == needs);
            let kinds = ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(kinds.map(ProviderKind::as_str)));
            object.properties.insert("kind".to_owned(), kinds.build().into());
            if needs {
                object.properties.insert("base_url".to_owned(), Address::schema());
                object.required.push("base_url".to_owned());
            }
            object
        };
        let either = OneOfBuilder::new().item(of_kinds(true)).item(of_kinds(false));
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl ToSchema for AnyProvider {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ProviderRequest::schemas(schemas);
    }
}

/// What came of a registration.
#[derive(Serialize, ToSchema)]
pub(super) struct RegisteredProvider {
    /// Its name.
    provider: String,
    /// Whether anything was registered or changed.
    new: bool,
}

/// A provider and the terms that bind it.
#[derive(Serialize, ToSchema)]
pub(super) struct BoundProvider {
    provider: ProviderView,
    /// The row of terms as it stands now.
    #[schema(value_type = Option<Object>)]
    terms: Option<Terms>,
}

/// List the providers.
#[utoipa::path(get, path = "/api/providers", operation_id = "list_providers", tag = "admin",
    responses((status = 200, description = "All providers.", body = List<ProviderView>), Refusals))]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
) -> Result<Json<List<ProviderView>>, Refusal> {
    Ok(List::of(gateway.providers()))
}

/// Register a provider, or bring the one of this name up to date.
#[utoipa::path(post, path = "/api/providers", operation_id = "register_provider", tag = "admin", request_body = AnyProvider,
    responses((status = 201, description = "It was registered or changed.", body = RegisteredProvider),
        (status = 200, description = "It was registered so before.", body = RegisteredProvider), Refusals, NoSuch, BadBody))]
pub(super) async fn register(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Body(wanted): Body<ProviderRequest>,
) -> Result<(StatusCode, Json<RegisteredProvider>), Refusal> {
    let new = wanted.read()?;
    let provider = new.name.clone();
    let registered = gateway.register_provider(caller.organization.id, new).await?;
    let (status, new) = match registered {
        Registered::New => (StatusCode::CREATED, true),
        Registered::Already => (StatusCode::OK, false),
    };
    Ok((status, Json(RegisteredProvider { provider, new })))
}

impl ProviderRequest {
    fn read(self) -> Result<NewProvider, Refusal> {
        if needs_address(self.kind) && self.base_url.is_none() {
            let told = format!("a provider of kind `{}` needs `base_url`", self.kind);
            return Err(Refusal::invalid(&told, Some("base_url")));
        }
        let Object(price) = self.price.unwrap_or_default();
        if price.prompt_per_million > MOST_PRICE || price.completion_per_million > MOST_PRICE {
            return Err(Refusal::invalid("no provider charges so much", Some("price")));
        }
        if self.weight.is_some_and(|weight| weight > MOST_WEIGHT) {
            return Err(Refusal::invalid("a weight is at most 1000000", Some("weight")));
        }
        let micro_usd = |price: u64| MicroUsd::new(i64::try_from(price).unwrap_or(i64::MAX));
        let model = self.model.as_ref().unwrap_or(&self.name).0.clone();
        let plain = NewProvider::plain(&self.name.0, self.kind, &model, &self.provider_model.0, self.terms);
        Ok(NewProvider {
            base_url: self.base_url.map(|Address(url)| url),
            key_variable: self.key_variable.map(|Variable(name)| name),
            price: Price {
                prompt_per_million: micro_usd(price.prompt_per_million),
                completion_per_million: micro_usd(price.completion_per_million),
            },
            markets: self.markets,
            residency: self.residency,
            weight: self.weight,
            bills_cancelled: self.bills_cancelled,
            ..plain
        })
    }
}

/// Show a provider with the terms that bind it.
#[utoipa::path(get, path = "/api/providers/{provider}", operation_id = "show_provider", tag = "admin",
    params(("provider" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The provider.", body = BoundProvider), Refusals, NoSuch))]
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    _: Administrator,
    Path(name): Path<String>,
) -> Result<Json<BoundProvider>, Refusal> {
    let wanted = name.clone();
    let known = read(&gateway, move |tx| tables::provider::by_name(tx, &wanted)).await?;
    let provider = known.ok_or_else(|| missing("provider", &name))?;
    Ok(Json(BoundProvider {
        terms: gateway.register().find(&provider.terms),
        provider: provider.into(),
    }))
}

/// Remove a provider; its exchanges and their terms stay.
#[utoipa::path(delete, path = "/api/providers/{provider}", operation_id = "remove_provider", tag = "admin",
    params(("provider" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It was removed."), Refusals, NoSuch))]
pub(super) async fn remove(
    State(gateway): State<Arc<Gateway>>,
    Administrator(caller): Administrator,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    gateway.remove_provider(caller.organization.id, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
