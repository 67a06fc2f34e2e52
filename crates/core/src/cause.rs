//! What failures mean: whether to try again, to wait for someone, or to stop. Decided here and nowhere else.
//!
//! [`Remedy`] says what has to be done. If the words depend on who reads them, the shells have them.

use std::fmt;

use crate::shown::shown;

/// A call to AWS that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Such as `sso:CreateAccountAssignment`.
    pub operation: &'static str,
    pub cause: Cause,
    /// The service's error code, if it answered with one.
    pub code: Option<String>,
    pub message: String,
}

impl std::error::Error for CallError {}

impl CallError {
    /// What has to be done about it.
    pub fn remedy(&self) -> Remedy {
        match (self.operation, self.cause) {
            (operation, Cause::Unsupported) if operation.starts_with("identitystore:") => Remedy::GiveId,
            ("sso:CreateAccountAssignment", Cause::Denied) => Remedy::AllowCreation,
            (_, cause) => cause.remedy(),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " with {}", shown(code))?;
        }
        write!(f, ": {}", shown(&self.message))
    }
}

/// What a failed call means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Refused for now, certainly without an effect.
    Throttled,
    /// An earlier write has not propagated, or another one is under way.
    Conflict,
    /// No clear answer: a cut connection, a timeout, a server error. There may have been an effect.
    Unavailable,
    NotFound,
    Denied,
    /// There are no credentials, or they cannot be loaded.
    Credentials,
    /// The key that encrypts the Identity Center instance cannot be used.
    Key,
    Quota,
    Invalid,
    /// The service does not know the operation.
    Unsupported,
}

/// What happens after a failure. Every cause and every failure reason has one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It passes by itself.
    Again,
    /// A person or another system has to do something first.
    WhenFixed,
    Never,
}

/// What has to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    CallLess,
    WaitForOtherChange,
    WaitForService,
    CorrectName,
    AllowAction,
    /// Facts were read without the right to list names.
    ListNames,
    SignIn,
    AllowKey,
    RaiseQuota,
    CorrectValue,
    CheckEndpoint,
    /// AWS does not know names here, such as with Active Directory as the source of identities.
    GiveId,
    /// It may not create this assignment.
    AllowCreation,
    /// What a creation was for does not exist.
    CorrectTable,
    /// A policy that the permission set names does not exist in the account (yet).
    CreatePolicy,
    /// The principal is not in the directory (yet).
    SynchronizePrincipal,
    /// Identity Center may not write IAM roles in the account.
    AllowProvisioning,
    ReopenAccount,
    TryLater,
}

impl Remedy {
    /// Returns words that fit any reader. If they depend on who reads, a shell has words of its own.
    pub fn in_general(self) -> &'static str {
        match self {
            Remedy::CallLess => {
                "lower MAX_REQUESTS_PER_SECOND, or find out who else calls Identity Center so often"
            }
            Remedy::WaitForOtherChange => "wait until the other change to the same account is done",
            Remedy::WaitForService => "wait for the service to recover",
            Remedy::CorrectName => "correct the name, id or ARN in the table, or create what it names",
            Remedy::AllowAction => "allow this action",
            Remedy::ListNames => {
                "take the snapshot again with an identity that may list groups and users (identitystore:ListGroups, \
                 ListUsers)"
            }
            Remedy::SignIn => "give it credentials",
            Remedy::AllowKey => {
                "allow kms:Decrypt with the KMS key of the Identity Center instance, and check that the key is enabled"
            }
            Remedy::RaiseQuota => "ask for a higher quota, or remove what nobody needs",
            Remedy::CorrectValue => "correct the setting or the row that holds this value",
            Remedy::CheckEndpoint => "check that the endpoint is the service's own",
            Remedy::GiveId => {
                "AWS cannot look up names here, as with Active Directory as the identity source: give the id of the \
                 group or user in the table"
            }
            Remedy::AllowCreation => {
                "allow sso:CreateAccountAssignment; a delegated administrator can never assign a permission set that is \
                 provisioned in the management account"
            }
            Remedy::CreatePolicy => {
                "create the customer managed policy that the permission set names in the account, or take it out of \
                 the permission set"
            }
            Remedy::SynchronizePrincipal => {
                "wait until the group or user is synchronized to the directory, or correct the table"
            }
            Remedy::CorrectTable => {
                "the account, the principal or the permission set does not exist (any more): correct the table, or \
                 create what it names"
            }
            Remedy::AllowProvisioning => {
                "Identity Center may not write IAM roles in the account: look for a service control policy that \
                 denies it, and for a change to the role AWSServiceRoleForSSO there"
            }
            Remedy::ReopenAccount => "reopen the account, or take it out of the table",
            Remedy::TryLater => {
                "try again later; if it fails for hours, open a support case with the request id"
            }
        }
    }
}

