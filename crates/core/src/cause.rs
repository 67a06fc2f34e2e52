//! What failures mean: whether to try again, to wait for someone, or to stop. Decided here and nowhere else.
//!
//! [`Remedy`] says what has to be done. Words that depend on who reads are the shells'.

use std::fmt;

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

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " with {code}")?;
        }
        write!(f, ": {}", self.message)
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
    /// There are no credentials, or none that can be had.
    Credentials,
    /// The key that encrypts the Identity Center instance cannot be used.
    Key,
    Quota,
    Invalid,
    /// The service does not know the operation.
    Unsupported,
}

/// What becomes of a failure. Every cause and every failure reason has one of these.
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
    SignIn,
    AllowKey,
    RaiseQuota,
    CorrectValue,
    CheckEndpoint,
    /// What a creation was for does not exist.
    CorrectTable,
    /// Identity Center may not write IAM roles in the account.
    AllowProvisioning,
    ReopenAccount,
    TryLater,
}

impl Remedy {
    /// Words that fit any reader. A shell says it in its own words if they depend on who reads.
    pub fn in_general(self) -> &'static str {
        match self {
            Remedy::CallLess => {
                "lower MAX_REQUESTS_PER_SECOND, or find out who else calls Identity Center so often"
            }
            Remedy::WaitForOtherChange => "wait until the other change to the same account is done",
            Remedy::WaitForService => "wait for the service to recover",
            Remedy::CorrectName => "correct the name, id or ARN in the table, or create what it names",
            Remedy::AllowAction => "allow this action",
            Remedy::SignIn => "give it credentials",
            Remedy::AllowKey => {
                "allow kms:Decrypt with the KMS key of the Identity Center instance, and check that the key is enabled"
            }
            Remedy::RaiseQuota => "ask for a higher quota, or remove what nobody needs",
            Remedy::CorrectValue => "correct the setting or the row that holds this value",
            Remedy::CheckEndpoint => "check that the endpoint is the service's own",
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
///
/// The texts are AWS's, vary, and can be missing. A reason is final only if it says for certain that trying again is
/// no use. Everything else is tried again, a limited number of times.
pub fn failure_reason(reason: Option<&str>) -> (Retry, Remedy) {
    let reason = reason.unwrap_or_default().to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
    if says(&["404 status error", "not found", "does not exist"]) {
        (Retry::Never, Remedy::CorrectTable)
    } else if says(&["quota", "limit exceeded"]) {
        (Retry::Never, Remedy::RaiseQuota)
    } else if says(&["403 status error", "access denied", "not authorized"]) {
        (Retry::Never, Remedy::AllowProvisioning)
    } else if says(&["suspended", "closed"]) {
        (Retry::Never, Remedy::ReopenAccount)
    } else {
        (Retry::Again, Remedy::TryLater)
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
    fn a_failure_reason_is_final_only_if_trying_again_is_no_use() {
        let cases = [
            (None, Retry::Again),
            (Some(""), Retry::Again),
            (Some("An unexpected internal service exception was encountered"), Retry::Again),
            (Some("The request is waiting for role propagation"), Retry::Again),
            (Some("Provisioning takes longer than usual"), Retry::Again),
            (Some("Something new"), Retry::Again),
            (Some("Received a 404 status error: Not supported for this principal."), Retry::Never),
            (Some("Received a 403 status error: Access denied by IAM. Role is protected"), Retry::Never),
            (Some("Quota exceeded for roles"), Retry::Never),
        ];
        for (reason, retry) in cases {
            assert_eq!(failure_reason(reason).0, retry, "{reason:?}");
        }
    }
}
