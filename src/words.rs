//! What the function says to its reader, who is paged: remedies in terms of the function's role and settings, and the
//! message of an error.

use assigner_core::cause::{Remedy, Retry};
use assigner_engine::error::Error;

/// Returns what a person can do.
pub fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::WaitForOtherChange => {
            "wait until the other change to the same account is done, then invoke again"
        }
        Remedy::WaitForService => "wait for the service to recover, then invoke again",
        Remedy::AllowAction => {
            "give the function's role this action; template.yaml lists what it needs, and in a delegated administrator's \
             account needs the parameter ManagementAccountId"
        }
        Remedy::AllowCreation => {
            "give the function's role sso:CreateAccountAssignment, as template.yaml does; a delegated administrator can \
             never assign a permission set that is provisioned in the management account"
        }
        Remedy::SignIn => "give the function a role, or the credentials that it runs with",
        Remedy::AllowKey => {
            "give the stack the KMS key of the Identity Center instance by its parameter IdentityCenterKmsKeyArn, which \
             allows kms:Decrypt, and check that the key is enabled and that its own policy lets the function's role use it"
        }
        Remedy::TryLater => {
            "invoke again later; if it fails for hours, open a support case with the request id"
        }
        other => other.in_general(),
    }
}

/// Returns the message of an error: one plain sentence, and what follows from it.
pub fn message(error: &Error) -> String {
    const AGAIN: &str = "; the invocation fails so that it is tried again";
    match error {
        Error::Call(call) if call.cause.retry() == Retry::Again => format!("{error}{AGAIN}"),
        Error::Call(call) => format!("{error}: {}", remedy(call.remedy())),
        Error::AccountNotReady(_) | Error::Late { .. } => format!("{error}{AGAIN}"),
        // Queues and people find the whole result after the sentence.
        Error::AssignmentsIncomplete(report) => format!("{error}\n{}", report.to_json()),
        Error::InvalidEvent(_)
        | Error::InvalidTable { .. }
        | Error::InvalidConfig(_)
        | Error::ControlsIncomplete(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use assigner_core::cause::{CallError, Cause};

    use super::*;

    fn failed(cause: Cause) -> Error {
        let (code, message) = (None, "no".into());
        Error::Call(CallError { operation: "sso:ListInstances", cause, code, message })
    }

    #[test]
    fn a_failed_call_says_that_it_is_tried_again_or_what_a_person_can_do() {
        let cases = [
            (Cause::Throttled, "ServiceUnavailable", "tried again"),
            (Cause::Unavailable, "ServiceUnavailable", "tried again"),
            (Cause::Denied, "InvalidConfig", "the function's role this action"),
            (Cause::Credentials, "InvalidConfig", "a role"),
            (Cause::Key, "InvalidConfig", "kms:Decrypt"),
            (Cause::NotFound, "InvalidConfig", "in the table"),
        ];
        for (cause, name, said) in cases {
            let error = failed(cause);
            assert_eq!(error.name(), name, "{cause:?}");
            let message = message(&error);
            assert!(message.starts_with("sso:ListInstances failed: no"), "{message}");
            assert!(message.contains(said), "{cause:?}: {message}");
        }
    }

    #[test]
    fn a_call_stays_the_source_of_the_error_that_it_causes() {
        let error = failed(Cause::Denied);
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<CallError>());
        assert_eq!(source.map(|call| call.cause), Some(Cause::Denied));
        assert_eq!(error.to_string(), "sso:ListInstances failed: no");
    }
}
