//! The HTTP client, made when the first provider is called.

use std::{net::IpAddr, sync::OnceLock, time::Duration};

use crate::GatewayError;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a provider may stay silent within an answer.
const READ_TIMEOUT: Duration = Duration::from_mins(5);

/// The connection pools of all providers: a server on this machine is asked directly, any other as the proxy settings of
/// the environment say.
#[derive(Default)]
pub struct HttpClient {
    direct: OnceLock<reqwest::Client>,
    proxied: OnceLock<reqwest::Client>,
}

impl HttpClient {
    /// The client for an address.
    ///
    /// # Errors
    /// `provider_unreachable` where TLS cannot be set up on this machine.
    pub fn get(&self, base_url: &str) -> Result<reqwest::Client, GatewayError> {
        let is_here = is_on_this_machine(base_url);
        let pool = if is_here { &self.direct } else { &self.proxied };
        if let Some(client) = pool.get() {
            return Ok(client.clone());
        }
        // A second installation is refused and harmless: the first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .tcp_nodelay(true)
            // A redirect would take the conversation to a host that nobody registered and no terms bind.
            .redirect(reqwest::redirect::Policy::none());
        let builder = if is_here { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|e| GatewayError::Unreachable {
            provider: "any".to_owned(),
            reason: e.to_string(),
        })?;
        Ok(pool.get_or_init(|| client).clone())
    }
}

fn is_on_this_machine(base_url: &str) -> bool {
    let url = reqwest::Url::parse(base_url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_on_this_machine;

    #[test]
    fn only_loopback_is_this_machine() {
        for here in [
            "http://127.0.0.1:8080/v1",
            "http://localhost/v1",
            "http://[::1]:1/v1",
            "http://127.9.9.9",
        ] {
            assert!(is_on_this_machine(here), "{here}");
        }
        for elsewhere in [
            "https://api.example.com/v1",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "",
            "localhost",
        ] {
            assert!(!is_on_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
