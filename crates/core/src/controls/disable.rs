//! Which enabled controls may be disabled because a person named them: those that no row wants and that the landing zone
//! does not need. Nothing else in the house wants a control disabled.

use super::{
    Table,
    catalogue::Control,
    facts::{Enabled, Enablement, OperationKind},
    guide,
    picture::Picture,
    tree::Place,
    wish::Wishes,
};
use crate::ids;

/// An enabled control that may be disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Of the enabled control.
    pub arn: String,
    /// The control, in the form of the ARN by which it was enabled.
    pub control: String,
    /// The ARN of the OU.
    pub target: String,
    /// The id of the OU.
    pub unit: String,
    pub path: String,
    /// The guide's name, or the last part of the control's ARN.
    pub name: String,
    /// The path of an OU above from which the OU has the control all the same.
    pub above: Option<String>,
    /// The operation that disables it already.
    pub under_way: Option<String>,
}

/// Returns the enabled controls, in the order of `named`: each an ARN or the last part of it.
///
/// # Errors
/// Every reason why one of them may not be disabled. Then none may.
pub fn judge(
    named: &[String],
    picture: &Picture,
    table: &Table,
    wishes: &Wishes<'_>,
) -> Result<Vec<Doomed>, Vec<String>> {
    let Picture { facts, .. } = picture;
    let mut refused = Vec::new();
    if facts.landing_zone.is_processing {
        refused.push("the landing zone is being changed; wait until it is done".to_owned());
    }
    let mut doomed: Vec<Doomed> = Vec::new();
    for name in named {
        let is_meant = |one: &&Enabled| one.arn == *name || ids::last_part(&one.arn) == name;
        let mut meant = facts.enabled.iter().filter(is_meant);
        match (meant.next(), meant.next()) {
            (Some(enabled), None) => match one(enabled, picture, table, wishes) {
                Ok(one) if doomed.iter().any(|before| before.arn == one.arn) => {}
                Ok(one) => doomed.push(one),
                Err(reason) => refused.push(format!("{name}: {reason}")),
            },
            (Some(_), Some(_)) => {
                refused.push(format!("{name}: several enabled controls have it; give the ARN"))
            }
            (None, _) => refused.push(absent(name, picture)),
        }
    }
    if refused.is_empty() { Ok(doomed) } else { Err(refused) }
}

fn absent(name: &str, picture: &Picture) -> String {
    let unread = &picture.facts.unread_units;
    if unread.is_empty() {
        return format!(
            "{name}: no OU has such an enabled control; `controls plan` prints the ARN of what is `extra`"
        );
    }
    let tree = &picture.tree;
    let paths = unread.keys().map(|id| tree.place(id).map_or(id.clone(), |place| tree.path(place)));
    let paths: Vec<String> = paths.collect();
    format!("{name}: no OU has such an enabled control, but those of {} could not be read", paths.join(", "))
}

