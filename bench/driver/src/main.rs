//! Measures the function next to a floor and to what teams write in Python, all under one runtime API and against one
//! stand-in for AWS; and what takes long of Control Tower's controls. Writes the figures and the plot into docs. `make bench` builds everything and runs this.
//!
//! Times are ratios of one run: to the floor (the least Lambda function in Rust with the same SDK clients) or to the
//! least time that quotas and latency allow. A slow figure is not a failure. A function that did not do its job is a
//! failure.

#![forbid(unsafe_code)]

mod controls;
mod deployed;
mod goals;
mod least;
mod measure;
mod page;
mod plot;
mod program;
mod trend;
mod world;

use std::process::ExitCode;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    // The figures take minutes. Without a place for them they would be lost.
    page::check()?;
    trend::check()?;
    let figures = measure::everything().await?;
    println!("{figures:#?}");
    let goals = goals::goals(&figures)?;
    // Before the plots: it says whether the measured commit had changes.
    trend::write(&goals)?;
    plot::draw(&figures.makespans, figures.latency())?;
    plot::draw_plan(&figures.plan)?;
    page::write(&figures, &goals)
}
