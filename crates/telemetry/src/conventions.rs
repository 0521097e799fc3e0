//! Names, units and bucket boundaries of the OpenTelemetry conventions for generative AI, and our own beside them.
//! Source: OpenTelemetry semantic conventions for generative AI, "Metrics" and "Spans", status "development", as of convention
//! version 1.42; names in Prometheus: OpenTelemetry specification, "Prometheus and `OpenMetrics` Compatibility".

use cultivar_record::Endpoint;

pub(crate) const OPERATION: &str = "gen_ai.operation.name";
pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(crate) const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub(crate) const CONVERSATION: &str = "gen_ai.conversation.id";
pub(crate) const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(crate) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(crate) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(crate) const TOKEN_TYPE: &str = "gen_ai.token.type";
pub(crate) const ERROR: &str = "error.type";
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const SERVER_PORT: &str = "server.port";
pub(crate) const OVERFLOW: &str = "otel.metric.overflow";

/// The provider as it is registered here, by its name.
pub(crate) const OUR_PROVIDER: &str = "cultivar.provider";
/// The model's name at the gateway.
pub(crate) const OUR_MODEL: &str = "cultivar.model";
pub(crate) const MARKET: &str = "cultivar.market";
pub(crate) const PURPOSE: &str = "cultivar.purpose";
pub(crate) const OUTCOME: &str = "cultivar.outcome";
pub(crate) const ORGANIZATION: &str = "cultivar.organization.id";
pub(crate) const EXCHANGE: &str = "cultivar.exchange.id";
pub(crate) const ATTEMPT_OF: &str = "cultivar.attempt_of";
pub(crate) const COST: &str = "cultivar.cost.micro_usd";
pub(crate) const ESTIMATED: &str = "cultivar.usage.estimated";
pub(crate) const BREAKER_STATE: &str = "cultivar.breaker.state";

/// What an error is called whose name is not known: the conventions' own word.
pub(crate) const OTHER_ERROR: &str = "_OTHER";
/// What serves our own models, and what a request is counted under that no provider was asked.
pub(crate) const OURSELVES: &str = "cultivar";

/// Microseconds in one second.
const SECOND: u64 = 1_000_000;
/// Durations of calls, in microseconds.
pub(crate) const DURATION_BOUNDS: [u64; 14] = [
    SECOND / 100,
    SECOND / 50,
    SECOND / 25,
    SECOND * 2 / 25,
    SECOND * 4 / 25,
    SECOND * 8 / 25,
    SECOND * 16 / 25,
    SECOND * 32 / 25,
    SECOND * 64 / 25,
    SECOND * 128 / 25,
    SECOND * 256 / 25,
    SECOND * 512 / 25,
    SECOND * 1_024 / 25,
    SECOND * 2_048 / 25,
];
/// Times to the first token, in microseconds.
pub(crate) const FIRST_TOKEN_BOUNDS: [u64; 16] = [
    SECOND / 1_000,
    SECOND / 200,
    SECOND / 100,
    SECOND / 50,
    SECOND / 25,
    SECOND * 3 / 50,
    SECOND * 2 / 25,
    SECOND / 10,
    SECOND / 4,
    SECOND / 2,
    SECOND * 3 / 4,
    SECOND,
    SECOND * 5 / 2,
    SECOND * 5,
    SECOND * 15 / 2,
    SECOND * 10,
];
/// Tokens: powers of four.
pub(crate) const TOKEN_BOUNDS: [u64; 14] = [
    1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];

/// Hosts of companies that speak OpenAI's API and that the conventions know by name.
const HOSTS: [(&str, &str); 9] = [
    ("api.openai.com", "openai"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    ("api.cohere.ai", "cohere"),
    ("api.cohere.com", "cohere"),
];

/// `gen_ai.provider.name` of a provider, from its kind and its host. A server that speaks OpenAI's API and is not known by its
/// host counts as `openai`: the attribute names the flavour of the API.
pub(crate) fn provider_name(kind: &str, host: Option<&str>) -> &'static str {
    match kind {
        "openai" => {
            let known = HOSTS.iter().find(|(known, _)| Some(*known) == host);
            known.map_or("openai", |(_, name)| name)
        }
        "azure-openai" => "azure.ai.openai",
        "anthropic" => "anthropic",
        "gemini" => "gcp.gemini",
        _ => OURSELVES,
    }
}

/// `gen_ai.operation.name` of an endpoint.
pub(crate) const fn operation(endpoint: Endpoint) -> &'static str {
    endpoint.operation()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_the_conventions() {
        let seconds = |bounds: &[u64]| {
            bounds
                .iter()
                .map(|micros| crate::histogram::approximate(*micros) / 1e6)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            seconds(&DURATION_BOUNDS),
            [
                0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92
            ]
        );
        assert_eq!(
            seconds(&FIRST_TOKEN_BOUNDS),
            [
                0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0
            ]
        );
        assert!(
            TOKEN_BOUNDS
                .iter()
                .zip(0..)
                .all(|(bound, power)| *bound == 4_u64.pow(power))
        );
    }

    #[test]
    fn providers_have_the_conventions_names() {
        assert_eq!(provider_name("openai", None), "openai");
        assert_eq!(provider_name("openai", Some("api.mistral.ai")), "mistral_ai");
        assert_eq!(provider_name("openai", Some("llm.example.com")), "openai");
        assert_eq!(
            provider_name("azure-openai", Some("x.openai.azure.com")),
            "azure.ai.openai"
        );
        assert_eq!(provider_name("anthropic", None), "anthropic");
        assert_eq!(provider_name("gemini", None), "gcp.gemini");
        assert_eq!(provider_name("local", None), "cultivar");
    }
}
