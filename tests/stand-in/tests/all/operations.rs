//! Every operation by raw JSON: what it answers, and what it refuses.

use crate::support::{
    AUDITORS, CLASS_7, INSTANCE, READ_ONLY, call, create, send, settings, stand_in, stand_in_with, target,
};
use serde_json::{Value, json};
use stand_in::{Assignment, Organization, Settings, StandIn};
use std::time::Duration;

/// Returns a sound request of each operation, and the member of its answer to look at.
fn sound_requests(stand_in: &StandIn) -> Vec<(&'static str, Value, &'static str)> {
    let creations = stand_in.creations();
    let request_id = creations.first().map(|creation| creation.request_id.clone());
    let unique = |path: &str, value: &str| {
        let attribute = json!({ "AttributePath": path, "AttributeValue": value });
        json!({ "IdentityStoreId": "d-1234567890", "AlternateIdentifier": { "UniqueAttribute": attribute } })
    };
    let on_call = &stand_in.organization().users[0].id;
    let instance = json!({ "InstanceArn": INSTANCE });
    let with = |members: Value| {
        let mut body = instance.clone();
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    vec![
        ("ListInstances", json!({}), "/Instances/0/IdentityStoreId"),
        ("ListPermissionSets", instance.clone(), "/PermissionSets/5"),
        ("DescribePermissionSet", with(json!({ "PermissionSetArn": READ_ONLY })), "/PermissionSet/Name"),
        ("CreateAccountAssignment", create("222233334444"), "/AccountAssignmentCreationStatus/CreatedDate"),
        (
            "DescribeAccountAssignmentCreationStatus",
            with(json!({ "AccountAssignmentCreationRequestId": request_id })),
            "/AccountAssignmentCreationStatus/TargetId",
        ),
        (
            "ListAccountAssignmentCreationStatus",
            with(json!({ "Filter": { "Status": "IN_PROGRESS" } })),
            "/AccountAssignmentsCreationStatus/0/RequestId",
        ),
        (
            "ListAccountAssignments",
            with(json!({ "AccountId": "333344445555", "PermissionSetArn": READ_ONLY })),
            "/AccountAssignments/0/PrincipalId",
        ),
        (
            "ListAccountAssignmentsForPrincipal",
            with(
                json!({ "PrincipalId": AUDITORS, "PrincipalType": "GROUP", "Filter": { "AccountId": "333344445555" } }),
            ),
            "/AccountAssignments/0/PermissionSetArn",
        ),
        (
            "ListAccountsForProvisionedPermissionSet",
            with(
                json!({ "PermissionSetArn": READ_ONLY, "ProvisioningStatus": "LATEST_PERMISSION_SET_PROVISIONED" }),
            ),
            "/AccountIds/0",
        ),
        (
            "ListPermissionSetsProvisionedToAccount",
            with(
                json!({ "AccountId": "333344445555", "ProvisioningStatus": "LATEST_PERMISSION_SET_PROVISIONED" }),
            ),
            "/PermissionSets/0",
        ),
        ("DescribeOrganization", json!({}), "/Organization/MasterAccountId"),
        ("DescribeAccount", json!({ "AccountId": CLASS_7 }), "/Account/Paths/0"),
        ("ListParents", json!({ "ChildId": "ou-ab12-66666666" }), "/Parents/0/Id"),
        ("ListRoots", json!({}), "/Roots/0/Id"),
        (
            "ListOrganizationalUnitsForParent",
            json!({ "ParentId": "ou-ab12-22222222" }),
            "/OrganizationalUnits/1/Name",
        ),
        (
            "DescribeOrganizationalUnit",
            json!({ "OrganizationalUnitId": "ou-ab12-66666666" }),
            "/OrganizationalUnit/Path",
        ),
        ("ListTagsForResource", json!({ "ResourceId": CLASS_7 }), "/Tags/0/Value"),
        ("ListAccounts", json!({}), "/NextToken"),
        ("GetGroupId", unique("displayName", "auditors"), "/GroupId"),
        ("GetUserId", unique("userName", "oncall@example.com"), "/UserId"),
        ("GetUserId", unique("emails.value", "oncall@example.com"), "/UserId"),
        ("DescribeGroup", json!({ "IdentityStoreId": "d-1234567890", "GroupId": AUDITORS }), "/DisplayName"),
        ("DescribeUser", json!({ "IdentityStoreId": "d-1234567890", "UserId": on_call }), "/UserName"),
        ("ListGroups", json!({ "IdentityStoreId": "d-1234567890" }), "/Groups/3/DisplayName"),
        ("ListUsers", json!({ "IdentityStoreId": "d-1234567890" }), "/Users/0/UserName"),
    ]
}

async fn stand_in_at_work() -> StandIn {
    let stand_in = stand_in();
    stand_in.put_assignment(Assignment {
        account: "333344445555".to_owned(),
        permission_set: READ_ONLY.to_owned(),
        principal_type: "GROUP".to_owned(),
        principal_id: AUDITORS.to_owned(),
    });
    call(&stand_in, "CreateAccountAssignment", &create(CLASS_7)).await;
    stand_in
}

fn invalid(operation: &str) -> &'static str {
    if target(operation).starts_with("AWSOrganizations") {
        "InvalidInputException"
    } else {
        "ValidationException"
    }
}

