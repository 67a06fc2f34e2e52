//! The facts of one step. When nothing has changed since the last one: two pages of enabled controls for 400 of them, the
//! operations under way, those that failed, and the landing zone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use assigner_aws::{control_tower::ControlTower, organizations::Organizations};
use assigner_core::{
    cause::{CallError, Cause},
    controls::{
        facts::{Enabled, Facts, Fate, LandingZone, OperationStatus},
        parameters::Parameters,
        plan::Need,
        tree::Tree,
    },
};
use futures_util::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{
    known::{Known, READS_AT_ONCE},
    statements,
};
use crate::error::Error;

/// The longest that one fact may take. AWS may throttle one OU for as long as it likes, and the others do not wait.
pub(super) const LONGEST_READ: Duration = Duration::from_secs(30);

/// Reads what every plan needs.
pub async fn facts(
    tower: &ControlTower,
    known: &Known,
    tree: &Tree,
    now: OffsetDateTime,
) -> Result<Facts, Error> {
    let zone = async {
        let none = "there is no landing zone in this Region; run in Control Tower's home Region, in the management \
                    account";
        let zone = tower.landing_zone().await?;
        zone.ok_or_else(|| Error::InvalidConfig(vec![none.to_owned()]))
    };
    // What is under way is read first: an operation that ends meanwhile is then seen as ended or as under way, and never
    // as nothing.
    let mut under_way = tower.under_way().await?;
    let enabled = async { Ok(enabled(tower, tree).await?) };
    let failed = async { Ok::<_, Error>(tower.failed(now).await?) };
    let (zone, (mut enabled, unread_units), failed) = tokio::try_join!(zone, enabled, failed)?;
    // Always in the same order, in which a snapshot has them as well.
    enabled.sort_by(|one, other| one.arn.cmp(&other.arn));
    under_way.sort_by(|one, other| one.id.cmp(&other.id));
    let security = zone.security_unit.as_deref().and_then(|name| {
        let top = tree.tops().find(|place| tree.units()[*place].name == name)?;
        Some(tree.units()[top].id.clone())
    });
    let zone =
        LandingZone { version: zone.version, is_processing: zone.is_processing, security_unit: security };
    let mut facts = Facts::new(now, zone);
    (facts.enabled, facts.under_way, facts.failed) = (enabled, under_way, failed);
    facts.unread_units = unread_units;
    let remembered = known.lock();
    facts.parameters = remembered.parameters.clone();
    facts.fates = remembered.fates.clone();
    Ok(facts)
}

/// Returns what is enabled on OUs: by one list of the whole organization, or OU by OU if AWS does not give that. Then
/// also the OUs, by id, that could not be read, with the reason.
async fn enabled(
    tower: &ControlTower,
    tree: &Tree,
) -> Result<(Vec<Enabled>, BTreeMap<String, String>), CallError> {
    match tower.enabled(None).await {
        Err(CallError { cause: Cause::Invalid, .. }) => {}
        listed => return Ok((listed?, BTreeMap::new())),
    }
    let of_units: Vec<_> = stream::iter(tree.units())
        .map(async |unit| (unit, timeout(LONGEST_READ, tower.enabled(Some(&unit.arn))).await))
        .buffered(READS_AT_ONCE)
        .collect()
        .await;
    let (mut all, mut unread) = (Vec::new(), BTreeMap::new());
    for (unit, listed) in of_units {
        match listed {
            Ok(Ok(listed)) => all.extend(listed),
            // It is not registered, so nothing is enabled there.
            Ok(Err(CallError { cause: Cause::NotFound, .. })) => {}
            Ok(Err(error)) if is_about_everything(&error) => return Err(error),
            Ok(Err(error)) => _ = unread.insert(unit.id.clone(), error.to_string()),
            Err(_) => _ = unread.insert(unit.id.clone(), too_long()),
        }
    }
    // A list of an OU may repeat what an OU above has.
    let mut seen = BTreeSet::new();
    all.retain(|one| seen.insert(one.arn.clone()));
    Ok((all, unread))
}

pub(super) fn too_long() -> String {
    format!("AWS gave no answer within {} seconds", LONGEST_READ.as_secs())
}

