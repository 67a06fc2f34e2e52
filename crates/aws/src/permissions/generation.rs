//! Policy generations of IAM Access Analyzer in one account.

use std::collections::BTreeSet;

use assigner_core::{
    cause::CallError,
    day::Day,
    permissions::{
        generation::{Ask, Regions},
        privacy,
    },
};
use aws_sdk_accessanalyzer::types::{
    CloudTrailDetails, JobErrorCode, JobStatus, PolicyGenerationDetails, Trail,
};
use aws_smithy_types::{DateTime, date_time::Format};

use super::{Member, member::day, nothing, quiet};
use crate::calls::Patience;

/// A generation of the last seven days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    pub role: String,
    pub status: GenerationStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationStatus {
    InProgress,
    Succeeded,
    /// It failed, or was cancelled.
    Ended,
}

/// What has come of a generation.
#[derive(Clone, Debug, PartialEq)]
pub enum Generation {
    InProgress,
    Done {
        /// Each is a text of JSON.
        policies: Vec<String>,
        complete: Option<bool>,
        from: Day,
        to: Day,
        /// Empty: all.
        regions: BTreeSet<String>,
    },
    /// There is more to read than one generation reads.
    TooMuch,
    /// It was not allowed to read the log.
    Denied(String),
    Failed(String),
}

impl Member {
    /// Starts a generation. The same token starts none twice.
    pub async fn start_generation(
        &self,
        role: &str,
        trail: &str,
        access_role: &str,
        (ask, to): (&Ask, Day),
        token: &str,
    ) -> Result<String, CallError> {
        const OPERATION: &str = "access-analyzer:StartPolicyGeneration";
        let wrong = |error: aws_smithy_types::error::operation::BuildError| CallError {
            operation: OPERATION,
            cause: assigner_core::cause::Cause::Invalid,
            code: None,
            message: error.to_string(),
        };
        let trail = Trail::builder().cloud_trail_arn(trail);
        let trail = match &ask.regions {
            Regions::All => trail.all_regions(true),
            Regions::One(region) => trail.regions(region),
        };
        // The generation ends now; its window begins with a day.
        let details = CloudTrailDetails::builder()
            .trails(trail.build().map_err(wrong)?)
            .access_role(access_role)
            .start_time(moment(to.back(ask.days)))
            .build()
            .map_err(wrong)?;
        let principal = PolicyGenerationDetails::builder().principal_arn(role).build().map_err(wrong)?;
        let call = self
            .analyzer
            .start_policy_generation()
            .policy_generation_details(principal)
            .cloud_trail_details(details)
            .client_token(token);
        let answer = quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await)?;
        Ok(answer.job_id)
    }

    /// Returns the generations of the last seven days, the newest first.
    pub async fn generations(&self) -> Result<Vec<Found>, CallError> {
        let call = self.analyzer.list_policy_generations();
        let found = self.calls.list(
            "access-analyzer:ListPolicyGenerations",
            Patience::OfOne,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.policy_generations, page.next_token),
        );
        let mut found: Vec<_> = quiet(found.await)?;
        found.sort_by_key(|job| std::cmp::Reverse(job.started_on.secs()));
        let status = |status: &JobStatus| match status {
            JobStatus::InProgress => GenerationStatus::InProgress,
            JobStatus::Succeeded => GenerationStatus::Succeeded,
            _ => GenerationStatus::Ended,
        };
        let found = found.into_iter().map(|job| Found {
            status: status(&job.status),
            id: job.job_id,
            role: job.principal_arn,
        });
        Ok(found.collect())
    }

    /// Returns what has come of a generation. It is asked for without placeholders.
    pub async fn generation(&self, id: &str) -> Result<Generation, CallError> {
        const OPERATION: &str = "access-analyzer:GetGeneratedPolicy";
        let call = self.analyzer.get_generated_policy().job_id(id).include_resource_placeholders(false);
        let answer = quiet(self.calls.ask(OPERATION, Patience::OfOne, || call.clone().send()).await)?;
        let details = answer.job_details.ok_or_else(|| nothing(OPERATION, "job"))?;
        match details.status {
            JobStatus::InProgress => return Ok(Generation::InProgress),
            JobStatus::Succeeded => {}
            other => {
                let Some(error) = details.job_error else {
                    return Ok(Generation::Failed(format!("it ended as {}", other.as_str())));
                };
                let message = privacy::hide(&error.message);
                return Ok(match error.code {
                    JobErrorCode::AuthorizationError => Generation::Denied(message),
                    JobErrorCode::ServiceQuotaExceededError => Generation::TooMuch,
                    other => Generation::Failed(format!("{}: {message}", other.as_str())),
                });
            }
        }
        let result = answer.generated_policy_result.ok_or_else(|| nothing(OPERATION, "result"))?;
        let properties = result.properties.ok_or_else(|| nothing(OPERATION, "properties"))?;
        let trail = properties.cloud_trail_properties.ok_or_else(|| nothing(OPERATION, "window"))?;
        let window = day(&trail.start_time).zip(day(&trail.end_time));
        let (from, to) = window.ok_or_else(|| nothing(OPERATION, "window"))?;
        Ok(Generation::Done {
            policies: result.generated_policies.unwrap_or_default().into_iter().map(|of| of.policy).collect(),
            complete: properties.is_complete,
            from,
            to,
            regions: trail
                .trail_properties
                .into_iter()
                .filter(|of| of.all_regions != Some(true))
                .flat_map(|of| of.regions.unwrap_or_default())
                .collect(),
        })
    }
}

/// Returns the moment at which a day begins, UTC.
fn moment(day: Day) -> DateTime {
    DateTime::from_str(&format!("{day}T00:00:00Z"), Format::DateTime)
        .unwrap_or_else(|_| DateTime::from_secs(0))
}