#[tokio::test(start_paused = true)]
async fn every_operation_answers_a_sound_request() {
    let stand_in = stand_in_at_work().await;
    for (operation, body, member) in sound_requests(&stand_in) {
        let (status, answer) = call(&stand_in, operation, &body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        let found = answer.pointer(member);
        assert!(found.is_some_and(|value| !value.is_null()), "{operation}: no {member} in {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_accepted_and_takes_away_when_it_settles() {
    let stand_in = stand_in_at_work().await;
    let of = create("333344445555");
    let (status, answer) = call(&stand_in, "DeleteAccountAssignment", &of).await;
    assert_eq!((status, &answer["AccountAssignmentDeletionStatus"]["Status"]), (200, &json!("IN_PROGRESS")));
    let request_id = &answer["AccountAssignmentDeletionStatus"]["RequestId"];
    let (status, answer) = call(&stand_in, "DeleteAccountAssignment", &of).await;
    assert_eq!((status, &answer["__type"]), (409, &json!("ConflictException")));
    let of_accounts =
        || stand_in.assignments().into_iter().map(|one| one.account).filter(|one| one == "333344445555");
    assert_eq!(of_accounts().count(), 1);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let describe = json!({ "InstanceArn": INSTANCE, "AccountAssignmentDeletionRequestId": request_id });
    let (_, answer) = call(&stand_in, "DescribeAccountAssignmentDeletionStatus", &describe).await;
    assert_eq!(answer["AccountAssignmentDeletionStatus"]["Status"], "SUCCEEDED");
    let list = json!({ "InstanceArn": INSTANCE, "Filter": { "Status": "SUCCEEDED" } });
    let (_, answer) = call(&stand_in, "ListAccountAssignmentDeletionStatus", &list).await;
    assert_eq!(&answer["AccountAssignmentsDeletionStatus"][0]["RequestId"], request_id);
    assert_eq!(of_accounts().count(), 0);
    let (status, answer) = call(&stand_in, "DeleteAccountAssignment", &of).await;
    assert_eq!((status, &answer["__type"]), (404, &json!("ResourceNotFoundException")));
}

#[tokio::test(start_paused = true)]
async fn a_permission_set_is_listed_once_for_all_its_principals() {
    let stand_in = stand_in_at_work().await;
    let teachers = stand_in.organization().groups[3].id.clone();
    for assignment in stand_in.assignments() {
        stand_in.put_assignment(Assignment { principal_id: teachers.clone(), ..assignment });
    }
    let body = json!({ "InstanceArn": INSTANCE, "AccountId": "333344445555" });
    let (_, answer) = call(&stand_in, "ListPermissionSetsProvisionedToAccount", &body).await;
    assert_eq!(answer, json!({ "PermissionSets": [READ_ONLY] }));
    let body = json!({ "InstanceArn": INSTANCE, "PermissionSetArn": READ_ONLY });
    let (_, answer) = call(&stand_in, "ListAccountsForProvisionedPermissionSet", &body).await;
    assert_eq!(answer, json!({ "AccountIds": ["333344445555"] }));
    assert_eq!(stand_in.assignments().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_member_is_checked_and_a_typo_is_seen() {
    let stand_in = stand_in_at_work().await;
    for (operation, body, _) in sound_requests(&stand_in) {
        let spoiled = body.as_object().unwrap().keys().flat_map(|member| {
            ["", "nonsense", " 111122223333", "arn:aws:sso:::instance/x"].map(|value| {
                let mut body = body.clone();
                body[member] = json!(value);
                body
            })
        });
        let mut misspelt = body.clone();
        misspelt["AccountID"] = json!(CLASS_7);
        for body in spoiled.chain([misspelt, json!([]), json!("text")]) {
            let (status, answer) = call(&stand_in, operation, &body).await;
            assert_eq!(
                (status, &answer["__type"]),
                (400, &json!(invalid(operation))),
                "{operation} with {body}"
            );
        }
        for member in body
            .as_object()
            .unwrap()
            .keys()
            .filter(|member| !["Filter", "ProvisioningStatus"].contains(&member.as_str()))
        {
            let mut body = body.clone();
            body.as_object_mut().unwrap().remove(member);
            let (status, answer) = call(&stand_in, operation, &body).await;
            assert_eq!(status, 400, "{operation} without {member}: {answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_refused_by_name() {
    let stand_in = stand_in();
    let other_set = READ_ONLY.replace("ps-ef", "ps-00");
    let other_instance = INSTANCE.replace("ins-72", "ins-00");
    let unknown = "99999999-9999-9999-9999-999999999999";
    let attribute =
        json!({ "UniqueAttribute": { "AttributePath": "displayName", "AttributeValue": "nobody" } });
    let mut of_unknown_set = create(CLASS_7);
    of_unknown_set["PermissionSetArn"] = json!(other_set);
    let cases = [
        ("ListPermissionSets", json!({ "InstanceArn": other_instance }), 404, "ResourceNotFoundException"),
        ("CreateAccountAssignment", of_unknown_set, 404, "ResourceNotFoundException"),
        ("CreateAccountAssignment", create("123456789012"), 403, "AccessDeniedException"),
        (
            "DescribeAccountAssignmentCreationStatus",
            json!({ "InstanceArn": INSTANCE, "AccountAssignmentCreationRequestId": unknown }),
            404,
            "ResourceNotFoundException",
        ),
        (
            "ListAccountAssignmentsForPrincipal",
            json!({ "InstanceArn": INSTANCE, "PrincipalId": unknown, "PrincipalType": "USER" }),
            404,
            "ResourceNotFoundException",
        ),
        (
            "GetGroupId",
            json!({ "IdentityStoreId": "d-1234567890", "AlternateIdentifier": attribute }),
            404,
            "ResourceNotFoundException",
        ),
        ("DescribeAccount", json!({ "AccountId": "000000000000" }), 400, "AccountNotFoundException"),
        ("ListParents", json!({ "ChildId": "000000000000" }), 400, "ChildNotFoundException"),
        ("ListTagsForResource", json!({ "ResourceId": "000000000000" }), 400, "TargetNotFoundException"),
        ("ListOrganizationalUnitsForParent", json!({ "ParentId": "r-zz99" }), 400, "ParentNotFoundException"),
        (
            "DescribeOrganizationalUnit",
            json!({ "OrganizationalUnitId": "ou-ab12-99999999" }),
            400,
            "OrganizationalUnitNotFoundException",
        ),
        ("DeletePermissionSet", json!({}), 404, "UnknownOperationException"),
    ];
    for (operation, body, status, code) in cases {
        let (actual, answer) = call(&stand_in, operation, &body).await;
        assert_eq!((actual, &answer["__type"]), (status, &json!(code)), "{operation} with {body}");
    }
    let denied =
        stand_in.history().into_iter().find(|call| call.error.as_deref() == Some("AccessDeniedException"));
    assert_eq!(denied.expect("a refused call is recorded").request["TargetId"], "123456789012");
}

#[tokio::test(start_paused = true)]
async fn a_request_must_be_signed_for_its_service_and_region() {
    let stand_in = stand_in();
    let scoped = |scope: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/{scope}/aws4_request, SignedHeaders=host, Signature=0"
        )
    };
    let cases = [
        ("ListInstances", scoped("eu-west-1/sso"), 200),
        ("ListInstances", scoped("us-east-1/sso"), 403),
        ("ListInstances", scoped("eu-west-1/organizations"), 403),
        ("ListInstances", String::new(), 403),
        ("ListInstances", "Bearer token".to_owned(), 403),
        (
            "ListInstances",
            "AWS4-HMAC-SHA256 Credential=AKID, SignedHeaders=host, Signature=0".to_owned(),
            403,
        ),
        ("ListRoots", scoped("us-east-1/organizations"), 200),
        ("ListRoots", scoped("ap-south-1/organizations"), 200),
        ("ListRoots", scoped("us-east-1/sso"), 403),
    ];
    for (operation, authorization, expected) in cases {
        let (status, answer) = send(&stand_in, &target(operation), &authorization, "{}".to_owned()).await;
        assert_eq!(status, expected, "{operation} signed {authorization:?}: {answer}");
        if expected == 403 {
            assert_eq!(answer["__type"], "UnrecognizedClientException");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_json_is_refused_and_recorded() {
    let stand_in = stand_in();
    let target = target("ListInstances");
    let (status, answer) =
        send(&stand_in, &target, &crate::support::authorization(&target), "{".to_owned()).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("SerializationException")));
    assert_eq!(stand_in.history()[0].request, Value::Null);
    assert_eq!(stand_in.calls()["ListInstances"], 1);
}

/// Returns all pages of a list, and how many there were.
async fn pages(stand_in: &StandIn, operation: &str, body: &Value, member: &str) -> (Vec<Value>, usize) {
    let (mut items, mut count, mut body) = (Vec::new(), 0, body.clone());
    loop {
        let (status, mut answer) = call(stand_in, operation, &body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        items.append(answer[member].as_array_mut().expect("a list"));
        count += 1;
        match answer.get("NextToken") {
            Some(token) => body["NextToken"] = token.clone(),
            None => return (items, count),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_that_join_without_gaps() {
    let stand_in = stand_in();
    let cases = [
        ("ListPermissionSets", json!({ "InstanceArn": INSTANCE, "MaxResults": 4 }), "PermissionSets", 6, 2),
        ("ListPermissionSets", json!({ "InstanceArn": INSTANCE, "MaxResults": 6 }), "PermissionSets", 6, 1),
        ("ListPermissionSets", json!({ "InstanceArn": INSTANCE }), "PermissionSets", 6, 1),
        (
            "ListOrganizationalUnitsForParent",
            json!({ "ParentId": "r-ab12", "MaxResults": 1 }),
            "OrganizationalUnits",
            3,
            3,
        ),
        ("ListGroups", json!({ "IdentityStoreId": "d-1234567890", "MaxResults": 3 }), "Groups", 4, 2),
        ("ListAccounts", json!({}), "Accounts", 8, 2),
        ("ListAccounts", json!({ "MaxResults": 3 }), "Accounts", 8, 4),
    ];
    for (operation, body, member, length, expected) in cases {
        let (mut items, count) = pages(&stand_in, operation, &body, member).await;
        assert_eq!((items.len(), count), (length, expected), "{operation} with {body}");
        items.sort_by_key(Value::to_string);
        items.dedup();
        assert_eq!(items.len(), length, "{operation} with {body} repeats itself");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_never_longer_than_asked_for_or_set() {
    let stand_in = stand_in_with(Settings { page_size: 2, ..settings() });
    for (max_results, longest) in [(json!(1), 1), (json!(100), 2), (Value::Null, 2)] {
        let body = json!({ "InstanceArn": INSTANCE, "MaxResults": max_results });
        let (_, answer) = call(&stand_in, "ListPermissionSets", &body).await;
        assert_eq!(answer["PermissionSets"].as_array().map(Vec::len), Some(longest), "{body}");
    }
    for (operation, max_results) in
        [("ListInstances", 0), ("ListInstances", 101), ("ListRoots", 21), ("ListRoots", 0)]
    {
        let (status, answer) = call(&stand_in, operation, &json!({ "MaxResults": max_results })).await;
        assert_eq!((status, &answer["__type"]), (400, &json!(invalid(operation))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_only_for_the_list_that_gave_it() {
    let stand_in = stand_in();
    let (_, first) =
        call(&stand_in, "ListPermissionSets", &json!({ "InstanceArn": INSTANCE, "MaxResults": 1 })).await;
    let body = json!({ "InstanceArn": INSTANCE, "AccountId": CLASS_7, "NextToken": first["NextToken"] });
    let (status, answer) = call(&stand_in, "ListPermissionSetsProvisionedToAccount", &body).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")));
    let (status, _) =
        call(&stand_in, "ListPermissionSets", &json!({ "InstanceArn": INSTANCE, "NextToken": "1" })).await;
    assert_eq!(status, 400);
}

#[tokio::test(start_paused = true)]
async fn an_account_has_a_state_and_a_path() {
    let stand_in = stand_in();
    let without_paths = stand_in_with(Settings { paths: false, ..settings() });
    let cases = [
        (CLASS_7, "ACTIVE", "ACTIVE", "o-a1b2c3d4e5/r-ab12/ou-ab12-55555555/ou-ab12-66666666/111122223333/"),
        ("123456789012", "ACTIVE", "ACTIVE", "o-a1b2c3d4e5/r-ab12/123456789012/"),
        (
            "666677778888",
            "PENDING_ACTIVATION",
            "ACTIVE",
            "o-a1b2c3d4e5/r-ab12/ou-ab12-55555555/666677778888/",
        ),
        (
            "777788889999",
            "SUSPENDED",
            "SUSPENDED",
            "o-a1b2c3d4e5/r-ab12/ou-ab12-22222222/ou-ab12-44444444/777788889999/",
        ),
    ];
    for (id, state, status, path) in cases {
        let body = json!({ "AccountId": id });
        let (_, answer) = call(&stand_in, "DescribeAccount", &body).await;
        let account = &answer["Account"];
        assert_eq!((&account["State"], &account["Status"]), (&json!(state), &json!(status)), "{id}");
        assert_eq!(account["Paths"], json!([path]));
        assert_eq!(
            account["Arn"],
            json!(format!("arn:aws:organizations::123456789012:account/o-a1b2c3d4e5/{id}"))
        );
        let (_, answer) = call(&without_paths, "DescribeAccount", &body).await;
        assert_eq!(answer["Account"].get("Paths"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_accounts_are_listed_in_little_time() {
    let stand_in = stand_in();
    stand_in.edit(|organization| {
        let template = organization.accounts[1].clone();
        organization.accounts.extend((0..10_000u64).map(|number| stand_in::Account {
            id: format!("{:012}", 800_000_000_000 + number),
            ..template.clone()
        }));
    });
    let started = std::time::Instant::now();
    let (accounts, _) = pages(&stand_in, "ListAccounts", &json!({}), "Accounts").await;
    assert_eq!(accounts.len(), 10_008);
    assert!(started.elapsed().as_secs() < 10, "it took {:?}", started.elapsed());
}

#[test]
fn the_sample_is_sound_and_every_fault_of_an_organization_is_reported() {
    assert_eq!(Organization::sample().faults(), Vec::<String>::new());
    type Spoil = fn(&mut Organization);
    let cases: [(Spoil, &str); 9] = [
        (|organization| organization.id = "o-1".to_owned(), "OrganizationId \"o-1\" must match"),
        (|organization| organization.accounts[1].id = "42".to_owned(), "AccountId \"42\" must match"),
        (
            |organization| organization.groups[0].id = "auditors".to_owned(),
            "PrincipalId \"auditors\" must match",
        ),
        (
            |organization| organization.groups[1].name = "auditors".to_owned(),
            "group name \"auditors\" is there twice",
        ),
        (
            |organization| organization.permission_sets[0].name = "a b".to_owned(),
            "PermissionSetName \"a b\" must match",
        ),
        (
            |organization| organization.instance_arn = INSTANCE.replace("72", "00"),
            "belongs to another instance",
        ),
        (
            |organization| organization.accounts[2].parent = "ou-ab12-00000000".to_owned(),
            "does not lead to the root",
        ),
        (
            |organization| organization.organizational_units[1].parent = "ou-ab12-33333333".to_owned(),
            "does not lead to the root",
        ),
        (|organization| drop(organization.accounts.remove(0)), "is not among the accounts"),
    ];
    for (spoil, expected) in cases {
        let mut organization = Organization::sample();
        spoil(&mut organization);
        let faults = organization.faults();
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected:?} is not in {faults:?}");
    }
}
