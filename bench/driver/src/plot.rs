//! The plots in docs/performance.md: makespans over the number of grants, against the least possible; and how the plan
//! grows with rows and accounts.

use std::{error::Error, fs, time::Duration};

use plotters::prelude::*;

use crate::{
    Failure,
    measure::{Makespan, PROVISIONING, PlanSpeed},
    program::{self, Program},
};

/// Next to the page, which names them without a folder.
const FILE: &str = "docs/makespan.svg";
const PLAN_FILE: &str = "docs/plan-speed.svg";
const SIZE: (u32, u32) = (960, 380);
const PLAN_SIZE: (u32, u32) = (560, 380);

const LEAST: RGBColor = RGBColor(120, 120, 120);

/// Writes the plot: one panel for each time that provisioning takes.
pub fn draw(makespans: &[Makespan], latency: Duration) -> Result<(), Failure> {
    let mut svg = String::new();
    // The errors of the drawing borrow the picture.
    panels(&mut svg, makespans, latency).map_err(|error| error.to_string())?;
    fs::write(program::path(FILE), svg)?;
    Ok(())
}

fn panels(svg: &mut String, makespans: &[Makespan], latency: Duration) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    for (panel, provisioning) in root.split_evenly((1, PROVISIONING.len())).iter().zip(PROVISIONING) {
        let title = format!("provisioning takes {} s", provisioning.as_secs_f64());
        let mut chart = ChartBuilder::on(panel)
            .caption(title, ("sans-serif", 15))
            .margin(8)
            .x_label_area_size(34)
            .y_label_area_size(48)
            .build_cartesian_2d((0.8..300.0).log_scale(), (0.9..2_000.0).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("missing grants")
            .y_desc("seconds to ready")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        let of = |program: Program| {
            makespans.iter().filter(move |cell| cell.program == program && cell.provisioning == provisioning)
        };
        let least = of(Program::Function).map(|cell| (cell.shape.grants() as f64, cell.least(latency)));
        line(&mut chart, "least possible", least.collect(), LEAST, 0)?;
        let lines = [
            (Program::Function, "account-assigner", RGBColor(0, 114, 178)),
            (Program::Pool, "Python, 10 threads", RGBColor(230, 159, 0)),
            (Program::Sequential, "Python", RGBColor(204, 61, 61)),
        ];
        for (program, label, color) in lines {
            let points: Vec<(f64, f64)> = of(program)
                .filter_map(|cell| Some((cell.shape.grants() as f64, cell.took.as_ref()?.median())))
                .collect();
            line(&mut chart, label, points, color, 3)?;
        }
        legend(&mut chart)?;
    }
    root.present()?;
    Ok(())
}

/// Writes the plot of the plan.
pub fn draw_plan(speeds: &[PlanSpeed]) -> Result<(), Failure> {
    let mut svg = String::new();
    plan(&mut svg, speeds).map_err(|error| error.to_string())?;
    fs::write(program::path(PLAN_FILE), svg)?;
    Ok(())
}

fn plan(svg: &mut String, speeds: &[PlanSpeed]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(svg, PLAN_SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(56)
        .build_cartesian_2d((8.0..6_000.0).log_scale(), (0.005..20.0).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("rows of the table")
        .y_desc("seconds of CPU time")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;
    let lines = [
        (100_000, true, "100,000 accounts", RGBColor(0, 114, 178)),
        (10_000, true, "10,000 accounts", RGBColor(86, 180, 233)),
        (10_000, false, "10,000 accounts, row by row", LEAST),
    ];
    for (accounts, indexed, label, color) in lines {
        let of = speeds.iter().filter(|speed| (speed.accounts, speed.indexed) == (accounts, indexed));
        let points: Vec<(f64, f64)> = of.map(|speed| (speed.rows as f64, speed.seconds)).collect();
        line(&mut chart, label, points, color, 3)?;
    }
    legend(&mut chart)?;
    root.present()?;
    Ok(())
}

type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

/// Draws a line with its name in the legend, and points of this size on it.
fn line<'a>(
    chart: &mut Chart<'a>,
    label: &str,
    points: Vec<(f64, f64)>,
    color: RGBColor,
    size: u32,
) -> Result<(), Box<dyn Error>> {
    chart
        .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(size))?
        .label(label)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    Ok(())
}

fn legend<'a>(chart: &mut Chart<'a>) -> Result<(), Box<dyn Error>> {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(TRANSPARENT)
        .draw()?;
    Ok(())
}