/// Whether every other call would fail alike.
pub(super) fn is_about_everything(error: &CallError) -> bool {
    error.cause == Cause::Credentials
}

/// Reads what a plan still has to know. Returns the ARNs of which the catalogue has to be asked. What cannot be read is
/// noted in the facts, and settles only what depends on it.
pub async fn fill(
    tower: &ControlTower,
    organizations: &Organizations,
    known: &Known,
    tree: &Tree,
    needs: &BTreeSet<Need>,
    facts: &mut Facts,
) -> Result<Vec<String>, CallError> {
    enum Answer {
        Parameters((String, Option<String>), Parameters),
        Fate(String, Fate),
        Registered(String, bool),
        Attached(
            (String, assigner_core::controls::catalogue::Mechanism),
            assigner_core::controls::facts::Attached,
        ),
        Control(String),
        /// With others of its kind.
        Before,
    }
    let ask = async |need: &Need| {
        Ok::<_, CallError>(match need {
            Need::Control(arn) => Answer::Control(arn.clone()),
            Need::Statement(..) => Answer::Before,
            Need::Parameters(arn, last) => {
                let parameters = tower.parameters(arn).await?.unwrap_or_default();
                Answer::Parameters((arn.clone(), last.clone()), parameters)
            }
            Need::Operation(id) => Answer::Fate(id.clone(), tower.operation(id).await?),
            Need::Registered(id) => {
                let unit = tree.place(id).map(|place| &tree.units()[place]);
                let listed = match unit {
                    Some(unit) => tower.enabled(Some(&unit.arn)).await.map(|_| true),
                    None => Ok(false),
                };
                match listed {
                    Err(CallError { cause: Cause::NotFound, .. }) => Answer::Registered(id.clone(), false),
                    listed => Answer::Registered(id.clone(), listed?),
                }
            }
            Need::Attached(id, mechanism) => {
                let attached = organizations.attached(id, *mechanism).await?;
                Answer::Attached((id.clone(), *mechanism), attached)
            }
        })
    };
    // Each policy is read once, so these are read together.
    let asked: BTreeSet<_> = needs
        .iter()
        .filter_map(|need| match need {
            Need::Statement(unit, sid) => Some((unit.clone(), sid.clone())),
            _ => None,
        })
        .collect();
    for (asked, has) in statements::read(organizations, &asked).await? {
        match has {
            Ok(has) => _ = facts.statements.insert(asked, has),
            Err(reason) => _ = facts.unread.insert(Need::Statement(asked.0, asked.1), reason),
        }
    }
    let answers: Vec<_> = stream::iter(needs)
        .map(async |need| (need, timeout(LONGEST_READ, ask(need)).await))
        .buffered(READS_AT_ONCE)
        .collect()
        .await;
    let (mut arns, mut taken) = (Vec::new(), Vec::new());
    let mut remembered = known.lock();
    for (need, answer) in answers {
        let reason = match answer {
            Ok(Ok(answer)) => {
                taken.push(answer);
                continue;
            }
            Ok(Err(error)) if is_about_everything(&error) => return Err(error),
            Ok(Err(error)) => error.to_string(),
            Err(_) => too_long(),
        };
        facts.unread.insert(need.clone(), reason);
    }
    for answer in taken {
        match answer {
            Answer::Control(arn) => arns.push(arn),
            Answer::Before => {}
            Answer::Parameters(key, parameters) => {
                remembered.parameters.insert(key.clone(), parameters.clone());
                facts.parameters.insert(key, parameters);
            }
            Answer::Fate(id, fate) => {
                let is_over = match &fate {
                    Fate::Known(operation) => operation.status != OperationStatus::InProgress,
                    Fate::Forgotten => true,
                };
                if is_over {
                    remembered.fates.insert(id.clone(), fate.clone());
                }
                facts.fates.insert(id, fate);
            }
            Answer::Registered(id, is_registered) => _ = facts.registered.insert(id, is_registered),
            Answer::Attached(key, attached) => _ = facts.attached.insert(key, attached),
        }
    }
    Ok(arns)
}