/// How a shell says a remedy to its reader.
pub type Words = fn(Remedy) -> &'static str;

impl Cause {
    pub fn retry(self) -> Retry {
        match self {
            Cause::Throttled | Cause::Conflict | Cause::Unavailable => Retry::Again,
            Cause::NotFound => Retry::WhenFixed,
            Cause::Denied
            | Cause::Credentials
            | Cause::Key
            | Cause::Quota
            | Cause::Invalid
            | Cause::Unsupported => Retry::Never,
        }
    }

    /// Whether it may be about the one thing that was asked for. Otherwise every call of its kind fails like it.
    pub fn may_concern_one(self) -> bool {
        match self {
            Cause::NotFound
            | Cause::Unavailable
            | Cause::Throttled
            | Cause::Conflict
            | Cause::Quota
            | Cause::Invalid => true,
            Cause::Denied | Cause::Credentials | Cause::Key | Cause::Unsupported => false,
        }
    }

    pub fn remedy(self) -> Remedy {
        match self {
            Cause::Throttled => Remedy::CallLess,
            Cause::Conflict => Remedy::WaitForOtherChange,
            Cause::Unavailable => Remedy::WaitForService,
            Cause::NotFound => Remedy::CorrectName,
            Cause::Denied => Remedy::AllowAction,
            Cause::Credentials => Remedy::SignIn,
            Cause::Key => Remedy::AllowKey,
            Cause::Quota => Remedy::RaiseQuota,
            Cause::Invalid => Remedy::CorrectValue,
            Cause::Unsupported => Remedy::CheckEndpoint,
        }
    }
}

/// What the reason of a creation that ended FAILED means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// It passes. Tried again, a limited number of times.
    Passing,
    /// It passes when something arrives, minutes later. Tried again until the deadline.
    Arriving(Remedy),
    /// Trying again is useless.
    Final(Remedy),
}

impl FailureReason {
    /// Returns what a reason means. The texts are AWS's, vary, and can be missing. A reason is final only if it says
    /// for certain that trying again is useless. What is known to pass is looked for first, because such texts also
    /// name a status.
    pub fn of(reason: Option<&str>) -> FailureReason {
        const PASSING: &[&str] = &[
            "propagat",
            "rate limit",
            "rate exceeded",
            "throttl",
            "too many requests",
            "connection",
            "timed out",
            "timeout",
            "not found yet",
            "try again",
            "temporarily",
        ];
        let reason = reason.unwrap_or_default().to_ascii_lowercase();
        let says = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
        let missing = says(&["404 status error", "not found", "does not exist", "not supported policy"]);
        if says(PASSING) {
            FailureReason::Passing
        } else if says(&["not found in directory"]) {
            FailureReason::Arriving(Remedy::SynchronizePrincipal)
        } else if missing && says(&["policy"]) {
            FailureReason::Arriving(Remedy::CreatePolicy)
        } else if missing {
            FailureReason::Final(Remedy::CorrectTable)
        } else if says(&["quota", "limit exceeded"]) {
            FailureReason::Final(Remedy::RaiseQuota)
        } else if says(&["403 status error", "access denied", "not authorized"]) {
            FailureReason::Final(Remedy::AllowProvisioning)
        } else if says(&["suspended", "closed"]) {
            FailureReason::Final(Remedy::ReopenAccount)
        } else {
            FailureReason::Passing
        }
    }

