//! Refusals of the admin API: the shape is that of the model API.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use cultivar_attest::AttestError;
use cultivar_gateway::GatewayError;
use cultivar_governance::GovernanceError;
use cultivar_store::StoreError;
use miette::Diagnostic;
use serde::Serialize;
use serde_json::json;
use utoipa::{IntoResponses, ToSchema};

use crate::respond;

/// Why a request was not done.
#[derive(Debug)]
pub(super) struct Refusal(Box<Response>);

impl Refusal {
    /// A value that does not fit.
    pub(super) fn invalid(message: &str, param: Option<&str>) -> Self {
        Self::told(StatusCode::BAD_REQUEST, "invalid_request", message, param)
    }

    pub(super) fn told(status: StatusCode, code: &str, message: &str, param: Option<&str>) -> Self {
        let error = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": code });
        Self((status, Json(json!({ "error": error }))).into_response().into())
    }
}

impl From<Response> for Refusal {
    fn from(response: Response) -> Self {
        Self(response.into())
    }
}

impl From<GatewayError> for Refusal {
    fn from(error: GatewayError) -> Self {
        match error {
            // Its advice is for callers of models.
            GatewayError::InvalidRequest { message, param } => Self::invalid(&message, param.as_deref()),
            error => respond::refuse(&error).into(),
        }
    }
}

impl From<GovernanceError> for Refusal {
    fn from(error: GovernanceError) -> Self {
        let status = match &error {
            GovernanceError::Gateway(_) => None,
            GovernanceError::KeyTaken { .. } => Some(StatusCode::CONFLICT),
            GovernanceError::Attest(AttestError::KeyUnreadable { .. } | AttestError::ForeignStatement { .. }) => {
                Some(StatusCode::BAD_REQUEST)
            }
            GovernanceError::Attest(AttestError::Record(_) | AttestError::ChecklistUnreadable { .. }) => {
                Some(StatusCode::INTERNAL_SERVER_ERROR)
            }
            // What people signed does not count: nothing is opened on doubt.
            GovernanceError::Attest(_) => Some(StatusCode::FORBIDDEN),
            _ => Some(StatusCode::BAD_REQUEST),
        };
        match (error, status) {
            (GovernanceError::Gateway(error), _) => error.into(),
            (error, status) => {
                let help = error.help().map(|help| format!("; {help}")).unwrap_or_default();
                let code = error.code().map(|code| code.to_string()).unwrap_or_default();
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::told(status, &code, &format!("{error}{help}"), None)
            }
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        GatewayError::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
pub(super) struct Error {
    /// In words, with what to do about it.
    message: String,
    /// The class of error, as OpenAI's API names it.
    #[serde(rename = "type")]
    kind: String,
    /// The field, where one is to blame.
    param: Option<String>,
    /// The stable code.
    code: String,
}

/// An error.
#[derive(Serialize, ToSchema)]
pub(super) struct Refused {
    error: Error,
}

/// The refusals that every operation knows.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes responses; none is made from it")]
pub(super) enum Refusals {
    /// A parameter does not fit; the error names it.
    #[response(status = 400)]
    Invalid(Refused),
    /// The key is missing, unknown, revoked or expired.
    #[response(status = 401)]
    NoKey(Refused),
    /// The key was issued for another purpose than `administer`.
    #[response(status = 403)]
    WrongPurpose(Refused),
    /// The records cannot be read or written now.
    #[response(status = 503)]
    Unavailable(Refused),
}

/// The refusals of operations that name something.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes responses; none is made from it")]
pub(super) enum NoSuch {
    /// What is named does not exist.
    #[response(status = 404)]
    Missing(Refused),
}

/// The refusals of operations with a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes responses; none is made from it")]
pub(super) enum BadBody {
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(Refused),
    /// The body is no JSON by its content type.
    #[response(status = 415)]
    NoJson(Refused),
}

/// The refusal of a name that is taken.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes responses; none is made from it")]
pub(super) enum Taken {
    /// Something of this name exists already.
    #[response(status = 409)]
    Exists(Refused),
}
