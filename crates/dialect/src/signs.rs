//! What a refusal means for the gateway: whether it may ask again, whether it may ask somebody else, and whether an operator has to
//! know at once. The signs are data ([`LINES`]); `tests/fixtures/signs.jsonl` holds one refusal, as a provider sends it, per line.
//!
//! A message may quote the prompt, so no word in it is believed by itself: a line asks for the status and for a type or code that a
//! prompt cannot influence. Where a provider tells a standing in nothing but words, the message must *begin* with the provider's own
//! sentence, under the status and type that it comes with.

use Says::{Begins, Whole};

use super::refusal::{FLAGGED, Refusal};

/// What a refusal means.
///
/// | sign | ask the same provider again | ask another | tell the operator at once |
/// |---|---|---|---|
/// | `Standing` | no | never | yes |
/// | `Policy` | no | never | no |
/// | `RateLimited` | after the wait | yes | no |
/// | `Quota` | no | yes | yes |
/// | `Invalid` | no | no | no |
/// | `NotFound` | no | yes | no |
/// | `Overloaded` | after a pause | yes | no |
/// | `Unavailable` | after a pause | yes | no |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Our own account, key or place is not accepted. Asking again makes it worse, and asking somebody else would go around a
    /// decision that was made about us.
    Standing {
        /// Which of them.
        what: StandingSign,
    },
    /// The provider's policy forbids this prompt or its answer. Asking somebody else would shop around for a laxer one. One such
    /// refusal is everyday; many of one caller are a matter for casework, which counts them.
    Policy,
    /// Too many requests or tokens for now.
    RateLimited {
        /// How long the provider asks to wait, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The money or the quota is used up: nothing comes of asking again until somebody pays, and others may be asked.
    Quota,
    /// The request is wrong, or nothing else is known: asking again or elsewhere would give no other answer.
    Invalid,
    /// This provider does not have the model, or not for us; another may.
    NotFound,
    /// The provider has too much to do.
    Overloaded,
    /// The provider failed, or did not answer in time.
    Unavailable,
}

/// What of ours is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingSign {
    /// The account, organisation or project is disabled, suspended or terminated.
    AccountDisabled,
    /// The key is wrong, expired, revoked or was leaked.
    KeyRefused,
    /// The key may not do this.
    PermissionDenied,
    /// The provider does not serve the place from which we ask.
    RegionRefused,
}

impl StandingSign {
    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountDisabled => "account_disabled",
            Self::KeyRefused => "key_refused",
            Self::PermissionDenied => "permission_denied",
            Self::RegionRefused => "region_refused",
        }
    }
}

impl Sign {
    /// Reads the sign of a refusal.
    pub fn read(refusal: &Refusal) -> Self {
        match LINES.iter().find(|line| line.fits(refusal)) {
            Some(line) => line.sign,
            None => Self::of_status(refusal),
        }
    }

    /// Where no line fits, the status alone decides, and it never tells a standing but for 401, which is about the credential by its
    /// definition (RFC 9110, section 15.5.2). A bare 403 may be a firewall, a policy or a standing: nothing is asked again.
    fn of_status(refusal: &Refusal) -> Self {
        match refusal.status {
            401 => KEY,
            402 => Self::Quota,
            // A redirect leads to a host that nobody registered: this is not where the model is.
            300..400 | 404 => Self::NotFound,
            429 => Self::RateLimited {
                retry_after_ms: refusal.retry_after_ms,
            },
            529 => Self::Overloaded,
            // The official clients ask again after these two as after those of 500 and more.
            408 | 409 => Self::Unavailable,
            400..500 => Self::Invalid,
            _ => Self::Unavailable,
        }
    }

    /// Whether the same provider may be asked again, after the wait that it asked for or a pause.
    pub fn may_ask_again(self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Overloaded | Self::Unavailable)
    }

    /// Whether another permitted provider may be asked.
    pub fn may_fall_back(self) -> bool {
        !matches!(self, Self::Standing { .. } | Self::Policy | Self::Invalid)
    }

    /// Whether an incident is opened and the provider left alone until somebody has looked.
    pub fn opens_incident(self) -> bool {
        matches!(self, Self::Standing { .. } | Self::Quota)
    }
}

/// A line of the table. The first that fits decides.
struct Line {
    /// The statuses under which it is believed; none: any.
    statuses: &'static [u16],
    /// The provider's type, code or inner code, one of which must be among these; none: any.
    words: &'static [&'static str],
    /// What the message must say, in lower case.
    says: Option<Says>,
    sign: Sign,
}

