//! The OUs of the organization as a tree, and how many policies an OU has.

use assigner_core::{
    cause::CallError,
    controls::{
        catalogue::Mechanism,
        facts::Attached,
        statements::Listed,
        tree::{Tree, Unit},
        wish::Member,
    },
    ids,
};
use aws_sdk_organizations::types::{PolicySummary, PolicyType};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Organizations, READS_AT_ONCE, incomplete};
use crate::calls::Patience;

/// How the names of Control Tower's policies begin.
const GUARDRAILS: &str = "aws-guardrails-";

impl Organizations {
    /// Returns every OU, by one ListOrganizationalUnitsForParent for the root and for each OU.
    pub async fn tree(&self) -> Result<Tree, CallError> {
        const ROOTS: &str = "organizations:ListRoots";
        let call = self.client.list_roots();
        let page = |token| call.clone().set_next_token(token).send();
        let roots = self
            .calls
            .list(ROOTS, Patience::Needed, page, |page| (page.roots.unwrap_or_default(), page.next_token));
        let root = roots.await?.into_iter().find_map(|root| root.id);
        let root = root.ok_or_else(|| incomplete(ROOTS, "the answer names no root".into()))?;
        let mut units: Vec<Unit> = Vec::new();
        let mut parents = vec![root.clone()];
        // Level by level. An organization is at most five OUs deep; the bound keeps a circle from going on.
        for _ in 0..10 {
            let below: Vec<Vec<Unit>> = stream::iter(&parents)
                .map(async |parent| self.units_in(parent).await)
                .buffered(READS_AT_ONCE)
                .try_collect()
                .await?;
            let below: Vec<Unit> = below.into_iter().flatten().collect();
            parents = below.iter().map(|unit| unit.id.clone()).collect();
            units.extend(below);
            if parents.is_empty() {
                break;
            }
        }
        Ok(Tree::new(root, units))
    }

    async fn units_in(&self, parent: &str) -> Result<Vec<Unit>, CallError> {
        const OPERATION: &str = "organizations:ListOrganizationalUnitsForParent";
        let call = self.client.list_organizational_units_for_parent().parent_id(parent);
        let page = |token| call.clone().set_next_token(token).send();
        let units = self.calls.list(OPERATION, Patience::Needed, page, |page| {
            (page.organizational_units.unwrap_or_default(), page.next_token)
        });
        let read =
            |unit: aws_sdk_organizations::types::OrganizationalUnit| match (unit.id, unit.arn, unit.name) {
                (Some(id), Some(arn), Some(name)) => Ok(Unit { id, arn, name, parent: parent.to_owned() }),
                _ => Err(incomplete(OPERATION, format!("an OU in {parent} has no id, ARN or name"))),
            };
        units.await?.into_iter().map(read).collect()
    }

    /// Returns the policies of a kind that are attached to an OU itself. Those that it inherits do not count.
    pub async fn attached(&self, unit: &str, mechanism: Mechanism) -> Result<Attached, CallError> {
        let kind = match mechanism {
            Mechanism::ResourceControlPolicy => PolicyType::ResourceControlPolicy,
            Mechanism::DeclarativePolicy => PolicyType::DeclarativePolicyEc2,
            _ => PolicyType::ServiceControlPolicy,
        };
        let policies = self.policies(unit, kind).await?;
        Ok(Attached {
            count: policies.len(),
            has_control_towers: policies
                .iter()
                .any(|policy| policy.name.as_deref().is_some_and(|name| name.starts_with(GUARDRAILS))),
        })
    }

    /// Returns the service control policies that are attached to an OU itself. AWS's own are left out: they deny nothing.
    pub async fn service_control_policies(&self, unit: &str) -> Result<Vec<Listed>, CallError> {
        let policies = self.policies(unit, PolicyType::ServiceControlPolicy).await?;
        let listed = |policy: PolicySummary| {
            let name = policy.name.unwrap_or_default();
            let is_control_towers = name.starts_with(GUARDRAILS);
            Some(Listed { id: policy.id?, name, is_control_towers })
        };
        Ok(policies.into_iter().filter(|policy| !policy.aws_managed).filter_map(listed).collect())
    }

    /// Returns the text of a policy.
    pub async fn policy_text(&self, id: &str) -> Result<String, CallError> {
        const OPERATION: &str = "organizations:DescribePolicy";
        let call = self.client.describe_policy().policy_id(id);
        let answer = self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await?;
        let text = answer.policy.and_then(|policy| policy.content);
        text.ok_or_else(|| incomplete(OPERATION, format!("the policy {id} has no content")))
    }

    /// Returns the service control policies of Control Tower that are attached to an OU itself, by name, with their texts.
    pub async fn guardrails(&self, unit: &str) -> Result<Vec<(String, String)>, CallError> {
        let mut guardrails = Vec::new();
        for policy in self.service_control_policies(unit).await? {
            if policy.is_control_towers {
                guardrails.push((policy.name, self.policy_text(&policy.id).await?));
            }
        }
        Ok(guardrails)
    }

    async fn policies(&self, unit: &str, kind: PolicyType) -> Result<Vec<PolicySummary>, CallError> {
        let call = self.client.list_policies_for_target().target_id(unit).filter(kind);
        let page = |token| call.clone().set_next_token(token).send();
        let policies =
            self.calls.list("organizations:ListPoliciesForTarget", Patience::OfOne, page, |page| {
                (page.policies.unwrap_or_default(), page.next_token)
            });
        policies.await
    }

    /// Returns every account with the OU or root that holds it.
    pub async fn members(&self) -> Result<Vec<Member>, CallError> {
        let accounts = self.accounts(assigner_core::organization::Needs::default(), &[]).await?;
        let member = |account: assigner_core::organization::Account| {
            let unit = account.parents.last().map(|parent| parent.id.clone()).unwrap_or_default();
            Member { id: account.id.as_str().to_owned(), name: account.name, unit }
        };
        Ok(accounts.into_iter().map(member).filter(|one| ids::is_organizational_unit_id(&one.unit)).collect())
    }
}
