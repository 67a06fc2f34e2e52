//! The operations of IAM Access Analyzer. Those that generate policies are here. One job at a time an account and Region, a number of
//! them a day, and seven days of results, as AWS has it.

use crate::access::{Generation, days, iso8601};
use crate::identifier::RequestId;
use crate::services::access_checks::{check_no_new_access, validate_policy};
use crate::services::{Answer, Operation, Problem, Refusal, Request, Service, SignedIn};
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) static SERVICE: Service = Service {
    target_prefix: "AccessAnalyzer",
    signing_name: "access-analyzer",
    signed_in: SignedIn::AnyRegion,
    requests_per_second: |_| None,
    error: own_error,
    operations: &[
        Operation::single("CancelPolicyGeneration", cancel_policy_generation),
        Operation::single("CheckNoNewAccess", check_no_new_access),
        Operation::single("GetGeneratedPolicy", get_generated_policy),
        Operation::single("ListPolicyGenerations", list_policy_generations),
        Operation::single("StartPolicyGeneration", start_policy_generation),
        Operation::single("ValidatePolicy", validate_policy),
    ],
};

/// The most policy generations of an account in a day.
const JOBS_A_DAY: usize = 50;
const LONGEST_DAYS: i64 = 90;

fn own_error(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::AccessDenied => (403, "AccessDeniedException"),
        Problem::Conflict => (409, "ConflictException"),
        Problem::Internal => (500, "InternalServerException"),
        Problem::Invalid => (400, "ValidationException"),
        Problem::NotFound => (404, "ResourceNotFoundException"),
        Problem::Throttled => (429, "ThrottlingException"),
    }
}