fn one(enabled: &Enabled, picture: &Picture, table: &Table, wishes: &Wishes<'_>) -> Result<Doomed, String> {
    let Picture { tree, catalogue, facts, .. } = picture;
    let id = catalogue.identity(&enabled.control);
    let last = ids::last_part(&enabled.control);
    let control = catalogue.find(id);
    let name = control.map(Control::name).or(guide::known_name(id)).unwrap_or(last).to_owned();
    let Some(place) = tree.place(enabled.unit()) else {
        return Err(format!("its OU {} is not in the organization", enabled.unit()));
    };
    let path = tree.path(place);
    let forbidden = guide::forbidden(last).or_else(|| control.and_then(Control::forbidden));
    if let Some(forbidden) = forbidden {
        return Err(format!("{name} {}; it cannot be disabled", forbidden.problem()));
    }
    if let Some(rows) = wanting(place, id, table, wishes) {
        return Err(format!(
            "{rows} of the table wants {name} on {path}; take it out of the table first, or it is enabled again"
        ));
    }
    let unresolved =
        wishes.unresolved.iter().find(|one| one.controls.iter().any(|control| control.id() == id));
    if let Some(unresolved) = unresolved {
        return Err(format!(
            "row {} wants {name} on the OU {}, which does not exist, and may mean this one; correct the row first",
            row(table, unresolved.row),
            unresolved.unit
        ));
    }
    let is_it = |operation: &&super::facts::Operation| {
        operation.unit() == enabled.unit() && catalogue.identity(&operation.control) == id
    };
    let under_way = match facts.under_way.iter().find(is_it) {
        Some(operation) if operation.kind == OperationKind::Disable => Some(operation.id.clone()),
        Some(operation) => {
            return Err(format!("{} on {path}; wait until that is done", operation.kind.words()));
        }
        None if enabled.status == Enablement::UnderChange => {
            return Err(format!(
                "{} for it on {path}; wait until that is done",
                OperationKind::Other.words()
            ));
        }
        None => None,
    };
    Ok(Doomed {
        arn: enabled.arn.clone(),
        control: enabled.control.clone(),
        target: enabled.target.clone(),
        unit: enabled.unit().to_owned(),
        above: above(place, id, picture),
        path,
        name,
        under_way,
    })
}

/// Returns the rows that want the control on the OU, as a person names them.
fn wanting(place: Place, id: &str, table: &Table, wishes: &Wishes<'_>) -> Option<String> {
    let wish = wishes.own.get(&(place, id))?;
    let rows: Vec<String> = wish.rows.iter().map(|index| row(table, *index)).collect();
    Some(format!("row {}", rows.join(" and ")))
}

fn row(table: &Table, index: usize) -> String {
    table.rows.get(index).map_or_else(|| (index + 1).to_string(), |row| row.id.clone())
}

