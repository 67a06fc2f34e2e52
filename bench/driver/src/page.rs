//! The figures in docs/performance.md, between its two markers. The rest of that file is written by hand.

use std::{collections::BTreeMap, fmt::Write, fs, time::Duration};

use crate::{
    Failure, least,
    measure::{Figures, Makespan, Times, is_left_out},
    program::{self, Program},
    world::Wire,
};

const FILE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// Fails if the page has no place for the figures.
pub fn check() -> Result<(), Failure> {
    split(&read()?).map(drop)
}

/// Replaces the figures. The page is read again, because it may have been edited during the measuring.
pub fn write(figures: &Figures) -> Result<(), Failure> {
    let page = read()?;
    let (before, after) = split(&page)?;
    let text = section(figures)?;
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

fn section(figures: &Figures) -> Result<String, Failure> {
    let mut text = String::new();
    write_goals(&mut text, figures)?;
    write_makespans(&mut text, &figures.makespans, figures.latency())?;
    write_calls(&mut text, figures)?;
    write_plan(&mut text, figures)?;
    Ok(text)
}

fn write_goals(text: &mut String, figures: &Figures) -> Result<(), Failure> {
    writeln!(text, "| figure | goal | | account-assigner | floor | Python | Python, 10 threads |")?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    let mut row = |what: &str, goal: &str, hit: Option<bool>, cells: [String; 4]| {
        let verdict = hit.map_or("", |hit| if hit { "hit" } else { "**missed**" });
        writeln!(text, "| {what} | {goal} | {verdict} | {} |", cells.join(" | "))
    };
    let none = || "–".to_owned();

    for wire in Wire::ALL {
        let floor = median(&figures.init, Program::Floor, wire)?;
        let ratio = |program| Ok::<_, Failure>(median(&figures.init, program, wire)? / floor);
        let (ours, python) = (ratio(Program::Function)?, ratio(Program::Pool)?);
        let what =
            format!("cold start: process to first request for work, against the floor, {}", wire.name());
        row(&what, "1.25", Some(ours <= 1.25), [times(ours), times(1.0), times(python), times(python)])?;
    }
    let second = Duration::from_secs(1);
    let latency = figures.latency();
    for wire in Wire::ALL {
        let least = least::nothing_to_do(latency).as_secs_f64();
        let ours = median(&figures.first_nothing_to_do, Program::Function, wire)? / least;
        let what = format!("cold start to answer, 4 rows, all there, against the least, {}", wire.name());
        row(&what, "1.5", Some(ours <= 1.5), [times(ours), none(), none(), none()])?;
    }
    for wire in Wire::ALL {
        let least = least::everything_to_do(second, latency).as_secs_f64();
        let ratio =
            |program| Ok::<_, Failure>(median(&figures.first_everything_to_do, program, wire)? / least);
        let ours = ratio(Program::Function)?;
        let what = format!("the same, none there, 1 s each, {}", wire.name());
        let python = [times(ratio(Program::Sequential)?), times(ratio(Program::Pool)?)];
        let [sequential, pool] = python;
        row(&what, "1.5", Some(ours <= 1.5), [times(ours), none(), sequential, pool])?;
    }
    for (rows, most) in [(4, 16.0), (500, 24.0)] {
        let megabytes = |program| {
            let bytes = figures.memory.get(&(program, rows)).ok_or("memory was not measured")?;
            Ok::<_, Failure>(*bytes as f64 / 1e6)
        };
        let ours = megabytes(Program::Function)?;
        let cells = [Program::Function, Program::Floor, Program::Pool]
            .map(|program| megabytes(program).map(|size| format!("{size:.1} MB")));
        let [ours_shown, floor, pool] = cells;
        let what = format!("peak resident memory, {rows} rows, TLS");
        row(&what, &format!("{most} MB"), Some(ours < most), [ours_shown?, floor?, none(), pool?])?;
    }
    let megabytes = |program| figures.size.get(&program).map_or(f64::NAN, |bytes| *bytes as f64 / 1e6);
    let (ours, floor) = (megabytes(Program::Function), megabytes(Program::Floor));
    let cells = [format!("{ours:.2} MB"), format!("{floor:.2} MB"), none(), none()];
    row("zipped program", "4 MB", Some(ours < 4.0), cells)?;

    let from_sixty = figures.makespans.iter().filter(|cell| cell.shape.grants() >= 60);
    let worst = |program| {
        let ratios =
            from_sixty.clone().filter(|cell| cell.program == program).filter_map(|cell| ratio(cell, latency));
        ratios.fold(0.0, f64::max)
    };
    let ours = worst(Program::Function);
    let cells = [times(ours), none(), times(worst(Program::Sequential)), times(worst(Program::Pool))];
    row("makespan from 60 grants on, the worst, against the least", "1.15", Some(ours <= 1.15), cells)?;

    let calls = |calls: &BTreeMap<String, u64>| calls.values().sum::<u64>();
    let each = calls(&figures.calls_of_sixty) as f64 / 60.0;
    row(
        "Identity Center calls for a new grant, of 60",
        "2.3",
        Some(each <= 2.3),
        [format!("{each:.2}"), none(), none(), none()],
    )?;
    let again = calls(&figures.calls_of_a_redelivery);
    let writes = figures.calls_of_a_redelivery.get("CreateAccountAssignment").copied().unwrap_or(0);
    row(
        "calls for the same event again, 6 permission sets wanted; writes among them",
        "9; 0",
        Some(again <= 9 && writes == 0),
        [format!("{again}; {writes}"), none(), none(), none()],
    )?;
    for wire in Wire::ALL {
        let ours = median(&figures.warm, Program::Function, wire)? / least::warm(latency).as_secs_f64();
        let what = format!("warm, nothing to do, against the least that its calls allow, {}", wire.name());
        row(&what, "–", None, [times(ours), none(), none(), none()])?;
    }
    let slowest = figures.plan.iter().map(|speed| speed.nanoseconds).fold(0.0, f64::max);
    let cells = [format!("{slowest:.0} ns"), none(), none(), none()];
    row("user time of the plan, a row and account, the worst", "1,000 ns", Some(slowest < 1_000.0), cells)?;
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
    let speeds: Vec<String> = figures
        .plan
        .iter()
        .map(|speed| format!("{} x {}: {:.0} ns", speed.rows, speed.accounts, speed.nanoseconds))
        .collect();
    writeln!(
        text,
        "\nUser time of the plan for each row and account, by rows x accounts: {}.",
        speeds.join("; ")
    )?;
    Ok(())
}

fn median(times: &Times, program: Program, wire: Wire) -> Result<f64, Failure> {
    let runs = times.get(&(program, wire)).ok_or_else(|| format!("{program:?} was not measured"))?;
    Ok(runs.median())
}

fn ratio(cell: &Makespan, latency: Duration) -> Option<f64> {
    Some(cell.took.as_ref()?.median() / cell.least(latency))
}

fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} ×") } else { format!("{ratio:.0} ×") }
}
