//! Creations, quotas and faults as the AWS SDK sees them, in paused time.

use crate::support::{AUDITORS, CLASS_7, INSTANCE, READ_ONLY, settings, stand_in, stand_in_with};
use aws_sdk_ssoadmin::Client;
use aws_sdk_ssoadmin::config::retry::RetryConfig;
use aws_sdk_ssoadmin::config::timeout::TimeoutConfig;
use aws_sdk_ssoadmin::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ssoadmin::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssoadmin::operation::create_account_assignment::{
    CreateAccountAssignmentError, CreateAccountAssignmentOutput,
};
use aws_sdk_ssoadmin::types::{
    AccountAssignmentOperationStatus, OperationStatusFilter, PrincipalType, StatusValues, TargetType,
};
use stand_in::{Assignment, CreationStatus, Fault, FaultKind, Settings, StandIn};
use std::time::Duration;
use tokio::time::{Instant, advance};

const CREATE: &str = "CreateAccountAssignment";

fn credentials() -> Credentials {
    Credentials::new("AKID", "secret", None, None, "test")
}

fn client(stand_in: &StandIn) -> Client {
    let config = aws_sdk_ssoadmin::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .http_client(stand_in.http_client())
        .build();
    Client::from_conf(config)
}

async fn create(
    client: &Client,
    account: &str,
) -> Result<CreateAccountAssignmentOutput, SdkError<CreateAccountAssignmentError>> {
    create_for(client, account, AUDITORS).await
}

async fn create_for(
    client: &Client,
    account: &str,
    group: &str,
) -> Result<CreateAccountAssignmentOutput, SdkError<CreateAccountAssignmentError>> {
    client
        .create_account_assignment()
        .instance_arn(INSTANCE)
        .target_id(account)
        .target_type(TargetType::AwsAccount)
        .permission_set_arn(READ_ONLY)
        .principal_type(PrincipalType::Group)
        .principal_id(group)
        .send()
        .await
}

async fn accepted(client: &Client, account: &str) -> String {
    let answer = create(client, account).await.expect("the creation is accepted");
    let status = answer.account_assignment_creation_status.expect("a status");
    assert_eq!(status.status, Some(StatusValues::InProgress));
    status.request_id.expect("a request id")
}

async fn described(client: &Client, request_id: &str) -> Option<AccountAssignmentOperationStatus> {
    let request = client
        .describe_account_assignment_creation_status()
        .instance_arn(INSTANCE)
        .account_assignment_creation_request_id(request_id);
    request.send().await.ok().and_then(|answer| answer.account_assignment_creation_status)
}

/// Returns how many assignments each of the three lists shows for the account.
async fn listed(client: &Client, account: &str) -> [usize; 3] {
    let assignments = client
        .list_account_assignments()
        .instance_arn(INSTANCE)
        .account_id(account)
        .permission_set_arn(READ_ONLY);
    let sets =
        client.list_permission_sets_provisioned_to_account().instance_arn(INSTANCE).account_id(account);
    let of_principal = client
        .list_account_assignments_for_principal()
        .instance_arn(INSTANCE)
        .principal_id(AUDITORS)
        .principal_type(PrincipalType::Group);
    [
        assignments.send().await.expect("a list").account_assignments().len(),
        sets.send().await.expect("a list").permission_sets().len(),
        of_principal.send().await.expect("a list").account_assignments().len(),
    ]
}

