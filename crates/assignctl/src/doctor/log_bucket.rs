//! The log bucket: whether `permission-set logs open` or `usage --open-logs` left their statement in its policy. The bucket
//! is found as `permission-set logs status` finds it, and the session that reads its policy cannot write.

use std::sync::Arc;

use assigner_aws::{client::Tally, control_tower::ControlTower, permissions::Sessions};
use assigner_core::{cause::Cause, permissions::logs::Status as Bucket};
use assigner_engine::{
    error::Error,
    permissions::logs::{self, Logs, Purpose},
};

use super::{
    Examined,
    check::{self, Check, Group, PATIENCE, Status, Topic, ask, within},
    identity::Caller,
};
use crate::permissions::logs::CLOSE;

/// What to do if nobody knows whether the statement is there.
const LOOK: &str = "look with `assignctl permission-set logs status` in the management account";

pub fn topic() -> Topic {
    check::topic(Group::PermissionSets, "log-bucket", "log bucket")
}

pub async fn look(examined: &Examined<'_>) -> Check {
    let Examined { session, sdk, organizations, caller, management, .. } = examined;
    let sessions = Sessions::new(sdk, Arc::new(Tally::default()));
    let trail = match ask(session, "cloudtrail:DescribeTrails", logs::trail(&sessions)).await {
        Ok(Some(trail)) => trail,
        Ok(None) => return topic().ok("this account sees no trail, so there is no log that could be open"),
        Err(error) => return topic().not_answered(&error, Status::Unknown),
    };
    let bucket = trail.bucket.clone();
    match (caller, management) {
        (Some(Caller { account, .. }), Some(management)) if account != management => {
            let why = format!(
                "the policy of {bucket} was not read: {account} is not the management account, and the role of \
                 the account for logs trusts no other"
            );
            return topic().unknown(why, LOOK);
        }
        _ => {}
    }
    let tower = ControlTower::new(sdk, Arc::new(Tally::default()));
    let status = async {
        let logs = Logs::of(trail, &sessions, organizations, &tower, Purpose::Look).await?;
        logs.status().await
    };
    let late = || Err(Error::Late { what: "the log bucket", last: None });
    judge(&bucket, within(session, PATIENCE, status).await.unwrap_or_else(late))
}

fn judge(bucket: &str, status: Result<Bucket, Error>) -> Check {
    match status {
        Ok(Bucket::Closed) => topic().ok(format!("our statement is not in the policy of {bucket}")),
        Ok(Bucket::Open) => topic().failed(
            format!(
                "the policy of {bucket} lets Access Analyzer's roles read the log. Unless a `usage --open-logs` runs at \
                 this moment, it was forgotten"
            ),
            CLOSE,
        ),
        Ok(Bucket::Changed) => topic().failed(
            format!("a statement in the policy of {bucket} has the Sid of ours and says something else"),
            CLOSE,
        ),
        Err(Error::Call(error)) if error.cause != Cause::Denied => {
            topic().not_answered(&error, Status::Unknown)
        }
        Err(Error::Call(error)) => topic().unknown(
            format!("the policy of {bucket} was not read: {error}"),
            format!("allow this identity {}, or {LOOK}", error.operation),
        ),
        Err(error) => topic().unknown(format!("the policy of {bucket} was not read: {error}"), LOOK),
    }
}

#[cfg(test)]
mod tests {
    use assigner_core::cause::CallError;

    use super::*;

    #[test]
    fn a_bucket_is_good_only_if_its_policy_was_read() {
        let call = |cause, operation| {
            Err(Error::Call(CallError { operation, cause, code: None, message: "no".to_owned() }))
        };
        let close = "`assignctl permission-set logs close`";
        for (status, expected, remedy) in [
            (Ok(Bucket::Closed), Status::Ok, ""),
            (Ok(Bucket::Open), Status::Failed, close),
            (Ok(Bucket::Changed), Status::Failed, close),
            (
                call(Cause::Denied, "sts:AssumeRole"),
                Status::Unknown,
                "allow this identity sts:AssumeRole, or look",
            ),
            (call(Cause::Throttled, "s3:GetBucketPolicy"), Status::Unknown, "later"),
            (call(Cause::NotFound, "s3:GetBucketPolicy"), Status::Unknown, "see what the service says"),
            (
                Err(Error::InvalidConfig(vec!["no account for logs".to_owned()])),
                Status::Unknown,
                "logs status",
            ),
            (Err(Error::Late { what: "the log bucket", last: None }), Status::Unknown, "logs status"),
        ] {
            let check = judge("logs", status);
            assert_eq!(check.status, expected, "{check:?}");
            assert!(check.remedy.clone().unwrap_or_default().contains(remedy), "{check:?}");
        }
    }
}