/// Returns the nearest OU above that has the control as well, if OUs inherit it.
fn above(place: Place, id: &str, picture: &Picture) -> Option<String> {
    let Picture { tree, catalogue, facts, .. } = picture;
    catalogue.find(id).filter(|control| control.is_inherited())?;
    let has = |place: &Place| {
        let unit = &tree.units()[*place].id;
        facts.enabled.iter().any(|one| {
            one.unit() == unit
                && one.status == Enablement::Succeeded
                && catalogue.identity(&one.control) == id
        })
    };
    tree.above(place).find(has).map(|above| tree.path(above))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::controls::{
        catalogue::Catalogue,
        facts::{Drift, Facts, LandingZone, Operation, OperationStatus, Version},
        tree::Tree,
        wish,
    };

    const SCP: &str = "AWS::Organizations::Policy::SERVICE_CONTROL_POLICY";

    fn picture() -> Picture {
        let mut catalogue = Catalogue::default();
        catalogue.add(Control::of("AWS-GR_RESTRICT_ROOT_USER", SCP, &[]), &["AWS-GR_RESTRICT_ROOT_USER"]);
        catalogue.add(Control::of("AWS-GR_CLOUDTRAIL_ENABLED", SCP, &[]), &[]);
        catalogue.add(Control::of("CT.EC2.PV.1", SCP, &[]), &["ABCDEFGHIJKL"]);
        let tree = Tree::of(&["W", "W/P", "E"]);
        let zone = LandingZone { version: Version(4, 0), is_processing: false, security_unit: None };
        let mut facts = Facts::new(datetime!(2026-11-01 12:00 UTC), zone);
        let mut enable = |id: &str, control: &str, place: Place| {
            facts.enabled.push(Enabled {
                arn: format!("arn:aws:controltower:eu-west-1:123456789012:enabledcontrol/{id}"),
                control: control.to_owned(),
                target: tree.units()[place].arn.clone(),
                status: Enablement::Succeeded,
                last_operation: None,
                drift: Drift::None,
            });
        };
        let root = catalogue.find("AWS-GR_RESTRICT_ROOT_USER").unwrap().arn.clone();
        let trail = catalogue.find("AWS-GR_CLOUDTRAIL_ENABLED").unwrap().arn.clone();
        // In the order of names: E, W, W/P.
        enable("ROOTOFW", &root, 1);
        enable("ROOTOFP", &root, 2);
        enable("TRAIL", &trail, 1);
        enable("EC2OFE", "arn:aws:controltower:eu-west-1::control/ABCDEFGHIJKL", 0);
        Picture { tree, catalogue, facts, accounts: None }
    }

    fn judged(picture: &Picture, rows: &str, named: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let text = format!(r#"{{ "controls": [{rows}] }}"#);
        let table: Table = crate::table::parse(text.as_bytes()).unwrap();
        let wishes =
            wish::wishes(&table, &picture.catalogue, &picture.tree, None, picture.facts.now).unwrap();
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let doomed = judge(&named, picture, &table, &wishes)?;
        Ok(doomed.iter().map(|one| format!("{} on {} {:?}", one.name, one.path, one.above)).collect())
    }

    const ROW: &str = r#"{ "id": "ec2", "control": "CT.EC2.PV.1", "ous": ["W"] }"#;

    #[test]
    fn what_no_row_wants_may_be_disabled_by_its_arn_or_its_last_part() {
        let picture = picture();
        let arn = "arn:aws:controltower:eu-west-1:123456789012:enabledcontrol/EC2OFE";
        assert_eq!(
            judged(&picture, ROW, &["ROOTOFP", arn, "EC2OFE"]),
            Ok(vec!["AWS-GR_RESTRICT_ROOT_USER on W/P Some(\"W\")".into(), "CT.EC2.PV.1 on E None".into()])
        );
    }

    #[test]
    fn whatever_speaks_against_one_of_them_refuses_all_with_every_reason() {
        let refused = |picture: &Picture, rows: &str, named: &[&str]| {
            judged(picture, rows, named).unwrap_err().join("\n")
        };
        let mut picture = picture();
        let rows = r#"{ "id": "roots", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["W"] },
                      { "id": "more", "control": "CT.EC2.PV.1", "ous": ["Old"] }"#;
        let all = refused(&picture, rows, &["ROOTOFW", "TRAIL", "EC2OFE", "NONE"]);
        for part in
            ["row roots of the table wants", "is mandatory", "row more wants", "Old", "NONE: no OU has"]
        {
            assert!(all.contains(part), "{part}: {all}");
        }
        assert_eq!(all.lines().count(), 4, "{all}");
        // The OU below has it of its own and the row names only the one above.
        assert!(judged(&picture, rows, &["ROOTOFP"]).is_ok());

        let operation = |kind| Operation {
            id: "op".into(),
            kind,
            status: OperationStatus::InProgress,
            message: None,
            started: None,
            ended: None,
            control: picture.facts.enabled[3].control.clone(),
            target: picture.facts.enabled[3].target.clone(),
        };
        let (disabling, updating) = (operation(OperationKind::Disable), operation(OperationKind::Update));
        picture.facts.enabled[3].status = Enablement::UnderChange;
        assert!(refused(&picture, ROW, &["EC2OFE"]).contains("under way"));
        picture.facts.under_way = vec![updating];
        assert!(refused(&picture, ROW, &["EC2OFE"]).contains("parameters are being changed"));
        picture.facts.under_way = vec![disabling];
        assert!(judged(&picture, ROW, &["EC2OFE"]).is_ok(), "it is followed to its end");
        picture.facts.landing_zone.is_processing = true;
        assert!(refused(&picture, ROW, &["EC2OFE"]).contains("landing zone"));
        picture.facts.unread_units.insert(picture.tree.units()[0].id.clone(), "denied".into());
        assert!(refused(&picture, ROW, &["NONE"]).contains("those of E could not be read"));
    }
}