fn start_policy_generation(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        policy_generation_details: Principal,
        cloud_trail_details: CloudTrail,
        client_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Principal {
        principal_arn: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct CloudTrail {
        trails: Vec<Trail>,
        access_role: String,
        start_time: String,
        end_time: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Trail {
        cloud_trail_arn: String,
        #[serde(default)]
        regions: Vec<String>,
        all_regions: Option<bool>,
    }
    let Members { policy_generation_details, cloud_trail_details, client_token } = request.members()?;
    let CloudTrail { trails, access_role, start_time, end_time } = cloud_trail_details;
    let invalid = |what: &str| request.refuse(Problem::Invalid, what);
    let account = state.account_of_caller();
    let principal = policy_generation_details.principal_arn;
    let role = state.access.role(&account, &principal);
    let role = role.ok_or_else(|| request.missing(format_args!("the principal {principal}")))?.clone();
    let [trail] = trails.as_slice() else { return Err(invalid("this stand-in takes one trail")) };
    if trail.regions.is_empty() != (trail.all_regions == Some(true)) {
        return Err(invalid("either regions or allRegions"));
    }
    let now = state.epoch_seconds(request.at);
    let end_time = end_time.unwrap_or_else(|| iso8601(now));
    let (Some(from), Some(to)) = (days(&start_time), days(&end_time)) else {
        return Err(invalid("startTime and endTime are timestamps such as 2026-08-29T00:00:00Z"));
    };
    if from > to || to - from > LONGEST_DAYS {
        return Err(invalid("the window is from 0 to 90 days"));
    }
    let region = state.access.region.clone();
    let token_known = |job: &&Generation| {
        client_token.is_some() && job.token == client_token && job.account == account && job.region == region
    };
    if let Some(job) = state.access.generations.iter().find(token_known) {
        return Ok(json!({ "jobId": job.id }));
    }
    let of_account =
        || state.access.generations.iter().filter(|job| job.account == account && job.region == region);
    let configured = state.access.document.accounts.get(&account).cloned().unwrap_or_default();
    let quota = |what: &str| Refusal::new(402, "ServiceQuotaExceededException", what);
    if of_account().any(|job| job.status(request.at) == "IN_PROGRESS") {
        return Err(quota("one policy generation at a time"));
    }
    if configured.quota_used_up || of_account().count() >= JOBS_A_DAY {
        return Err(quota("the policy generations of the day are used up"));
    }
    let error = configured
        .job_error
        .filter(|error| {
            let few_days = error.unless_days.is_some_and(|most| (to - from) as u64 <= most);
            let few_regions =
                error.unless_regions.is_none_or(|most| (1..=most).contains(&trail.regions.len()));
            !(few_days && few_regions)
        })
        .or_else(|| {
            let expected =
                format!("arn:aws:iam::{account}:role/service-role/AccessAnalyzerMonitorServiceRole");
            let there = access_role.starts_with(&expected)
                && state.access.role(&account, &access_role).is_some_and(crate::access::Role::reads_logs);
            let known = state.access.document.trail.as_ref();
            let readable = known.is_some_and(|known| {
                known.arn == trail.cloud_trail_arn
                    && crate::services::s3::lets_analyzers_in(known)
                    && known.ownership.as_deref() != Some("ObjectWriter")
                    && !known.key_refuses
            });
            (!there || !readable).then(|| crate::access::JobError {
                code: "AUTHORIZATION_ERROR".to_owned(),
                message: "Incorrect permissions assigned to access CloudTrail S3 bucket".to_owned(),
                unless_days: None,
                unless_regions: None,
            })
        });
    let job_time = state.access.job_time(&account);
    let job = Generation {
        id: state.uuid(),
        account,
        region,
        token: client_token,
        principal: role.arn(&state.account_of_caller()),
        trail: json!({ "cloudTrailArn": trail.cloud_trail_arn, "regions": trail.regions, "allRegions": trail.all_regions == Some(true) }),
        start_time,
        end_time,
        started_at: request.at,
        settles_at: request.at + job_time,
        cancelled: false,
        error,
    };
    let id = job.id.clone();
    state.access.generations.push(job);
    Ok(json!({ "jobId": id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Job {
    job_id: RequestId,
}

fn position(state: &State, request: &Request, id: &str) -> Result<usize, Refusal> {
    let (account, region) = (state.account_of_caller(), &state.access.region);
    let own = |job: &Generation| job.id == id && job.account == account && job.region == *region;
    state.access.generations.iter().position(own).ok_or_else(|| request.missing(format_args!("the job {id}")))
}

fn cancel_policy_generation(state: &mut State, request: &Request) -> Answer {
    let Job { job_id } = request.members()?;
    let position = position(state, request, &job_id)?;
    let job = &mut state.access.generations[position];
    job.cancelled |= job.status(request.at) == "IN_PROGRESS";
    Ok(json!({}))
}

fn get_generated_policy(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        job_id: RequestId,
        include_resource_placeholders: Option<String>,
        #[serde(rename = "includeServiceLevelTemplate")]
        _include_service_level_template: Option<String>,
    }
    let Members { job_id, include_resource_placeholders, .. } = request.members()?;
    let position = position(state, request, &job_id)?;
    let job = state.access.generations[position].clone();
    let status = job.status(request.at);
    let at = |instant| iso8601(state.epoch_seconds(instant));
    let mut details = json!({ "jobId": job.id, "status": status, "startedOn": at(job.started_at) });
    if status != "IN_PROGRESS" {
        details["completedOn"] = json!(at(job.settles_at));
    }
    if let Some(error) = job.error.as_ref().filter(|_| status == "FAILED") {
        details["jobError"] = json!({ "code": error.code, "message": error.message });
    }
    let role = state.access.role(&job.account, &job.principal).cloned().unwrap_or_default();
    let mut result = json!({ "properties": { "principalArn": job.principal } });
    if status == "SUCCEEDED" {
        result["properties"]["isComplete"] = json!(!role.incomplete);
        result["properties"]["cloudTrailProperties"] = json!({
            "trailProperties": [job.trail], "startTime": job.start_time, "endTime": job.end_time,
        });
        let resource = match include_resource_placeholders.as_deref() {
            Some("true") => json!(["arn:aws:s3:::${BucketName}"]),
            _ => json!("*"),
        };
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Sid": "SupportedServiceSid0", "Effect": "Allow", "Action": role.logged, "Resource": resource }],
        });
        // A policy is a text, not an object.
        let policies: Vec<Value> =
            (!role.logged.is_empty()).then(|| json!({ "policy": policy.to_string() })).into_iter().collect();
        result["generatedPolicies"] = json!(policies);
    }
    Ok(json!({ "jobDetails": details, "generatedPolicyResult": result }))
}

fn list_policy_generations(state: &mut State, request: &Request) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Members {
        principal_arn: Option<String>,
        #[serde(rename = "maxResults")]
        _max_results: Option<String>,
        next_token: Option<String>,
    }
    let Members { principal_arn, next_token, .. } = request.members()?;
    let (account, region) = (state.account_of_caller(), &state.access.region);
    let jobs: Vec<Value> = state
        .access
        .generations
        .iter()
        .rev()
        .filter(|job| job.account == account && job.region == *region)
        .filter(|job| principal_arn.as_ref().is_none_or(|arn| *arn == job.principal))
        .map(|job| {
            json!({
                "jobId": job.id,
                "principalArn": job.principal,
                "status": job.status(request.at),
                "startedOn": iso8601(state.epoch_seconds(job.started_at)),
            })
        })
        .collect();
    let from = next_token.and_then(|token| token.parse().ok()).unwrap_or(0).min(jobs.len());
    let to = (from + state.settings.page_size).min(jobs.len());
    let mut answer = json!({ "policyGenerations": jobs[from..to] });
    if to < jobs.len() {
        answer["nextToken"] = json!(to.to_string());
    }
    Ok(answer)
}
