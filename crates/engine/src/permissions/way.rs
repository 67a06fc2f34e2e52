//! Reads what stood in the way of a policy generation that was not allowed to read the log. Only after one failed; what
//! is the same for all accounts is read once. What cannot be read is passed on as not known, with the reason.

use assigner_aws::permissions::{Member, Role, Trail};
use assigner_core::{
    cause::CallError,
    ids::AccountId,
    permissions::{
        logs::Place,
        resource_policy,
        way::{self, Bucket, Diagnosis, Known, ON_ALL, ON_BUCKET, ON_KEY, ON_OBJECTS, Way},
    },
};
use tokio::sync::OnceCell;

use super::{
    logs::{Logs, Purpose},
    usage::Aws,
};

/// The log bucket of the organization's trail, which is read when the first account needs it.
pub struct LogBucket<'a> {
    aws: Aws<'a>,
    read: OnceCell<Result<Facts, String>>,
}

/// What the bucket has, or why that is not known.
struct Facts {
    place: Place,
    policy: Result<Option<String>, String>,
    ownership: Result<Option<String>, String>,
    key: Result<Option<String>, String>,
}

impl<'a> LogBucket<'a> {
    pub fn new(aws: Aws<'a>) -> LogBucket<'a> {
        LogBucket { aws, read: OnceCell::new() }
    }

    async fn facts(&self, trail: &Trail) -> Result<&Facts, String> {
        if !trail.of_organization {
            return Err("only the bucket of the organization's trail is looked at".to_owned());
        }
        let Aws { sessions, organizations, tower, .. } = self.aws;
        let read = async {
            let logs = Logs::of(trail.clone(), sessions, organizations, tower, Purpose::Look).await;
            let logs = logs.map_err(|error| error.to_string())?;
            let bucket = logs.of_bucket();
            let (policy, ownership, key) = tokio::join!(bucket.policy(), bucket.ownership(), bucket.key());
            let text = |error: CallError| error.to_string();
            Ok(Facts {
                place: logs.place().clone(),
                policy: policy.map_err(text),
                ownership: ownership.map_err(text),
                key: key.map_err(text),
            })
        };
        let facts = self.read.get_or_init(|| read).await.as_ref().map_err(Clone::clone)?;
        // Two trails of organizations are nothing that AWS has.
        if facts.place.bucket == trail.bucket { Ok(facts) } else { Err("another bucket was read".to_owned()) }
    }

    /// Returns why a generation in an account failed, with AWS's message.
    pub async fn diagnose(
        &self,
        member: &Member,
        account: &AccountId,
        trail: &Trail,
        access_role: Option<&Role>,
        message: &str,
    ) -> Diagnosis {
        let none = || Known::Not(String::new());
        let Some(role) = access_role else {
            let way = Way {
                access_role: None,
                trust: none(),
                refused: Ok(Vec::new()),
                bucket: &trail.bucket,
                objects: "",
                policy: Bucket::Not(String::new()),
                ownership: none(),
                key: Ok(None),
            };
            return way::diagnose(&way, message);
        };
        let facts = self.facts(trail).await;
        let part = |error: &String| error.clone();
        let (policy, ownership) = match &facts {
            Ok(Facts { place, policy, ownership, .. }) => (
                match policy {
                    Ok(policy) => resource_policy::bucket(policy.as_deref(), place, account, &role.arn),
                    Err(why) => Bucket::Not(why.clone()),
                },
                match ownership {
                    Ok(rule) => resource_policy::ownership(rule.as_deref()),
                    Err(why) => Known::Not(why.clone()),
                },
            ),
            Err(why) => (Bucket::Not(why.clone()), Known::Not(why.clone())),
        };
        // The trail names the key that it encrypts with; without one the bucket's own counts.
        let key = match (&trail.key, &facts) {
            (Some(key), _) => Ok(Some(key.as_str())),
            (None, Ok(facts)) => facts.key.as_ref().map(Option::as_deref).map_err(part),
            (None, Err(why)) => Err(why.clone()),
        };
        let partition = role.arn.split(':').nth(1).unwrap_or("aws");
        let bucket_arn = format!("arn:{partition}:s3:::{}", trail.bucket);
        let objects = match &facts {
            Ok(facts) => facts.place.objects(account.as_str()),
            Err(_) => format!("{bucket_arn}/*"),
        };
        let (trust, refused) = tokio::join!(
            trust(member, account, role),
            refused(member, role, trail, (&bucket_arn, &objects), key.as_ref().ok().copied().flatten()),
        );
        let way = Way {
            access_role: Some(&role.arn),
            trust,
            refused,
            bucket: &trail.bucket,
            objects: &objects,
            policy,
            ownership,
            key,
        };
        way::diagnose(&way, message)
    }
}

async fn trust(member: &Member, account: &AccountId, role: &Role) -> Known {
    match member.role(&role.name).await {
        Ok(Some(found)) => resource_policy::trust(&found.trust, account),
        Ok(None) => Known::Not("the role is gone".to_owned()),
        Err(error) => Known::Not(error.to_string()),
    }
}

/// Returns what the policies of the role do not allow it.
async fn refused(
    member: &Member,
    role: &Role,
    trail: &Trail,
    (bucket, objects): (&str, &str),
    key: Option<&str>,
) -> Result<Vec<String>, String> {
    let via = trail.home_region.as_ref().map(|region| format!("s3.{region}.amazonaws.com"));
    let mut context = vec![("kms:EncryptionContext:aws:cloudtrail:arn", trail.arn.as_str())];
    context.extend(via.as_deref().map(|via| ("kms:ViaService", via)));
    let mut asks = vec![(ON_ALL, "*", &[][..]), (&[ON_BUCKET], bucket, &[]), (&[ON_OBJECTS], objects, &[])];
    asks.extend(key.map(|key| (&[ON_KEY][..], key, context.as_slice())));
    let (mut all, mut unclear) = (Vec::new(), Vec::new());
    for (actions, resource, context) in asks {
        for one in
            member.refused(&role.arn, actions, resource, context).await.map_err(|error| error.to_string())?
        {
            if one.missing.is_empty() {
                all.push(one.action);
            } else {
                unclear.push(format!("{} depends on {}", one.action, one.missing.join(", ")));
            }
        }
    }
    // One that is certain is enough.
    if all.is_empty() && !unclear.is_empty() { Err(unclear.join(", ")) } else { Ok(all) }
}
