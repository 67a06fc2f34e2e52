//! The runs of the benchmark so far, and how near each figure came to its goal: what gets slower, shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    process::Command,
};

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, goals::Goal, program};

/// A JSON line for each run.
const FILE: &str = "docs/trend.jsonl";
const PLOT: &str = "docs/trend.svg";
const SIZE: (u32, u32) = (960, 560);

#[derive(Deserialize, Serialize)]
struct Run {
    /// The day, in UTC.
    date: String,
    commit: String,
    /// Its processor and how many there are.
    machine: String,
    /// By figure: the figure against its goal.
    ratios: BTreeMap<String, f64>,
}

/// Fails if the earlier runs cannot be read.
pub fn check() -> Result<(), Failure> {
    read().map(drop)
}

/// Adds this run, and draws all of them.
pub fn write(goals: &[Goal]) -> Result<(), Failure> {
    let mut runs = read()?;
    let ratios =
        goals.iter().filter_map(|goal| Some((goal.what.clone(), (goal.part()? * 1e3).round() / 1e3)));
    let commit = output("git", &["describe", "--always", "--dirty"])?;
    let date = output("date", &["--utc", "+%Y-%m-%d"])?;
    runs.push(Run { date, commit, machine: machine(), ratios: ratios.collect() });
    let lines = runs.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    fs::write(program::path(FILE), lines.join("\n") + "\n")?;
    let mut svg = String::new();
    // The errors of the drawing borrow the picture.
    draw(&mut svg, &runs).map_err(|error| error.to_string())?;
    fs::write(program::path(PLOT), svg)?;
    Ok(())
}

fn read() -> Result<Vec<Run>, Failure> {
    let text = fs::read_to_string(program::path(FILE))?;
    let run = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| format!("{FILE}, line {}: {error}", number + 1).into())
    };
    text.lines().enumerate().map(run).collect()
}

fn output(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program).args(arguments).current_dir(program::path(".")).output()?;
    if !output.status.success() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim()))
        .collect();
    format!("{} x {}", models.len(), models.first().unwrap_or(&"unknown"))
}

fn draw(svg: &mut String, runs: &[Run]) -> Result<(), Box<dyn Error>> {
    let figures: BTreeSet<&String> = runs.iter().flat_map(|run| run.ratios.keys()).collect();
    let highest = runs.iter().flat_map(|run| run.ratios.values()).copied().fold(1.2, f64::max);
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    // The names of figures are longer than two dates are apart.
    let (plot, legend) = root.split_horizontally(SIZE.0 * 7 / 16);
    let last = runs.len().saturating_sub(1);
    let mut chart = ChartBuilder::on(&plot)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..last.max(1) as f64, 0.0..highest * 1.05)?;
    let day = |x: &f64| {
        let run = (x.fract() == 0.0).then(|| runs.get(*x as usize)).flatten();
        run.map_or_else(String::new, |run| run.date.clone())
    };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(runs.len().min(6))
        .x_label_formatter(&day)
        .y_desc("part of the goal")
        .y_label_formatter(&|y| format!("{y:.1}"))
        .draw()?;
    chart.draw_series(LineSeries::new([(0.0, 1.0), (last.max(1) as f64, 1.0)], BLACK.stroke_width(1)))?;
    for (number, figure) in figures.iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let points =
            runs.iter().enumerate().filter_map(|(x, run)| Some((x as f64, *run.ratios.get(*figure)?)));
        chart.draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))?;
        let y = 14 + number as i32 * 16;
        legend.draw(&PathElement::new([(8, y), (26, y)], color.stroke_width(2)))?;
        legend.draw(&Text::new((*figure).clone(), (32, y - 6), ("sans-serif", 11)))?;
    }
    root.present()?;
    Ok(())
}
