//! The HTTP client, made when the first provider is called.

use std::{sync::OnceLock, time::Duration};

use crate::GatewayError;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a provider may stay silent within an answer.
const READ_TIMEOUT: Duration = Duration::from_mins(5);

/// One connection pool for all providers.
#[derive(Default)]
pub struct HttpClient {
    client: OnceLock<reqwest::Client>,
}

impl HttpClient {
    /// The client.
    ///
    /// # Errors
    /// `provider_unreachable` where TLS cannot be set up on this machine.
    pub fn get(&self) -> Result<reqwest::Client, GatewayError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        // A second installation is refused and harmless: the first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .tcp_nodelay(true)
            // A redirect would take the conversation to a host that nobody registered and no terms bind.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| GatewayError::Unreachable {
                provider: "any".to_owned(),
                reason: e.to_string(),
            })?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}
