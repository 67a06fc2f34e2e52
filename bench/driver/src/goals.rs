//! The figures that have a goal, and those beside them.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    Failure,
    controls::Controls,
    least,
    measure::{Figures, Makespan, SECOND, Times},
    program::Program,
    world::Wire,
};

/// One figure of the function, and what it is to be at most.
pub struct Goal {
    pub what: String,
    pub most: Option<f64>,
    pub ours: f64,
    unit: Unit,
    /// Of the floor, of Python, and of Python with ten threads.
    pub others: [Option<f64>; 3],
}

#[derive(Clone, Copy)]
enum Unit {
    Times,
    Megabytes,
    Seconds,
    Calls,
}

impl Goal {
    /// Returns how near the figure is to its goal; more than 1 is a goal that was missed.
    pub fn part(&self) -> Option<f64> {
        Some(self.ours / self.most?)
    }

    /// Returns a figure as people read it.
    pub fn shown(&self, figure: f64) -> String {
        match self.unit {
            Unit::Times => times(figure),
            Unit::Megabytes => format!("{figure:.2} MB"),
            Unit::Seconds => format!("{figure:.3} s"),
            Unit::Calls => format!("{figure:.2}").trim_end_matches(".00").to_owned(),
        }
    }
}

pub fn goals(figures: &Figures) -> Result<Vec<Goal>, Failure> {
    let mut goals = Vec::new();
    let mut goal = |what: &str, unit, most: f64, ours, others| {
        goals.push(Goal {
            what: what.to_owned(),
            most: most.is_finite().then_some(most),
            ours,
            unit,
            others,
        });
    };

    for wire in Wire::ALL {
        let floor = median(&figures.init, Program::Floor, wire)?;
        let ratio = |program| Ok::<_, Failure>(median(&figures.init, program, wire)? / floor);
        let (ours, python) = (ratio(Program::Function)?, Some(ratio(Program::Pool)?));
        let what =
            format!("cold start: process to first request for work, against the floor, {}", wire.name());
        goal(&what, Unit::Times, 1.25, ours, [Some(1.0), python, python]);
    }
    let latency = figures.latency();
    for wire in Wire::ALL {
        let least = least::nothing_to_do(latency).as_secs_f64();
        let ours = median(&figures.first_nothing_to_do, Program::Function, wire)? / least;
        let what = format!("cold start to answer, 4 rows, all there, against the least, {}", wire.name());
        goal(&what, Unit::Times, 1.5, ours, [None; 3]);
    }
    for wire in Wire::ALL {
        let least = least::everything_to_do(SECOND, latency).as_secs_f64();
        let ratio =
            |program| Ok::<_, Failure>(median(&figures.first_everything_to_do, program, wire)? / least);
        let what = format!("the same, none there, 1 s each, {}", wire.name());
        let python = [ratio(Program::Sequential)?, ratio(Program::Pool)?];
        goal(&what, Unit::Times, 1.5, ratio(Program::Function)?, [None, Some(python[0]), Some(python[1])]);
    }
    for (rows, most) in [(4, 16.0), (500, 24.0)] {
        let megabytes = |program| {
            let bytes = figures.memory.get(&(program, rows)).ok_or("memory was not measured")?;
            Ok::<_, Failure>(*bytes as f64 / 1e6)
        };
        let (floor, pool) = (Some(megabytes(Program::Floor)?), Some(megabytes(Program::Pool)?));
        let what = format!("peak resident memory, {rows} rows, TLS");
        goal(&what, Unit::Megabytes, most, megabytes(Program::Function)?, [floor, None, pool]);
    }
    let megabytes = |program| {
        let bytes = figures.size.get(&program).ok_or("the zipped program was not measured")?;
        Ok::<_, Failure>(*bytes as f64 / 1e6)
    };
    let others = [Some(megabytes(Program::Floor)?), None, None];
    goal("zipped program", Unit::Megabytes, 4.0, megabytes(Program::Function)?, others);

    let from_sixty = figures.makespans.iter().filter(|cell| cell.shape.grants() >= 60);
    let worst = |program| {
        let of = from_sixty.clone().filter(|cell| cell.program == program);
        of.filter_map(|cell| ratio(cell, latency)).fold(0.0, f64::max)
    };
    let others = [None, Some(worst(Program::Sequential)), Some(worst(Program::Pool))];
    let what = "makespan from 60 grants on, the worst, against the least";
    goal(what, Unit::Times, 1.15, worst(Program::Function), others);

    let calls = |calls: &BTreeMap<String, u64>| calls.values().sum::<u64>() as f64;
    let each = calls(&figures.calls_of_sixty) / 60.0;
    goal("Identity Center calls for a new grant, of 60", Unit::Calls, 2.3, each, [None; 3]);
    let again = &figures.calls_of_a_redelivery;
    if let Some(writes) = again.get("CreateAccountAssignment") {
        return Err(format!("the same event again made {writes} creations").into());
    }
    let what = "calls for the same event again, 6 permission sets wanted; no write is among them";
    goal(what, Unit::Calls, 9.0, calls(again), [None; 3]);
    for wire in Wire::ALL {
        let ours = median(&figures.warm, Program::Function, wire)? / least::warm(latency).as_secs_f64();
        let what = format!("warm, nothing to do, against the least that its calls allow, {}", wire.name());
        goal(&what, Unit::Times, f64::INFINITY, ours, [None; 3]);
    }
    for case in &figures.deployed {
        let what = format!("as deployed: {}, against {}", case.what, case.against);
        goal(&what, Unit::Times, case.goal, case.ratio(), [None; 3]);
    }
    let many =
        figures.plan.iter().find(|plan| (plan.rows, plan.accounts, plan.indexed) == (1_000, 10_000, true));
    let seconds = many.ok_or("the plan was not measured")?.seconds;
    goal("CPU time of the plan, 10,000 accounts and 1,000 rows", Unit::Seconds, 0.1, seconds, [None; 3]);
    let controls = &figures.controls;
    let what = "controls: calls to Control Tower and the catalogue, 30 OUs with 8 controls each, nothing to do, warm";
    goal(what, Unit::Calls, 6.0, controls.calls as f64, [None; 3]);
    let operations = controls.operations.median() / Controls::least();
    goal("controls: 160 operations, against the least", Unit::Times, 1.15, operations, [None; 3]);
    let impact = controls.impact.median() / controls.gunzip.median();
    let what = format!(
        "`controls impact` of {:.0} MB of CloudTrail, against `gzip -dc`, which unpacks the same on one core",
        controls.read as f64 / 1e6
    );
    goal(&what, Unit::Times, 2.0, impact, [None; 3]);
    let peak = controls.peak as f64 / 1e6;
    goal("`controls impact`: peak resident memory", Unit::Megabytes, 64.0, peak, [None; 3]);
    // No figure is nothing, and JSON has no sign for what is no number: the next run could not read it back.
    match goals.iter().find(|goal| !goal.ours.is_finite() || goal.ours <= 0.0) {
        Some(goal) => Err(format!("{}: {} is no figure", goal.what, goal.ours).into()),
        None => Ok(goals),
    }
}

fn median(times: &Times, program: Program, wire: Wire) -> Result<f64, Failure> {
    let runs = times.get(&(program, wire)).ok_or_else(|| format!("{program:?} was not measured"))?;
    Ok(runs.median())
}

/// Returns a makespan against the least, if it was measured.
pub fn ratio(cell: &Makespan, latency: Duration) -> Option<f64> {
    Some(cell.took.as_ref()?.median() / cell.least(latency))
}

pub fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { format!("{ratio:.0} ×") }
}
