//! Alerts about spending: sent to the organisation's own address when a threshold of a budget is crossed. Sent once; whoever
//! misses one sees the spending in the usage report.

use bytes::Bytes;
use cultivar_limits::rates::{AlertCrossed, HolderId};
use cultivar_record::{OrganizationId, canonical_json};
use http_body_util::Full;
use hyper::{Method, Request, header::CONTENT_TYPE, header::HeaderValue};
use serde::Serialize;

use crate::Gateway;

/// What is sent.
#[derive(Serialize)]
struct Alert<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    organization: OrganizationId,
    holder: &'a str,
    holder_id: String,
    percent: u8,
    spent_micro_usd: i64,
    budget_micro_usd: i64,
    period: &'static str,
    period_start: String,
}

impl Gateway {
    /// Sends an organisation's alerts, on tasks of their own.
    pub(crate) fn alert(&self, organization: OrganizationId, alerts: Vec<AlertCrossed>) {
        for alert in alerts {
            let Some(url) = self.alert_url(organization) else {
                return;
            };
            let Some(request) = request(&url, organization, &alert) else {
                return;
            };
            let http = std::sync::Arc::clone(&self.alerts);
            self.tasks.spawn(async move {
                // A receiver that is not there misses its alert: nothing of a call depends on it.
                let _ = http.send("alert", request).await;
            });
        }
    }

    fn alert_url(&self, organization: OrganizationId) -> Option<String> {
        let known = self
            .store
            .read(|tx| cultivar_store::tables::organization::get(tx, organization));
        known.ok()?.alert_url
    }
}

fn request(url: &str, organization: OrganizationId, alert: &AlertCrossed) -> Option<Request<Full<Bytes>>> {
    let (holder, holder_id) = match alert.holder {
        HolderId::ApiKey(id) => ("api_key", id.to_string()),
        HolderId::Project(id) => ("project", id.to_string()),
        HolderId::Organization(id) => ("organization", id.to_string()),
    };
    let body = canonical_json(&Alert {
        kind: "budget.threshold_crossed",
        organization,
        holder,
        holder_id,
        percent: alert.percent,
        spent_micro_usd: alert.spent.get(),
        budget_micro_usd: alert.amount.get(),
        period: alert.period.as_str(),
        period_start: alert.period_start.to_string(),
    })
    .ok()?;
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.parse().ok()?;
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(request)
}