    pub fn remedy(self) -> Remedy {
        match self {
            FailureReason::Passing => Remedy::TryLater,
            FailureReason::Arriving(remedy) | FailureReason::Final(remedy) => remedy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_says_what_becomes_of_it_and_what_has_to_be_done() {
        let cases = [
            (Cause::Throttled, Retry::Again, Remedy::CallLess),
            (Cause::Conflict, Retry::Again, Remedy::WaitForOtherChange),
            (Cause::Unavailable, Retry::Again, Remedy::WaitForService),
            (Cause::NotFound, Retry::WhenFixed, Remedy::CorrectName),
            (Cause::Key, Retry::Never, Remedy::AllowKey),
            (Cause::Denied, Retry::Never, Remedy::AllowAction),
            (Cause::Credentials, Retry::Never, Remedy::SignIn),
            (Cause::Quota, Retry::Never, Remedy::RaiseQuota),
            (Cause::Invalid, Retry::Never, Remedy::CorrectValue),
            (Cause::Unsupported, Retry::Never, Remedy::CheckEndpoint),
        ];
        for (cause, retry, remedy) in cases {
            assert_eq!((cause.retry(), cause.remedy()), (retry, remedy), "{cause:?}");
        }
    }

    #[test]
    fn a_failed_call_is_named_with_its_operation_and_code() {
        let error = CallError {
            operation: "DescribeAccount",
            cause: Cause::Denied,
            code: Some("AccessDeniedException".into()),
            message: "no".into(),
        };
        assert_eq!(error.to_string(), "DescribeAccount failed with AccessDeniedException: no");
        assert_eq!(CallError { code: None, ..error }.to_string(), "DescribeAccount failed: no");
    }

    #[test]
    fn a_failure_reason_is_final_only_if_trying_again_is_useless() {
        use FailureReason::*;
        let cases = [
            (None, Passing),
            (Some(""), Passing),
            (Some("An unexpected internal service exception was encountered"), Passing),
            (Some("The request is waiting for role propagation"), Passing),
            (Some("Received a 403 status error: Access denied. Please wait for role propagation"), Passing),
            (Some("Received a 404 status error: the role was not found yet"), Passing),
            (Some("Rate limit exceeded"), Passing),
            (Some("Connection closed"), Passing),
            (Some("Provisioning takes longer than usual"), Passing),
            (Some("Something new"), Passing),
            (
                Some(
                    "Received a 404 status error: Not supported policy arn:aws:iam::111122223333:policy/Own",
                ),
                Arriving(Remedy::CreatePolicy),
            ),
            (
                Some("Received a 404 status error: Policy arn:aws:iam::1:policy/Own does not exist"),
                Arriving(Remedy::CreatePolicy),
            ),
            (
                Some("Received a 404 status error: Group 1234 was not found in directory"),
                Arriving(Remedy::SynchronizePrincipal),
            ),
            (
                Some("Received a 404 status error: Not supported for this principal."),
                Final(Remedy::CorrectTable),
            ),
            (
                Some("Received a 403 status error: Access denied by IAM. Role is protected"),
                Final(Remedy::AllowProvisioning),
            ),
            (Some("Quota exceeded for roles"), Final(Remedy::RaiseQuota)),
            (Some("The account is suspended"), Final(Remedy::ReopenAccount)),
        ];
        for (reason, expected) in cases {
            assert_eq!(FailureReason::of(reason), expected, "{reason:?}");
        }
    }

    #[test]
    fn the_operation_decides_where_the_cause_alone_would_send_people_wrong() {
        let remedy =
            |operation, cause| CallError { operation, cause, code: None, message: String::new() }.remedy();
        assert_eq!(remedy("identitystore:GetGroupId", Cause::Unsupported), Remedy::GiveId);
        assert_eq!(remedy("sso:ListInstances", Cause::Unsupported), Remedy::CheckEndpoint);
        assert_eq!(remedy("sso:CreateAccountAssignment", Cause::Denied), Remedy::AllowCreation);
        assert_eq!(remedy("sso:ListInstances", Cause::Denied), Remedy::AllowAction);
    }
}
