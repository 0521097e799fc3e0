//! API keys: credentials, each for one purpose.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize, de::Error as _};

use crate::{ApiKeyId, Limit, Market, OrganizationId, ProjectId, RecordError, Timestamp};

/// What a key was issued for. A purpose is declared when the key is made and cannot be changed by a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Answer people.
    Serve,
    /// Collect answers for a dataset.
    Collect,
    /// Score models against each other.
    Evaluate,
    /// Run the service: organisations, keys, providers. No model is asked with such a key.
    Administer,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Serve, Self::Collect, Self::Evaluate, Self::Administer];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Collect => "collect",
            Self::Evaluate => "evaluate",
            Self::Administer => "administer",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.as_str() == text);
        found.ok_or_else(|| {
            RecordError::malformed(
                "purpose",
                text,
                "no such purpose",
                "serve, collect, evaluate or administer",
            )
        })
    }
}

/// A range of addresses in CIDR notation (RFC 4632, RFC 4291), or one address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpRange {
    address: IpAddr,
    bits: u8,
}

impl IpRange {
    /// Whether an address lies in the range. An IPv4 address that came over IPv6 is taken as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Debug for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for IpRange {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            |reason: &str| RecordError::malformed("range of addresses", text, reason, "10.1.0.0/16, 2001:db8::/32");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| wrong("it is no IP address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= most)
                .ok_or_else(|| wrong("the prefix is too long"))?,
        };
        Ok(Self { address, bits })
    }
}

impl Serialize for IpRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A credential. The key itself is shown once and never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// A name for people.
    pub name: String,
    /// The visible beginning of the key.
    pub prefix: String,
    /// What it may be used for.
    pub purpose: Purpose,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The project that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// The market from which it asks; the project's or the organisation's where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// The models that may be asked with it; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Until when it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The addresses from which it is served; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<IpRange>,
    /// What may be used with it.
    #[serde(default, skip_serializing_if = "Limit::is_none")]
    pub limit: Limit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let holds = |range: &str, address: &str| range.parse::<IpRange>().unwrap().contains(address.parse().unwrap());
        assert!(holds("10.1.0.0/16", "10.1.255.255"));
        assert!(!holds("10.1.0.0/16", "10.2.0.0"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(holds("10.1.2.3", "::ffff:10.1.2.3"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(!holds("0.0.0.0/0", "::1"));
        for bad in ["", "10.1.0.0/33", "x/8", "10.1.0.0/-1", "::/129"] {
            assert!(bad.parse::<IpRange>().is_err(), "{bad}");
        }
    }
}
