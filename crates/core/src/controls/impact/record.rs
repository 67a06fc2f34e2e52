//! One record of CloudTrail: who called what, when, and with what success. Only the fields that decide are read.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// A record as CloudTrail writes it, of version 1.x. What a record does not have is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Record<'r> {
    #[serde(borrow, rename = "eventID")]
    pub event_id: Text<'r>,
    #[serde(borrow)]
    pub event_time: Text<'r>,
    #[serde(borrow)]
    pub event_source: Text<'r>,
    #[serde(borrow)]
    pub event_name: Text<'r>,
    #[serde(borrow)]
    pub event_type: Text<'r>,
    /// `Management`, `Data`, `Insight` or `NetworkActivity`.
    #[serde(borrow)]
    pub event_category: Text<'r>,
    #[serde(borrow)]
    pub aws_region: Text<'r>,
    #[serde(borrow, rename = "sourceIPAddress")]
    pub source_ip_address: Text<'r>,
    #[serde(borrow)]
    pub recipient_account_id: Text<'r>,
    #[serde(borrow)]
    pub error_code: Text<'r>,
    #[serde(borrow)]
    pub user_identity: Option<Identity<'r>>,
    pub tls_details: Has,
    pub additional_event_data: Extra,
    #[serde(borrow)]
    pub resources: Option<Vec<Resource<'r>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Identity<'r> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'r>,
    #[serde(borrow)]
    pub arn: Text<'r>,
    #[serde(borrow)]
    pub account_id: Text<'r>,
    #[serde(borrow)]
    pub invoked_by: Text<'r>,
    #[serde(borrow)]
    pub session_context: Option<Session<'r>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Session<'r> {
    #[serde(borrow)]
    pub session_issuer: Option<Issuer<'r>>,
    /// `true` in a session of centralized root access.
    #[serde(borrow)]
    pub assumed_root: Text<'r>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Issuer<'r> {
    #[serde(borrow)]
    pub arn: Text<'r>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resource<'r> {
    #[serde(borrow, rename = "ARN")]
    pub arn: Text<'r>,
}

/// Who called, as policies of an organization see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller<'r> {
    /// The ARN of the role, the user or the root user; never of a session.
    pub arn: Cow<'r, str>,
    pub account: u64,
    /// Whether it is a session of centralized root access.
    pub is_assumed_root: bool,
}

impl<'r> Record<'r> {
    /// Whether the call had no effect anyway.
    pub fn has_failed(&self) -> bool {
        !self.error_code.is_empty()
    }

    /// Whether it is a call that a policy could deny: not a sign-in, not what a service reports of itself.
    pub fn is_call(&self) -> bool {
        matches!(&*self.event_type, "" | "AwsApiCall" | "AwsConsoleAction")
            && matches!(&*self.event_category, "" | "Management" | "Data")
    }

    /// Returns the account whose log it is in.
    pub fn account(&self) -> Option<u64> {
        let of_caller = || self.user_identity.as_ref().and_then(|identity| account(&identity.account_id));
        account(&self.recipient_account_id).or_else(of_caller)
    }

    /// Returns who called; `None` if no principal of an account did: a service, or somebody without credentials.
    pub fn caller(&self) -> Option<Caller<'_>> {
        let identity = self.user_identity.as_ref()?;
        let session = identity.session_context.as_ref();
        let issuer = session.and_then(|session| session.session_issuer.as_ref());
        let issuer = issuer.map(|issuer| &*issuer.arn).filter(|arn| !arn.is_empty());
        let arn = match &*identity.kind {
            "Root" | "IAMUser" | "Role" => Cow::Borrowed(&*identity.arn),
            "AssumedRole" => issuer.map(Cow::Borrowed).or_else(|| role_of_session(&identity.arn))?,
            "FederatedUser" => Cow::Borrowed(issuer?),
            _ => return None,
        };
        let owner = arn.split(':').nth(4).and_then(account);
        let is_assumed_root =
            session.is_some_and(|session| session.assumed_root.eq_ignore_ascii_case("true"));
        Some(Caller { account: owner.or_else(|| account(&identity.account_id))?, arn, is_assumed_root })
    }

    /// Whether the request came encrypted; `None` if the record does not show it. Only of S3 is it known that a record
    /// without a cipher is of a request without one, and only where a client sent it itself.
    pub fn is_encrypted(&self) -> Option<bool> {
        if self.tls_details.0 || self.additional_event_data.has_cipher {
            return Some(true);
        }
        let by_service = self.user_identity.as_ref().is_some_and(|identity| !identity.invoked_by.is_empty());
        let by_client = self.source_ip_address.parse::<std::net::IpAddr>().is_ok() && !by_service;
        (&*self.event_source == "s3.amazonaws.com" && self.additional_event_data.is_there && by_client)
            .then_some(false)
    }
}

impl Caller<'_> {
    pub fn is_root(&self) -> bool {
        self.arn.ends_with(":root")
    }

    /// Whether no policy of a control applies to it: Control Tower's own role, and roles of services, which service
    /// control policies never restrict.
    pub fn is_beyond_controls(&self) -> bool {
        self.arn.rsplit('/').next() == Some("AWSControlTowerExecution")
            || self.arn.contains(":role/aws-service-role/")
    }
}

/// Returns an account id as a number.
pub fn account(text: &str) -> Option<u64> {
    let is_id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then(|| text.parse().ok()).flatten()
}

/// Returns the ARN of the role of `arn:aws:sts::111122223333:assumed-role/NAME/SESSION`. Its path is not in it.
fn role_of_session(arn: &str) -> Option<Cow<'_, str>> {
    let mut parts = arn.splitn(6, ':');
    let (_, partition, _, _, account, rest) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let name = rest.strip_prefix("assumed-role/")?.split('/').next()?;
    Some(format!("arn:{partition}:iam::{account}:role/{name}").into())
}

/// A text, borrowed from the record where it is written there as it is. `null` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'r>(pub Cow<'r, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'r, 'r> Deserialize<'de> for Text<'r> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'r>, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }

            fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(if value { "true" } else { "false" }.into()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Text<'de>, E> {
                Ok(Text(value.to_string().into()))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// Whether there is something other than `null`.
#[derive(Debug, Default)]
pub struct Has(bool);

impl<'de> Deserialize<'de> for Has {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Has, D::Error> {
        Option::<IgnoredAny>::deserialize(deserializer).map(|there| Has(there.is_some()))
    }
}

/// What a service adds. Most add nothing, and some no object.
#[derive(Debug, Default)]
pub struct Extra {
    is_there: bool,
    has_cipher: bool,
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Extra, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Extra;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra, A::Error> {
                let mut has_cipher = false;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if &*key == "CipherSuite" {
                        has_cipher = map.next_value::<Option<IgnoredAny>>()?.is_some();
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Extra { is_there: true, has_cipher })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Extra, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Extra::default())
            }

            fn visit_unit<E: Error>(self) -> Result<Extra, E> {
                Ok(Extra::default())
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Extra, E> {
                Ok(Extra::default())
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Extra, E> {
                Ok(Extra::default())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Extra, E> {
                Ok(Extra::default())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Extra, E> {
                Ok(Extra::default())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Extra, E> {
                Ok(Extra::default())
            }
        }
        deserializer.deserialize_any(Read)
    }
}