fn code<E: ProvideErrorMetadata, R>(result: &Result<impl Sized, SdkError<E, R>>) -> &str {
    match result {
        Ok(_) => "none",
        Err(SdkError::DispatchFailure(_)) => "dispatch failure",
        Err(SdkError::TimeoutError(_)) => "timeout",
        Err(fault) => fault.code().unwrap_or("unknown"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_is_in_progress_until_its_time_and_only_then_listed() {
    let stand_in = stand_in();
    let client = client(&stand_in);
    let request_id = accepted(&client, CLASS_7).await;

    advance(Duration::from_millis(999)).await;
    let status = described(&client, &request_id).await.expect("a status");
    assert_eq!(status.status, Some(StatusValues::InProgress));
    assert_eq!(listed(&client, CLASS_7).await, [0, 0, 0]);
    assert_eq!(stand_in.assignments().len(), 0);

    advance(Duration::from_millis(2)).await;
    let status = described(&client, &request_id).await.expect("a status");
    assert_eq!(status.status, Some(StatusValues::Succeeded));
    assert_eq!(status.target_id.as_deref(), Some(CLASS_7));
    assert_eq!(status.failure_reason, None);
    assert!(status.created_date.is_some());
    assert_eq!(listed(&client, CLASS_7).await, [1, 1, 1]);
    assert_eq!(stand_in.assignments().len(), 1);
    assert_eq!(stand_in.creations()[0].status, CreationStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn jitter_spreads_provisioning_and_repeats_with_its_seed() {
    let settled_after = async |seed| {
        let provisioning_jitter = Duration::from_secs(60);
        let stand_in =
            stand_in_with(Settings { provisioning_jitter, seed, requests_per_second: 1000, ..settings() });
        let (client, start) = (client(&stand_in), Instant::now());
        accepted(&client, CLASS_7).await;
        while stand_in.assignments().is_empty() {
            advance(Duration::from_millis(1)).await;
        }
        start.elapsed().as_millis()
    };
    assert_eq!(settled_after(1).await, settled_after(1).await);
    assert_ne!(settled_after(1).await, settled_after(2).await);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_provisioned_is_accepted_and_fails_later() {
    let stand_in = stand_in();
    let client = client(&stand_in);
    let cases = [
        ("000000000000", AUDITORS, "Received a 404 status error: "),
        (CLASS_7, "99999999-9999-9999-9999-999999999999", "Received a 404 status error: "),
        ("777788889999", AUDITORS, "takes longer than usual"),
    ];
    for (account, group, reason) in cases {
        let answer = create_for(&client, account, group).await.expect("the creation is accepted");
        let request_id = answer
            .account_assignment_creation_status
            .and_then(|status| status.request_id)
            .expect("a request id");
        advance(Duration::from_secs(1)).await;
        let status = described(&client, &request_id).await.expect("a status");
        assert_eq!(status.status, Some(StatusValues::Failed));
        let actual = status.failure_reason.unwrap_or_default();
        assert!(actual.contains(reason), "{reason:?} is not in {actual:?}");
    }
    assert_eq!(stand_in.assignments().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_creation_conflicts_while_the_first_is_in_progress_and_is_accepted_after() {
    let stand_in = stand_in();
    let client = client(&stand_in);
    accepted(&client, CLASS_7).await;
    let second = create(&client, CLASS_7).await;
    assert_eq!(code(&second), "ConflictException");
    assert_eq!(
        second.err().and_then(|fault| fault.raw_response().map(|raw| raw.status().as_u16())),
        Some(409)
    );

    advance(Duration::from_secs(1)).await;
    let request_id = accepted(&client, CLASS_7).await;
    assert_eq!(listed(&client, CLASS_7).await, [1, 1, 1]);
    advance(Duration::from_secs(1)).await;
    let status = described(&client, &request_id).await.expect("a status");
    assert_eq!(status.status, Some(StatusValues::Succeeded));
    assert_eq!(stand_in.assignments().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn creations_beyond_the_outstanding_quota_are_throttled() {
    let stand_in = stand_in_with(Settings { outstanding: 2, ..settings() });
    let client = client(&stand_in);
    accepted(&client, CLASS_7).await;
    accepted(&client, "222233334444").await;
    assert_eq!(code(&create(&client, "333344445555").await), "ThrottlingException");
    advance(Duration::from_secs(1)).await;
    accepted(&client, "333344445555").await;
    assert_eq!(stand_in.peak_outstanding(), 2);
    assert_eq!(stand_in.creations().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_quota_of_any_second_are_throttled() {
    let stand_in = stand_in_with(settings());
    let client = client(&stand_in);
    let list = async || code(&client.list_instances().send().await).to_owned();
    for _ in 0..10 {
        assert_eq!(list().await, "none");
    }
    advance(Duration::from_millis(600)).await;
    for _ in 0..10 {
        assert_eq!(list().await, "none");
    }
    assert_eq!(list().await, "ThrottlingException");
    advance(Duration::from_millis(400)).await;
    for _ in 0..10 {
        assert_eq!(list().await, "none");
    }
    assert_eq!(list().await, "ThrottlingException");
    assert_eq!(stand_in.peak_requests_per_second(), 22, "refused requests are counted, too");
    assert_eq!(stand_in.calls()["ListInstances"], 32);
    stand_in.forget_calls();
    assert_eq!((stand_in.peak_requests_per_second(), stand_in.calls().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_identity_store_has_a_quota_of_its_own() {
    let stand_in = stand_in_with(Settings {
        identity_store_requests_per_second: 1,
        requests_per_second: 1,
        ..settings()
    });
    let config = aws_sdk_identitystore::Config::builder()
        .behavior_version_latest()
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .http_client(stand_in.http_client())
        .build();
    let identity_store = aws_sdk_identitystore::Client::from_conf(config);
    let group = || {
        let attribute = aws_sdk_identitystore::types::UniqueAttribute::builder()
            .attribute_path("displayName")
            .attribute_value("auditors".into())
            .build()
            .expect("both members");
        let identifier = aws_sdk_identitystore::types::AlternateIdentifier::UniqueAttribute(attribute);
        identity_store.get_group_id().identity_store_id("d-1234567890").alternate_identifier(identifier)
    };
    assert_eq!(client(&stand_in).list_instances().send().await.expect("a list").instances().len(), 1);
    assert_eq!(group().send().await.expect("an id").group_id(), AUDITORS);
    assert_eq!(code(&group().send().await), "ThrottlingException");
}

#[tokio::test(start_paused = true)]
async fn the_organization_is_read_by_its_own_client() {
    let stand_in = stand_in_with(settings());
    let config = aws_sdk_organizations::Config::builder()
        .behavior_version_latest()
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials())
        .retry_config(RetryConfig::disabled())
        .http_client(stand_in.http_client())
        .build();
    let organizations = aws_sdk_organizations::Client::from_conf(config);
    let account = organizations
        .describe_account()
        .account_id(CLASS_7)
        .send()
        .await
        .expect("an account")
        .account
        .expect("an account");
    assert_eq!(account.name.as_deref(), Some("class-7"));
    assert_eq!(account.paths().len(), 1);
    stand_in.set_faults(vec![Fault::on("*", FaultKind::Throttle).times(1)]);
    assert_eq!(code(&organizations.describe_organization().send().await), "TooManyRequestsException");
    let organization =
        organizations.describe_organization().send().await.expect("an organization").organization;
    assert_eq!(
        organization.and_then(|organization| organization.master_account_id).as_deref(),
        Some("123456789012")
    );
    let mut pages = organizations.list_accounts().into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(
            page.expect("a page").accounts.unwrap_or_default().into_iter().filter_map(|account| account.name),
        );
    }
    assert_eq!(names.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_a_call_is_what_the_client_sees_once_and_no_more() {
    let error = FaultKind::Error {
        code: "TeapotException".to_owned(),
        status: 418,
        message: "short and stout".to_owned(),
    };
    // The kind, the code that the client sees, the status on record, and whether a creation was accepted.
    let cases = [
        (FaultKind::Throttle, "ThrottlingException", 400, false),
        (FaultKind::Conflict, "ConflictException", 409, false),
        (FaultKind::Internal, "InternalServerException", 500, false),
        (FaultKind::ServiceUnavailable, "ServiceUnavailableException", 503, false),
        (FaultKind::CutBefore, "dispatch failure", 0, false),
        (FaultKind::CutAfter, "dispatch failure", 0, true),
        (FaultKind::AccessDenied, "AccessDeniedException", 403, false),
        (FaultKind::KmsDenied, "AccessDeniedException", 403, false),
        (FaultKind::QuotaExceeded, "ServiceQuotaExceededException", 400, false),
        (FaultKind::NotFound, "ResourceNotFoundException", 404, false),
        (error, "TeapotException", 418, false),
        (FaultKind::Slow { millis: 5000 }, "none", 200, true),
    ];
    for (kind, expected, status, takes_effect) in cases {
        let stand_in = stand_in();
        let client = client(&stand_in);
        stand_in.set_faults(vec![Fault::on(CREATE, kind.clone()).times(1)]);
        assert_eq!(client.list_instances().send().await.expect("an unharmed call").instances().len(), 1);
        let result = create(&client, CLASS_7).await;
        assert_eq!(code(&result), expected, "{kind:?}");
        assert_eq!(stand_in.history()[1].status, status, "{kind:?}");
        assert_eq!(stand_in.creations().len(), usize::from(takes_effect), "{kind:?}");
        let reason = result.err().and_then(SdkError::into_service_error_reason);
        assert_eq!(reason.as_deref(), (kind == FaultKind::KmsDenied).then_some("KMS_AccessDeniedException"));
        assert_eq!(code(&create(&client, "222233334444").await), "none", "{kind:?} fires once");
    }
}

#[tokio::test(start_paused = true)]
async fn faults_that_stop_a_call_take_turns_in_their_order() {
    let stand_in = stand_in();
    let client = client(&stand_in);
    stand_in.set_faults(vec![
        Fault::on(CREATE, FaultKind::Throttle).times(1),
        Fault::on("*", FaultKind::Conflict).times(1),
    ]);
    for expected in ["ThrottlingException", "ConflictException", "none"] {
        assert_eq!(code(&create(&client, CLASS_7).await), expected);
    }
}

trait Reason {
    fn into_service_error_reason(self) -> Option<String>;
}

impl Reason for SdkError<CreateAccountAssignmentError> {
    fn into_service_error_reason(self) -> Option<String> {
        match self.into_service_error() {
            CreateAccountAssignmentError::AccessDeniedException(denied) => {
                denied.reason.map(|reason| reason.as_str().to_owned())
            }
            _ => None,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_comes_after_the_effect_and_a_read_timeout_gives_up_on_it() {
    let stand_in = stand_in();
    stand_in.set_faults(vec![Fault::on(CREATE, FaultKind::Slow { millis: 5000 })]);
    let (patient, start) = (client(&stand_in), Instant::now());
    create(&patient, CLASS_7).await.expect("an answer, late");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(stand_in.assignments().len(), 1, "provisioning went on meanwhile");

    let timeouts = TimeoutConfig::builder().read_timeout(Duration::from_secs(1)).build();
    let hasty = Client::from_conf(patient.config().to_builder().timeout_config(timeouts).build());
    let start = Instant::now();
    assert_eq!(code(&create(&hasty, "222233334444").await), "dispatch failure");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    assert_eq!(stand_in.creations().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_a_creation_decides_how_it_ends() {
    let failed = |reason: Option<&str>| FaultKind::FailedStatus { reason: reason.map(str::to_owned) };
    let cases = [
        (
            failed(Some("Received a 403 status error")),
            StatusValues::Failed,
            Some("Received a 403 status error"),
        ),
        (failed(None), StatusValues::Failed, None),
        (FaultKind::Stuck, StatusValues::InProgress, None),
    ];
    for (kind, status, reason) in cases {
        let stand_in = stand_in();
        let client = client(&stand_in);
        stand_in.set_faults(vec![Fault::on(CREATE, kind.clone()).times(1)]);
        let request_id = accepted(&client, CLASS_7).await;
        advance(Duration::from_secs(3600)).await;
        let described = described(&client, &request_id).await.expect("a status");
        assert_eq!(
            (described.status, described.failure_reason.as_deref()),
            (Some(status), reason),
            "{kind:?}"
        );
        assert_eq!(stand_in.assignments().len(), 0);
        let sound = accepted(&client, "222233334444").await;
        advance(Duration::from_secs(1)).await;
        assert_eq!(
            self::described(&client, &sound).await.and_then(|described| described.status),
            Some(StatusValues::Succeeded)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn stale_reads_miss_a_new_request_id_and_then_its_assignment() {
    let stand_in = stand_in();
    let client = client(&stand_in);
    let before = Assignment {
        account: "222233334444".to_owned(),
        permission_set: READ_ONLY.to_owned(),
        principal_type: "GROUP".to_owned(),
        principal_id: AUDITORS.to_owned(),
    };
    stand_in.put_assignment(before);
    stand_in.set_faults(vec![Fault::on("*", FaultKind::StaleReads { millis: 3000 })]);
    let request_id = accepted(&client, CLASS_7).await;
    let in_status_list = async || {
        let filter = OperationStatusFilter::builder().status(StatusValues::Succeeded).build();
        let list = client
            .list_account_assignment_creation_status()
            .instance_arn(INSTANCE)
            .filter(filter)
            .send()
            .await;
        list.expect("a list").account_assignments_creation_status().len()
    };
    // Seconds since acceptance; whether Describe knows the id; the status list; the three lists.
    for (seconds, known, statuses, lists) in
        [(0, false, 0, [0, 0, 1]), (2, false, 0, [0, 0, 1]), (3, true, 1, [0, 0, 1]), (4, true, 1, [1, 1, 2])]
    {
        let start = stand_in.creations()[0].accepted_at;
        while stand_in.history().last().map(|call| call.at) < Some(start + Duration::from_secs(seconds)) {
            advance(Duration::from_millis(100)).await;
            described(&client, &request_id).await;
        }
        assert_eq!(described(&client, &request_id).await.is_some(), known, "after {seconds} s");
        assert_eq!(in_status_list().await, statuses, "after {seconds} s");
        assert_eq!(listed(&client, CLASS_7).await, lists, "after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn stale_reads_named_on_a_read_age_that_read_only() {
    let stand_in = stand_in();
    let client = client(&stand_in);
    stand_in.set_faults(vec![Fault::on("ListAccountAssignments", FaultKind::StaleReads { millis: 2000 })]);
    let request_id = accepted(&client, CLASS_7).await;
    advance(Duration::from_secs(1)).await;
    assert!(described(&client, &request_id).await.is_some());
    assert_eq!(listed(&client, CLASS_7).await, [0, 1, 1]);
    advance(Duration::from_secs(2)).await;
    assert_eq!(listed(&client, CLASS_7).await, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn chance_repeats_with_its_seed() {
    let run = async |seed| {
        let stand_in = stand_in_with(Settings { seed, requests_per_second: 1000, ..settings() });
        stand_in.set_faults(vec![Fault::on("*", FaultKind::Internal).with_probability(0.5)]);
        let client = client(&stand_in);
        for _ in 0..64 {
            let _ = client.list_instances().send().await;
        }
        stand_in.history().iter().map(|call| call.status).collect::<Vec<_>>()
    };
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
    let faults = first.iter().filter(|&&status| status == 500).count();
    assert!((16..48).contains(&faults), "{faults} of 64 failed");
}

#[tokio::test(start_paused = true)]
async fn the_status_list_begins_with_the_newest_unless_set_otherwise() {
    for (history_oldest_first, expected) in [(false, [1, 0]), (true, [0, 1])] {
        let stand_in = stand_in_with(Settings { history_oldest_first, ..settings() });
        let client = client(&stand_in);
        let ids = [accepted(&client, CLASS_7).await, accepted(&client, "222233334444").await];
        let list = client
            .list_account_assignment_creation_status()
            .instance_arn(INSTANCE)
            .send()
            .await
            .expect("a list");
        let listed: Vec<&str> = list
            .account_assignments_creation_status()
            .iter()
            .filter_map(|entry| entry.request_id())
            .collect();
        assert_eq!(listed, expected.map(|position| ids[position].as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_world_and_a_removed_assignment_are_seen_at_once() {
    let stand_in = stand_in();
    let client = client(&stand_in);
    accepted(&client, CLASS_7).await;
    advance(Duration::from_secs(1)).await;
    let assignments = stand_in.assignments();
    stand_in.remove_assignment(assignments.first().expect("one assignment"));
    assert_eq!(listed(&client, CLASS_7).await, [0, 0, 0]);
    stand_in.edit(|organization| organization.permission_sets.clear());
    assert_eq!(code(&create(&client, CLASS_7).await), "ResourceNotFoundException");
    assert_eq!(stand_in.organization().permission_sets.len(), 0);
}

#[test]
fn a_fault_that_can_never_fire_is_reported() {
    let cases = [
        (Fault::on("CreateAccountAssignments", FaultKind::Throttle), "no operation is named"),
        (Fault::on("ListInstances", FaultKind::Stuck), "is a fault of CreateAccountAssignment"),
        (Fault::on("*", FaultKind::Throttle).with_probability(1.5), "must be from 0 to 1"),
        (
            Fault::on("*", FaultKind::Error { code: String::new(), status: 200, message: String::new() }),
            "not that of an HTTP error",
        ),
    ];
    for (fault, expected) in cases {
        let problem = fault.check().expect_err("a problem");
        assert!(problem.contains(expected), "{expected:?} is not in {problem:?}");
    }
    assert_eq!(Fault::on("*", FaultKind::Stuck).times(1).check(), Ok(()));
}
