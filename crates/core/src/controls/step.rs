//! What may be sent now: pure. At most so many operations as there is room for, one at a time on each OU, and the OUs
//! with the most left to do first, because their chains end last.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    facts::Facts,
    plan::{Action, Kind, Plan, Verdict},
    tree::{Place, Tree},
};
use crate::cause::{CallError, Cause};

/// Writes that may be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How many operations may be added to those that are under way.
    pub room: usize,
    /// For each OU its writes, as indices of [`Plan::items`]. The next one is sent only if AWS refuses the one before for
    /// a reason of its own.
    pub queues: Vec<Vec<usize>>,
}

/// Returns what may be sent. `most` operations may be under way, those of others included. `selected` says which OUs are
/// asked for; `start`, any number, turns the order of OUs that have equally much to do, so that none is always the last.
pub fn step(
    plan: &Plan,
    tree: &Tree,
    facts: &Facts,
    most: usize,
    selected: impl Fn(Place) -> bool,
    start: usize,
) -> Step {
    let busy: BTreeSet<Place> =
        facts.under_way.iter().filter_map(|operation| tree.place(operation.unit())).collect();
    let changing = |item: usize| matches!(plan.items[item].verdict, Verdict::UnderWay { .. });
    let mut of_unit: BTreeMap<Place, Vec<(Kind, usize)>> = BTreeMap::new();
    let mut blocked = busy;
    for (index, item) in plan.items.iter().enumerate() {
        if changing(index) {
            blocked.insert(item.unit);
        }
        if let Verdict::Due(action) = &item.verdict
            && selected(item.unit)
        {
            of_unit.entry(item.unit).or_default().push((order(action), index));
        }
    }
    let mut queues: Vec<Vec<usize>> = of_unit
        .into_iter()
        .filter(|(unit, _)| !blocked.contains(unit))
        .map(|(_, mut items)| {
            // Resets first: until then AWS refuses the rest on the OU.
            items.sort_by_key(|(kind, index)| (std::cmp::Reverse(*kind), *index));
            items.into_iter().map(|(_, index)| index).collect()
        })
        .collect();
    if !queues.is_empty() {
        let turn = start % queues.len();
        queues.rotate_left(turn);
    }
    queues.sort_by_key(|queue| std::cmp::Reverse(queue.len()));
    Step { room: most.saturating_sub(facts.under_way.len()), queues }
}

fn order(action: &Action) -> Kind {
    action.kind()
}

/// What follows from a write that AWS did not accept.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub verdict: Verdict,
    pub next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is about this control on this OU: the OU's next write may be sent.
    NextOnUnit,
    /// It is about the OU, or it passes: other OUs may be tried.
    NextUnit,
    /// There may have been an effect: it takes a place until Control Tower is read again.
    CountIt,
}

/// Returns what a refused write means. Never by the text of a message: where the answer is not clear, the next step reads
/// what is. `is_named` says whether a row names the OU.
pub fn refused(error: &CallError, kind: Kind) -> Refused {
    let held = |reason: String| Verdict::Held { reason, action: Some(kind) };
    let said = error.to_string();
    match error.cause {
        Cause::Throttled => Refused { verdict: held(said), next: Next::NextUnit },
        Cause::Conflict => Refused {
            verdict: held(format!("another operation is in the way: {said}")),
            next: Next::NextUnit,
        },
        Cause::Quota => Refused {
            verdict: held(format!("Control Tower takes no more operations now: {said}")),
            next: Next::NextUnit,
        },
        Cause::Unavailable => Refused {
            verdict: held(format!("there was no clear answer, so Control Tower is read again: {said}")),
            next: Next::CountIt,
        },
        // The control and the OU exist: they were read just before.
        Cause::NotFound => Refused {
            verdict: Verdict::Blocked {
                reason: said,
                remedy: "register the OU in Control Tower, if it is not".to_owned(),
            },
            next: Next::NextUnit,
        },
        Cause::Invalid => Refused {
            verdict: failed(said, "do what AWS says; it is tried again by the next run"),
            next: Next::NextOnUnit,
        },
        Cause::Denied | Cause::Credentials | Cause::Key | Cause::Unsupported => {
            Refused { verdict: failed(said, error.remedy().in_general()), next: Next::NextOnUnit }
        }
    }
}

