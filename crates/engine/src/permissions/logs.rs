//! Finds the organization's log bucket, and opens and closes it for Access Analyzer's roles. Each write follows a read of
//! the policy, and is read again. It touches no key.

use std::time::Duration;

use assigner_aws::{
    control_tower::ControlTower,
    organizations::Organizations,
    permissions::{Bucket, Sessions, Trail},
};
use assigner_core::{
    cause::{CallError, Cause, Retry},
    permissions::{
        logs::{self, Place, Problem, Status},
        narrow,
    },
};
use tokio::time::sleep;

use crate::error::Error;

/// The role of the log archive that Control Tower's guard of the bucket exempts.
const ROLE: &str = "AWSControlTowerExecution";
/// How often a change is written at most. Others may change the policy at the same time.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// What a bucket is found for. A session that looks cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Look,
    Change,
}

/// The log bucket.
#[derive(Debug)]
pub struct Logs {
    bucket: Bucket,
    place: Place,
    trail: String,
    key: Option<String>,
}

/// Returns the trail whose log is read: the organization's, or one of this account.
pub async fn trail(sessions: &Sessions) -> Result<Option<Trail>, CallError> {
    let mut trails = sessions.own().trails().await?;
    trails.sort_by_key(|trail| !trail.of_organization);
    Ok(trails.into_iter().next())
}

fn none(what: &str) -> Error {
    Error::InvalidConfig(vec![format!("{what}; use --source last-accessed")])
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Done,
    /// It was so before, and nothing was written.
    None,
}

impl Logs {
    /// Finds the bucket from the organization's trail, and its account from the landing zone.
    ///
    /// # Errors
    /// If one of them cannot be read, or there is none.
    pub async fn find(
        sessions: &Sessions,
        organizations: &Organizations,
        tower: &ControlTower,
        purpose: Purpose,
    ) -> Result<Logs, Error> {
        let trail = trail(sessions).await?;
        let trail =
            trail.ok_or_else(|| none("this account has no trail, of its own or of the organization"))?;
        Logs::of(trail, sessions, organizations, tower, purpose).await
    }

    /// Finds the account of a trail's bucket from the landing zone.
    ///
    /// # Errors
    /// As [`Logs::find`].
    pub async fn of(
        trail: Trail,
        sessions: &Sessions,
        organizations: &Organizations,
        tower: &ControlTower,
        purpose: Purpose,
    ) -> Result<Logs, Error> {
        let (organization, zone) = tokio::try_join!(organizations.organization_id(), tower.landing_zone())?;
        let archive = zone.and_then(|zone| zone.log_archive);
        let archive = archive.ok_or_else(|| {
            none("the landing zone names no account for logs, so that nobody knows whose the bucket is")
        })?;
        let partition = sessions.partition().to_owned();
        let policy = match purpose {
            Purpose::Look => narrow::log_reader(&partition, &trail.bucket),
            Purpose::Change => narrow::logs(&partition, &trail.bucket),
        };
        let region = trail.home_region.clone();
        let region = region.ok_or_else(|| none("the trail names no home Region"))?;
        let place = Place {
            partition,
            bucket: trail.bucket,
            prefix: trail.prefix,
            organization,
            of_organization: trail.of_organization,
        };
        let bucket = sessions.bucket(&archive, ROLE, &policy, (&place.bucket, &region)).await?;
        Ok(Logs { bucket, place, trail: trail.arn, key: trail.key })
    }

    pub fn bucket(&self) -> &str {
        self.bucket.name()
    }

    /// Returns where the log is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the bucket itself, for what is read of it besides its policy.
    pub fn of_bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Returns the key that encrypts the log, and the statement that a person adds to its policy.
    pub fn key(&self) -> Option<(&str, String)> {
        let key = self.key.as_deref()?;
        Some((key, format!("{:#}", logs::key_statement(&self.place, &self.trail))))
    }

    /// Returns what the bucket's policy has of our statement.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn status(&self) -> Result<Status, Error> {
        match self.bucket.policy().await? {
            Some(policy) => self.place.status(&policy).map_err(|problem| self.refused(problem)),
            None => Ok(Status::Closed),
        }
    }

    /// Adds the statement.
    ///
    /// # Errors
    /// If the policy has to stay as it is, or cannot be read or written. The statement may have been written all the same.
    pub async fn open(&self) -> Result<Change, Error> {
        self.change(|policy| self.place.open(policy)).await
    }

    /// Takes away what has our `Sid`.
    ///
    /// # Errors
    /// As [`Logs::open`].
    pub async fn close(&self) -> Result<Change, Error> {
        self.change(logs::close).await
    }

    /// Writes until a read shows what was wanted.
    #[expect(clippy::disallowed_methods, reason = "waits until a write shows")]
    async fn change(&self, edit: impl Fn(&str) -> Result<Option<String>, Problem>) -> Result<Change, Error> {
        let mut last: Option<CallError> = None;
        for attempt in 0..ATTEMPTS {
            let policy = self.policy().await?;
            let Some(new) = edit(&policy).map_err(|problem| self.refused(problem))? else {
                return Ok(if attempt == 0 { Change::None } else { Change::Done });
            };
            last = match self.bucket.write_policy(new).await {
                Ok(()) => None,
                Err(error) if error.cause.retry() == Retry::Again || error.cause == Cause::Conflict => {
                    Some(error)
                }
                Err(error) => return Err(error.into()),
            };
            if last.is_none() && edit(&self.policy().await?) == Ok(None) {
                return Ok(Change::Done);
            }
            sleep(PAUSE * (attempt + 1)).await;
        }
        match last {
            Some(error) => Err(error.into()),
            None => Err(Error::InvalidConfig(vec![format!(
                "the policy of the bucket {} does not stay as it was written; see who else changes it",
                self.bucket()
            )])),
        }
    }

    async fn policy(&self) -> Result<String, Error> {
        let none = || Error::InvalidConfig(vec![format!("the bucket {} has no policy", self.bucket())]);
        self.bucket.policy().await?.ok_or_else(none)
    }

    fn refused(&self, problem: Problem) -> Error {
        let (what, next) = problem.sentences();
        Error::InvalidConfig(vec![format!("the bucket {}: {what}; {next}", self.bucket())])
    }
}
