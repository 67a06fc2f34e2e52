//! What the command says to the person at the terminal: remedies, and what to do after an error.

use assigner_core::cause::{Remedy, Retry};
use assigner_engine::error::Error;

/// Returns what a person can do.
pub fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::WaitForOtherChange => {
            "wait until the other change to the same account is done, then run the same command again"
        }
        Remedy::WaitForService => "wait for the service to recover, then run the same command again",
        Remedy::AllowAction => {
            "allow this identity the action, or use another one; `assignctl doctor` shows what it may do"
        }
        Remedy::SignIn => {
            "log in, for example with `aws sso login`, or name a profile in AWS_PROFILE; `assignctl doctor` looks for \
             the cause"
        }
        Remedy::AllowKey => {
            "let this identity use the KMS key of the Identity Center instance (kms:Decrypt), and check that the key \
             is enabled"
        }
        Remedy::TryLater => {
            "run the same command again later; if it fails for hours, open a support case with the request id"
        }
        Remedy::CallLess => {
            "run it again with a lower MAX_REQUESTS_PER_SECOND in the environment, or find out who else calls Identity \
             Center so often"
        }
        Remedy::CorrectValue => {
            "correct the row, the argument or the variable of the environment that holds this value"
        }
        Remedy::CheckEndpoint => {
            "check AWS_ENDPOINT_URL and the endpoint_url of the profile: the service there does not know the call"
        }
        Remedy::AllowCreation => {
            "allow this identity sso:CreateAccountAssignment; a delegated administrator can never assign a permission \
             set that is provisioned in the management account"
        }
        // Nothing in these depends on who reads them.
        Remedy::CorrectName
        | Remedy::ListNames
        | Remedy::RaiseQuota
        | Remedy::GiveId
        | Remedy::CorrectTable
        | Remedy::CreatePolicy
        | Remedy::SynchronizePrincipal
        | Remedy::AllowProvisioning
        | Remedy::ReopenAccount => remedy.in_general(),
    }
}

/// Returns what to do after an error that ended a verb.
pub fn next(error: &Error) -> &'static str {
    match error {
        Error::InvalidTable { .. } => "`assignctl check` shows each fault in its place",
        Error::InvalidEvent(_) => "see events/ for payloads that are understood",
        Error::InvalidConfig(_) => "`assignctl doctor` looks for the cause",
        Error::AccountNotReady(_) => "see `aws organizations describe-account`, or wait",
        Error::Call(call) => match call.cause.retry() {
            Retry::Again => "wait a moment, then run the same command again",
            Retry::WhenFixed | Retry::Never => remedy(call.remedy()),
        },
        Error::Late { .. } => "run the same command again, or give it more time with --timeout",
        Error::AssignmentsIncomplete(_) | Error::ControlsIncomplete(_) => "run the same command again",
    }
}
