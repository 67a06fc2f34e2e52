//! What IAM Access Analyzer says of the text of a policy.

use assigner_core::{cause::CallError, permissions::policy::Document};
use aws_sdk_accessanalyzer::types::{
    AccessCheckPolicyType, CheckNoNewAccessResult, PolicyType, ValidatePolicyFindingType,
};

use super::{Member, quiet};
use crate::calls::Patience;

/// What ValidatePolicy finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether AWS would refuse the policy.
    pub is_error: bool,
    /// Such as `INVALID_ACTION`.
    pub code: String,
    pub details: String,
}

/// What CheckNoNewAccess says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoNewAccess {
    Pass,
    /// The new policy allows more, and how.
    Fail(Vec<String>),
}

impl Member {
    /// Returns what is wrong or doubtful with a policy. Mere suggestions are left out.
    pub async fn validate_policy(&self, policy: &Document) -> Result<Vec<Finding>, CallError> {
        let call = self
            .analyzer
            .validate_policy()
            .policy_document(policy.to_text())
            .policy_type(PolicyType::IdentityPolicy);
        let found = self.calls.list(
            "access-analyzer:ValidatePolicy",
            Patience::Needed,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.findings, page.next_token),
        );
        let found = quiet(found.await)?.into_iter();
        let found = found.filter(|finding| finding.finding_type != ValidatePolicyFindingType::Suggestion);
        Ok(found
            .map(|finding| Finding {
                is_error: finding.finding_type == ValidatePolicyFindingType::Error,
                code: finding.issue_code,
                details: finding.finding_details,
            })
            .collect())
    }

    /// Returns whether a policy allows nothing that another one does not. Each call costs money.
    pub async fn no_new_access(&self, new: &Document, existing: &Document) -> Result<NoNewAccess, CallError> {
        const OPERATION: &str = "access-analyzer:CheckNoNewAccess";
        let call = self
            .analyzer
            .check_no_new_access()
            .new_policy_document(new.to_text())
            .existing_policy_document(existing.to_text())
            .policy_type(AccessCheckPolicyType::IdentityPolicy);
        let answer = quiet(self.calls.ask(OPERATION, Patience::Needed, || call.clone().send()).await)?;
        if answer.result == Some(CheckNoNewAccessResult::Pass) {
            return Ok(NoNewAccess::Pass);
        }
        let reasons = answer.reasons.unwrap_or_default().into_iter().filter_map(|reason| reason.description);
        let reasons: Vec<String> = reasons.collect();
        let reasons = if reasons.is_empty() { answer.message.into_iter().collect() } else { reasons };
        Ok(NoNewAccess::Fail(reasons))
    }
}
