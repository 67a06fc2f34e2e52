//! What failures mean: whether to try again, to wait for someone, or to stop. Decided here and nowhere else.

use std::fmt;

/// A call to AWS that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    pub operation: &'static str,
    pub cause: Cause,
    /// The service's error code, where it answered with one.
    pub code: Option<String>,
    pub message: String,
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
    /// The key that encrypts the Identity Center instance cannot be used.
    Key,
    Quota,
    Invalid,
    /// The service does not know the operation.
    Unsupported,
}

/// What becomes of a failure. Every cause and every failure reason has one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    TryAgain,
    /// A person or another system has to do something first.
    WaitForSomeone,
    Final,
}

impl Cause {
    pub fn kind(self) -> Kind {
        match self {
            Cause::Throttled | Cause::Conflict | Cause::Unavailable => Kind::TryAgain,
            Cause::NotFound => Kind::WaitForSomeone,
            Cause::Denied | Cause::Key | Cause::Quota | Cause::Invalid | Cause::Unsupported => Kind::Final,
        }
    }

    /// What a person can do.
    pub fn remedy(self) -> &'static str {
        match self {
            Cause::Throttled => {
                "lower MAX_REQUESTS_PER_SECOND, or find out who else calls Identity Center so often"
            }
            Cause::Conflict => "wait until the other change to the same account is done, then invoke again",
            Cause::Unavailable => "wait for the service to recover, then invoke again",
            Cause::NotFound => "correct the name, id or ARN in the table, or create what it names",
            Cause::Denied => "give the function's role this action; template.yaml lists what it needs",
            Cause::Key => {
                "let the function's role use the KMS key of the Identity Center instance (kms:Decrypt), and see \
                 that the key is enabled"
            }
            Cause::Quota => "ask for a higher quota, or remove assignments that nobody needs",
            Cause::Invalid => "correct the setting or the row that holds this value",
            Cause::Unsupported => "see that the endpoint is the service's own",
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " with {code}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What the reason of a creation that ended FAILED means.
///
/// The texts are AWS's, vary, and can be missing. What says for certain that trying again is no use is final;
/// everything else is tried again, a limited number of times.
pub fn failure_reason(reason: Option<&str>) -> (Kind, &'static str) {
    let reason = reason.unwrap_or_default().to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
    if says(&["404 status error", "not found", "does not exist"]) {
        (
            Kind::Final,
            "the account, the principal or the permission set does not exist (any more): correct the table, or \
             create what it names",
        )
    } else if says(&["quota", "limit exceeded"]) {
        (Kind::Final, "ask for a higher quota, or remove what nobody needs")
    } else if says(&["403 status error", "access denied", "not authorized"]) {
        (
            Kind::Final,
            "Identity Center may not write IAM roles in the account: look for a service control policy that \
             denies it, and for a change to the role AWSServiceRoleForSSO there",
        )
    } else if says(&["suspended", "closed"]) {
        (Kind::Final, "reopen the account, or take it out of the table")
    } else {
        (Kind::TryAgain, "invoke again later; if it fails for hours, open a support case with the request id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_says_what_becomes_of_it_and_what_a_person_can_do() {
        let cases = [
            (Cause::Throttled, Kind::TryAgain, "MAX_REQUESTS_PER_SECOND"),
            (Cause::Conflict, Kind::TryAgain, "other change"),
            (Cause::Unavailable, Kind::TryAgain, "recover"),
            (Cause::NotFound, Kind::WaitForSomeone, "in the table"),
            (Cause::Key, Kind::Final, "kms:Decrypt"),
            (Cause::Denied, Kind::Final, "role"),
            (Cause::Quota, Kind::Final, "higher quota"),
            (Cause::Invalid, Kind::Final, "setting or the row"),
            (Cause::Unsupported, Kind::Final, "endpoint"),
        ];
        for (cause, kind, remedy) in cases {
            assert_eq!(cause.kind(), kind, "{cause:?}");
            assert!(cause.remedy().contains(remedy), "{cause:?}: {}", cause.remedy());
        }
    }

    #[test]
    fn a_failed_call_is_told_with_its_operation_and_code() {
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
    fn a_failure_reason_is_final_only_where_trying_again_is_no_use() {
        let cases = [
            (None, Kind::TryAgain),
            (Some(""), Kind::TryAgain),
            (Some("An unexpected internal service exception was encountered"), Kind::TryAgain),
            (Some("The request is waiting for role propagation"), Kind::TryAgain),
            (Some("Provisioning takes longer than usual"), Kind::TryAgain),
            (Some("Something new"), Kind::TryAgain),
            (Some("Received a 404 status error: Not supported for this principal."), Kind::Final),
            (Some("Received a 403 status error: Access denied by IAM. Role is protected"), Kind::Final),
            (Some("Quota exceeded for roles"), Kind::Final),
        ];
        for (reason, kind) in cases {
            assert_eq!(failure_reason(reason).0, kind, "{reason:?}");
        }
    }
}
