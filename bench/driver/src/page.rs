//! The figures in docs/performance.md, between its two markers. The rest of that file is written by hand.

use std::{collections::BTreeMap, fmt::Write, fs, time::Duration};

use crate::{
    Failure,
    deployed::Deployed,
    goals::{Goal, ratio, times},
    measure::{Figures, Makespan, PlanSpeed, is_left_out},
    program::{self, Program},
};

const FILE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// Fails if the page has no place for the figures.
pub fn check() -> Result<(), Failure> {
    split(&read()?).map(drop)
}

/// Replaces the figures. The page is read again, because it may have been edited during the measuring.
pub fn write(figures: &Figures, goals: &[Goal]) -> Result<(), Failure> {
    let page = read()?;
    let (before, after) = split(&page)?;
    let text = section(figures, goals)?;
    print!("{text}");
    fs::write(program::path(FILE), format!("{before}{BEGIN}\n{text}{END}{after}"))?;
    Ok(())
}

fn read() -> Result<String, Failure> {
    Ok(fs::read_to_string(program::path(FILE))
        .map_err(|error| format!("{FILE}, the page of the figures, cannot be read: {error}"))?)
}

/// Returns what is before and after the two markers.
fn split(page: &str) -> Result<(&str, &str), Failure> {
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| missing(END))?;
    Ok((before, after))
}

fn missing(marker: &str) -> Failure {
    format!("{FILE} has no {marker}: the figures go between {BEGIN} and {END}").into()
}

fn section(figures: &Figures, goals: &[Goal]) -> Result<String, Failure> {
    let mut text = String::new();
    write_goals(&mut text, goals)?;
    writeln!(text, "\n![How near each figure is to its goal, run by run](trend.svg)")?;
    write_makespans(&mut text, &figures.makespans, figures.latency())?;
    write_deployed(&mut text, &figures.deployed)?;
    write_calls(&mut text, figures)?;
    write_plan(&mut text, figures)?;
    Ok(text)
}

fn write_goals(text: &mut String, goals: &[Goal]) -> Result<(), Failure> {
    writeln!(text, "| figure | goal | | account-assigner | floor | Python | Python, 10 threads |")?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    for goal in goals {
        let cell = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| goal.shown(figure));
        let verdict = goal.part().map_or("", |part| if part <= 1.0 { "hit" } else { "**missed**" });
        let [floor, sequential, pool] = goal.others.map(cell);
        let (what, most, ours) = (&goal.what, cell(goal.most), goal.shown(goal.ours));
        writeln!(text, "| {what} | {most} | {verdict} | {ours} | {floor} | {sequential} | {pool} |")?;
    }
    Ok(())
}

fn write_deployed(text: &mut String, cases: &[Deployed]) -> Result<(), Failure> {
    writeln!(
        text,
        "\nAs deployed, under 15 outstanding creations and 20 requests a second, in processes that know the names, over TLS:\n"
    )?;
    writeln!(text, "| what | goal | took | against | throttled calls |")?;
    writeln!(text, "|---|---|---|---|---|")?;
    for case in cases {
        let Deployed { what, goal, against, throttled, .. } = case;
        let (took, ratio, throttled) = (case.took.median(), times(case.ratio()), throttled * 100.0);
        writeln!(text, "| {what} | {goal} × | {took:.1} s | {ratio} {against} | {throttled:.1} % |")?;
    }
    Ok(())
}

fn write_makespans(text: &mut String, makespans: &[Makespan], latency: Duration) -> Result<(), Failure> {
    writeln!(
        text,
        "\nMakespan, from the event to `ready`, against the least possible; over TLS, {:.1} ms an answer, under 10 \
         outstanding creations and 20 requests a second, 20 permission sets in the instance:\n",
        latency.as_secs_f64() * 1e3
    )?;
    writeln!(
        text,
        "| grants | provisioning | least possible | account-assigner | Python | Python, 10 threads |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|")?;
    for ours in makespans.iter().filter(|cell| cell.program == Program::Function) {
        let of = |program| {
            let same = makespans.iter().find(|cell| {
                cell.program == program && (cell.shape, cell.provisioning) == (ours.shape, ours.provisioning)
            });
            same.map_or_else(String::new, |cell| match ratio(cell, latency) {
                Some(ratio) => times(ratio),
                None if is_left_out(cell) => "left out".to_owned(),
                None => "not measured".to_owned(),
            })
        };
        writeln!(
            text,
            "| {} | {} s | {:.1} s | {} | {} | {} |",
            ours.shape.grants(),
            ours.provisioning.as_secs_f64(),
            ours.least(latency),
            of(Program::Function),
            of(Program::Sequential),
            of(Program::Pool),
        )?;
    }
    writeln!(text, "\n![Makespans over the number of grants](makespan.svg)")?;
    Ok(())
}

fn write_calls(text: &mut String, figures: &Figures) -> Result<(), Failure> {
    writeln!(text, "\n| Identity Center operation | 60 new grants | the same event again |")?;
    writeln!(text, "|---|---|---|")?;
    let (first, again) = (&figures.calls_of_sixty, &figures.calls_of_a_redelivery);
    let mut names: Vec<&String> = first.keys().chain(again.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let count = |calls: &BTreeMap<String, u64>| calls.get(name).copied().unwrap_or(0);
        writeln!(text, "| {name} | {} | {} |", count(first), count(again))?;
    }
    Ok(())
}

fn write_plan(text: &mut String, figures: &Figures) -> Result<(), Failure> {
    writeln!(text, "\n| accounts | rows | CPU time of the plan | row by row | peak resident memory |")?;
    writeln!(text, "|---|---|---|---|---|")?;
    for plan in figures.plan.iter().filter(|plan| plan.indexed) {
        let PlanSpeed { rows, accounts, seconds, peak, .. } = plan;
        let same = |other: &&PlanSpeed| !other.indexed && (other.rows, other.accounts) == (*rows, *accounts);
        let row_by_row = figures.plan.iter().find(same);
        let row_by_row = row_by_row.map_or("–".to_owned(), |other| format!("{:.3} s", other.seconds));
        let peak = *peak as f64 / 1e6;
        writeln!(text, "| {accounts} | {rows} | {seconds:.3} s | {row_by_row} | {peak:.0} MB |")?;
    }
    writeln!(text, "\n![CPU time of the plan over the number of rows](plan-speed.svg)")?;
    Ok(())
}