/// How a sentence of the provider's stands in its message. "Somewhere" is none of them: there the prompt may be quoted.
#[derive(Clone, Copy)]
enum Says {
    /// It is the whole message.
    Whole(&'static str),
    /// The message begins with it.
    Begins(&'static str),
}

impl Says {
    fn fits(self, message: &str) -> bool {
        let message = message.trim();
        match self {
            Self::Whole(sentence) => message.eq_ignore_ascii_case(sentence),
            Self::Begins(sentence) => {
                let head = message.get(..sentence.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(sentence))
            }
        }
    }
}

impl Line {
    fn fits(&self, refusal: &Refusal) -> bool {
        let words = [&refusal.kind, &refusal.code, &refusal.inner_code];
        let is_of_status = self.statuses.is_empty() || self.statuses.contains(&refusal.status);
        let has_word = self.words.is_empty() || self.words.iter().any(|word| words.iter().any(|given| given == word));
        is_of_status && has_word && self.says.is_none_or(|says| says.fits(&refusal.message))
    }
}

const DISABLED: Sign = Sign::Standing {
    what: StandingSign::AccountDisabled,
};
const KEY: Sign = Sign::Standing {
    what: StandingSign::KeyRefused,
};
const DENIED: Sign = Sign::Standing {
    what: StandingSign::PermissionDenied,
};
const REGION: Sign = Sign::Standing {
    what: StandingSign::RegionRefused,
};

/// A line that needs a word of the provider's.
const fn word(statuses: &'static [u16], words: &'static [&'static str], sign: Sign) -> Line {
    Line {
        statuses,
        words,
        says: None,
        sign,
    }
}

/// A line that needs a word of the provider's and a sentence of it.
const fn sentence(statuses: &'static [u16], words: &'static [&'static str], says: Says, sign: Sign) -> Line {
    Line {
        statuses,
        words,
        says: Some(says),
        sign,
    }
}

const INVALID_REQUEST: &[&str] = &["invalid_request_error"];
/// Under which statuses providers speak of accounts.
const OF_ACCOUNTS: &[u16] = &[400, 401, 402, 403, 429];

/// The signs, in the order in which they are looked for.
const LINES: &[Line] = &[
    // The policy of the provider.
    word(
        &[400],
        &["content_filter", "ResponsibleAIPolicyViolation"],
        Sign::Policy,
    ),
    word(&[400], &["invalid_prompt"], Sign::Policy),
    word(
        &[400],
        &["content_policy_violation", "moderation_blocked"],
        Sign::Policy,
    ),
    word(&[400, 403], &["bio_policy", "cyber_policy"], Sign::Policy),
    word(&[403], &[FLAGGED], Sign::Policy),
    word(&[400], &["data_inspection_failed"], Sign::Policy),
    sentence(
        &[400],
        INVALID_REQUEST,
        Begins("output blocked by content filtering policy"),
        Sign::Policy,
    ),
    sentence(&[400], INVALID_REQUEST, Whole("content exists risk"), Sign::Policy),
    // Our account.
    word(OF_ACCOUNTS, &["account_deactivated"], DISABLED),
    word(OF_ACCOUNTS, &["access_terminated"], DISABLED),
    word(OF_ACCOUNTS, &["organization_restricted"], DISABLED),
    word(&[403], &["CONSUMER_SUSPENDED"], DISABLED),
    sentence(
        &[400, 401, 403],
        ANTHROPIC,
        Whole("this organization has been disabled."),
        DISABLED,
    ),
    sentence(&[400, 403], INVALID_REQUEST, Whole(GROQ_RESTRICTED), DISABLED),
    sentence(&[403], &["PERMISSION_DENIED"], Begins(GOOGLE_DISABLED), DISABLED),
    sentence(
        &[401],
        &[],
        Begins("your openai account has been deactivated"),
        DISABLED,
    ),
    sentence(
        &[401],
        &[],
        Begins("the openai account associated with this api key has been deactivated"),
        DISABLED,
    ),
    sentence(
        &[401],
        &[],
        Begins("this key is associated with a deactivated account"),
        DISABLED,
    ),
    // The place.
    word(&[403], &["unsupported_country_region_territory"], REGION),
    sentence(
        &[400],
        &["FAILED_PRECONDITION"],
        Whole("user location is not supported for the api use."),
        REGION,
    ),
    // The money.
    word(OF_ACCOUNTS, &["insufficient_quota"], Sign::Quota),
    word(
        OF_ACCOUNTS,
        &["billing_not_active", "billing_hard_limit_reached"],
        Sign::Quota,
    ),
    word(OF_ACCOUNTS, &["billing_error"], Sign::Quota),
    sentence(
        &[400],
        INVALID_REQUEST,
        Begins("your credit balance is too low"),
        Sign::Quota,
    ),
    sentence(
        &[400],
        INVALID_REQUEST,
        Begins("you have reached your specified api usage limits"),
        Sign::Quota,
    ),
    // The model.
    word(&[], &["model_not_found", "DeploymentNotFound"], Sign::NotFound),
    // The key.
    word(&[400, 401, 403], &["invalid_api_key", "authentication_error"], KEY),
    word(&[400, 401], &["API_KEY_INVALID"], KEY),
    sentence(
        &[400],
        &["INVALID_ARGUMENT"],
        Whole("api key not valid. please pass a valid api key."),
        KEY,
    ),
    sentence(
        &[400],
        &["INVALID_ARGUMENT"],
        Whole("api key expired. please renew the api key."),
        KEY,
    ),
    sentence(
        &[403],
        &["PERMISSION_DENIED"],
        Begins("your api key was reported as leaked"),
        KEY,
    ),
    // What it may do.
    word(
        &[401, 403],
        &["permission_error", "forbidden", "PERMISSION_DENIED"],
        DENIED,
    ),
    word(&[401, 403], &["missing_scope", "ip_not_authorized"], DENIED),
    // The load.
    word(
        &[],
        &["overloaded_error", "engine_overloaded_error", "slow_down"],
        Sign::Overloaded,
    ),
    word(&[503], &["UNAVAILABLE"], Sign::Overloaded),
];

/// The types under which Anthropic speaks of organisations: 400 `invalid_request_error`, easily taken for a bad request.
const ANTHROPIC: &[&str] = &["invalid_request_error", "authentication_error", "permission_error"];
const GROQ_RESTRICTED: &str =
    "organization has been restricted. please reach out to support if you believe this was in error.";
const GOOGLE_DISABLED: &str = "this service has been disabled in this account for violation of terms of service";

#[cfg(test)]
mod tests;