fn failed(message: String, remedy: &'static str) -> Verdict {
    Verdict::Failed { message, operation: None, since: None, remedy }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::controls::{
        facts::{LandingZone, Operation, OperationKind, OperationStatus, Version},
        plan::Item,
    };

    fn item(unit: Place, action: Action) -> Item {
        let verdict = Verdict::Due(action);
        Item { unit, rows: vec![0], is_named: true, name: "C".into(), arn: "C".into(), verdict }
    }

    fn enable() -> Action {
        Action::Enable { control: "C".into(), target: "T".into(), parameters: Default::default() }
    }

    fn under_way(target: &str) -> Operation {
        Operation {
            id: "o".into(),
            kind: OperationKind::Enable,
            status: OperationStatus::InProgress,
            message: None,
            started: None,
            ended: None,
            control: "x".into(),
            target: target.into(),
        }
    }

    #[test]
    fn one_write_an_ou_the_longest_chain_first_and_the_operations_of_others_count() {
        let tree = Tree::of(&["A", "B", "C"]);
        let zone = LandingZone { version: Version(4, 0), is_processing: false, security_unit: None };
        let mut facts = Facts::new(datetime!(2026-11-01 12:00 UTC), zone);
        let reset = Action::Reset { enabled: "E".into() };
        let plan = Plan {
            items: vec![
                item(0, enable()),
                item(1, enable()),
                item(1, enable()),
                item(2, enable()),
                item(2, reset),
                item(2, enable()),
            ],
            ..Plan::default()
        };
        let all = |_| true;
        let queues = |facts: &Facts, start| step(&plan, &tree, facts, 10, all, start).queues;
        assert_eq!(queues(&facts, 0), [vec![4, 3, 5], vec![1, 2], vec![0]]);
        facts.under_way = vec![under_way("arn:aws:organizations::1:ou/o-1/ou-ab12-00000003")];
        assert_eq!(queues(&facts, 0), [vec![1, 2], vec![0]], "an OU with an operation has to wait");
        assert_eq!(step(&plan, &tree, &facts, 10, all, 0).room, 9);
        assert_eq!(step(&plan, &tree, &facts, 1, all, 0).room, 0);
        assert_eq!(step(&plan, &tree, &facts, 10, |place| place == 0, 0).queues, [vec![0]]);
        // Of two OUs with equally much to do, another one is first in turn.
        let equal = Plan { items: vec![item(0, enable()), item(1, enable())], ..Plan::default() };
        let first = |start| step(&equal, &tree, &facts, 10, all, start).queues[0][0];
        assert_eq!((first(0), first(1), first(2)), (0, 1, 0));
    }

    #[test]
    fn a_refusal_concerns_no_more_than_it_has_to() {
        let refused = |cause| {
            let error = CallError {
                operation: "controltower:EnableControl",
                cause,
                code: None,
                message: "already enabled".into(),
            };
            refused(&error, Kind::Enable)
        };
        for (cause, next) in [
            (Cause::Throttled, Next::NextUnit),
            (Cause::Conflict, Next::NextUnit),
            (Cause::Quota, Next::NextUnit),
            (Cause::Unavailable, Next::CountIt),
        ] {
            let refused = refused(cause);
            assert!(matches!(refused.verdict, Verdict::Held { .. }), "{cause:?}");
            assert_eq!(refused.next, next, "{cause:?}");
        }
        assert!(matches!(refused(Cause::NotFound).verdict, Verdict::Blocked { .. }));
        for cause in [Cause::Invalid, Cause::Denied] {
            let refused = refused(cause);
            assert!(matches!(refused.verdict, Verdict::Failed { .. }), "{cause:?}");
            assert_eq!(refused.next, Next::NextOnUnit, "{cause:?}");
        }
    }
}
