//! The pages act for the person at this machine, so only this machine's browser, on this machine's names, may use them.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Refuses a page to a request whose `Host` is no loopback name (DNS rebinding) or whose `Origin` is another site.
pub(crate) async fn only_from_here(request: Request, next: Next) -> Response {
    if is_from_here(request.headers()) {
        next.run(request).await
    } else {
        (
            StatusCode::FORBIDDEN,
            "the pages are served to this machine only, as http://127.0.0.1 or http://localhost\n",
        )
            .into_response()
    }
}

pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST);
    let origin = text(header::ORIGIN);
    host.is_some_and(is_loopback)
        && origin.is_none_or(|origin| Some(origin) == host.map(|h| format!("http://{h}")).as_deref())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_rebound_name_and_another_site_are_refused() {
        assert!(is_from_here(&headers("127.0.0.1:8080", None)));
        assert!(is_from_here(&headers("localhost:8080", Some("http://localhost:8080"))));
        assert!(!is_from_here(&headers("evil.example:8080", None)));
        assert!(!is_from_here(&headers("127.0.0.1:8080", Some("http://evil.example"))));
        assert!(!is_from_here(&HeaderMap::new()));
    }
}
