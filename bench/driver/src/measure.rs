//! The figures, one after the other, so that none disturbs another. Only programs that mostly sleep run at once.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write},
    process::Command,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use serde::Deserialize;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    Failure,
    controls::{self, Controls},
    deployed::{self, Deployed},
    least,
    program::{self, Process, Program},
    world::{Shape, Tls, Wire, World},
};

pub const SECOND: Duration = Duration::from_secs(1);

/// The small table: four permission sets for one group.
const FOUR: Shape = Shape { permission_sets: 4, groups: 1, permission_sets_of_the_instance: 4 };
const FIVE_HUNDRED: Shape = among_twenty(20, 25);
const SIXTY: Shape = among_twenty(6, 10);
pub const SHAPES: [Shape; 4] = [among_twenty(1, 1), among_twenty(5, 2), SIXTY, among_twenty(10, 20)];

const fn among_twenty(permission_sets: usize, groups: usize) -> Shape {
    Shape { permission_sets, groups, permission_sets_of_the_instance: 20 }
}

pub const PROVISIONING: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

const COLD_STARTS: usize = 25;
const COLD_STARTS_WITH_PROVISIONING: usize = 9;
const COLD_STARTS_OF_PYTHON: usize = 5;
const MAKESPANS: usize = 3;
const WARM: usize = 200;
const ANSWERS: usize = 100;

/// Several runs of one thing, in seconds.
#[derive(Clone, Default)]
pub struct Runs(Vec<f64>);

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        write!(f, "median {:.4} s, {least:.4} to {most:.4} s in {} runs", self.median(), self.0.len())
    }
}

impl Runs {
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        (low + high) / 2.0
    }

    pub fn add(&mut self, run: Duration) {
        self.0.push(run.as_secs_f64());
    }
}

/// By program and wire.
pub type Times = BTreeMap<(Program, Wire), Runs>;

#[derive(Debug)]
pub struct Figures {
    /// How long an answer of the stand-in takes.
    pub latency: Runs,
    /// Until the first request for work.
    pub init: Times,
    /// Until the first answer, if the four grants are there.
    pub first_nothing_to_do: Times,
    /// Until the first answer, if none of the four grants is there and each takes a second.
    pub first_everything_to_do: Times,
    /// Peak resident bytes, by program and number of rows.
    pub memory: BTreeMap<(Program, usize), u64>,
    /// Bytes of the zipped program.
    pub size: BTreeMap<Program, u64>,
    pub makespans: Vec<Makespan>,
    /// Identity Center calls of the function, by operation.
    pub calls_of_sixty: BTreeMap<String, u64>,
    pub calls_of_a_redelivery: BTreeMap<String, u64>,
    /// An invocation with nothing to do in a process that has had one before.
    pub warm: Times,
    pub deployed: Vec<Deployed>,
    pub plan: Vec<PlanSpeed>,
    pub controls: Controls,
}

impl Figures {
    pub fn latency(&self) -> Duration {
        Duration::from_secs_f64(self.latency.median())
    }
}

/// From the event to the answer, in a process that waits for its first event.
#[derive(Debug)]
pub struct Makespan {
    pub program: Program,
    pub shape: Shape,
    pub provisioning: Duration,
    /// In seconds; `None` if it was left out.
    pub took: Option<Runs>,
}

impl Makespan {
    pub fn least(&self, latency: Duration) -> f64 {
        least::makespan(self.shape, self.provisioning, latency).as_secs_f64()
    }
}

/// CPU time of the plan of many accounts.
#[derive(Debug, Deserialize)]
pub struct PlanSpeed {
    pub rows: usize,
    pub accounts: usize,
    /// Whether the rows are found by an index, or each is held against each account.
    pub indexed: bool,
    pub seconds: f64,
    /// Peak resident bytes so far.
    pub peak: u64,
}

pub async fn everything() -> Result<Figures, Failure> {
    let tls = &Tls::new()?;
    let latency = latency(tls).await?;
    let plan = plan()?;
    let size = size()?;
    let (init, first_nothing_to_do) = cold_nothing_to_do(tls).await?;
    let first_everything_to_do = cold_everything_to_do(tls).await?;
    let warm = warm(tls).await?;
    let (calls_of_sixty, calls_of_a_redelivery) = calls(tls).await?;
    let deployed = deployed::measure(tls, Duration::from_secs_f64(latency.median())).await?;
    let mut makespans = makespans_of_the_function(tls).await?;
    let (slow, memory, (calls_of_controls, operations)) =
        tokio::try_join!(makespans_of_python(tls), memory(tls), controls::calls_and_operations())?;
    makespans.extend(slow);
    say("impact of controls");
    let (impact, gunzip, peak, read) = controls::impact().await?;
    let controls = Controls { calls: calls_of_controls, operations, impact, gunzip, peak, read };
    Ok(Figures {
        latency,
        init,
        first_nothing_to_do,
        first_everything_to_do,
        memory,
        size,
        makespans,
        calls_of_sixty,
        calls_of_a_redelivery,
        warm,
        deployed,
        plan,
        controls,
    })
}

async fn latency(tls: &Tls) -> Result<Runs, Failure> {
    say("latency of the stand-in");
    let world = World::new(FOUR, SECOND, Wire::Http, tls).await?;
    let mut latency = Runs::default();
    for _ in 0..ANSWERS {
        latency.add(world.answer_time()?);
    }
    Ok(latency)
}

async fn cold_nothing_to_do(tls: &Tls) -> Result<(Times, Times), Failure> {
    say("cold starts, nothing to do");
    let (mut init, mut first) = (Times::new(), Times::new());
    for run in 0..COLD_STARTS {
        for wire in Wire::ALL {
            let world = World::new(FOUR, SECOND, wire, tls).await?;
            world.fulfil();
            for program in [Program::Floor, Program::Function] {
                let mut process = program.start(&world).await?;
                process.ensure().await?;
                first.entry((program, wire)).or_default().add(process.age());
                init.entry((program, wire)).or_default().add(process.init().await?);
            }
            if run < COLD_STARTS_OF_PYTHON {
                let took = Program::Pool.start(&world).await?.init().await?;
                init.entry((Program::Pool, wire)).or_default().add(took);
            }
        }
    }
    Ok((init, first))
}

async fn cold_everything_to_do(tls: &Tls) -> Result<Times, Failure> {
    say("cold starts, everything to do");
    let mut first = Times::new();
    let runs = [
        (Program::Function, COLD_STARTS_WITH_PROVISIONING),
        (Program::Sequential, 1),
        (Program::Pool, COLD_STARTS_OF_PYTHON),
    ];
    for wire in Wire::ALL {
        for (program, runs) in runs {
            for _ in 0..runs {
                let world = World::new(FOUR, SECOND, wire, tls).await?;
                let mut process = program.start(&world).await?;
                create_all(&world, FOUR, &mut process).await?;
                first.entry((program, wire)).or_default().add(process.age());
            }
        }
    }
    Ok(first)
}

async fn warm(tls: &Tls) -> Result<Times, Failure> {
    say("warm invocations");
    let mut warm = Times::new();
    for wire in Wire::ALL {
        // The limit is lifted, so that no invocation waits for the requests of those before it.
        let world = World::with(FOUR, SECOND, (10, 100), wire, tls).await?;
        world.fulfil();
        let mut process = Program::Function.start(&world).await?;
        process.ensure().await?;
        let runs = warm.entry((Program::Function, wire)).or_default();
        for _ in 0..WARM {
            let started = Instant::now();
            process.ensure().await?;
            runs.add(started.elapsed());
        }
    }
    Ok(warm)
}

/// Counts calls for sixty new grants, and for the same event again.
async fn calls(tls: &Tls) -> Result<(BTreeMap<String, u64>, BTreeMap<String, u64>), Failure> {
    say("calls");
    let world = World::new(SIXTY, SECOND, Wire::Tls, tls).await?;
    let mut process = Program::Function.start(&world).await?;
    create_all(&world, SIXTY, &mut process).await?;
    let first = identity_center_calls(&world);
    world.stand_in.forget_calls();
    process.ensure().await?;
    Ok((first, identity_center_calls(&world)))
}

fn identity_center_calls(world: &World) -> BTreeMap<String, u64> {
    let mut calls = world.stand_in.calls();
    let others = |name: &str| matches!(name, "DescribeAccount" | "GetGroupId");
    calls.retain(|name, _| !others(name));
    calls
}

async fn makespans_of_the_function(tls: &Tls) -> Result<Vec<Makespan>, Failure> {
    let mut makespans = Vec::new();
    for shape in SHAPES {
        for provisioning in PROVISIONING {
            makespans.push(Makespan { program: Program::Function, shape, provisioning, took: None });
        }
    }
    for run in 1..=MAKESPANS {
        say(&format!("makespans of the function, {run} of {MAKESPANS}"));
        try_join_all(makespans.iter_mut().map(|cell| makespan(cell, tls))).await?;
    }
    Ok(makespans)
}

/// Measures each once, and all at the same time: they mostly sleep, two seconds at a time.
async fn makespans_of_python(tls: &Tls) -> Result<Vec<Makespan>, Failure> {
    say("makespans of Python, some two minutes");
    let mut makespans = Vec::new();
    for program in [Program::Sequential, Program::Pool] {
        for shape in SHAPES {
            for provisioning in PROVISIONING {
                makespans.push(Makespan { program, shape, provisioning, took: None });
            }
        }
    }
    let run = makespans.iter_mut().filter(|cell| !is_left_out(cell));
    try_join_all(run.map(|cell| makespan(cell, tls))).await?;
    Ok(makespans)
}

/// Whether a figure is left out. One creation after the other takes at least two seconds each, or four if provisioning
/// takes three.
pub fn is_left_out(cell: &Makespan) -> bool {
    let each = 2.0 * (cell.provisioning.as_secs_f64() / 2.0).ceil();
    cell.program == Program::Sequential && cell.shape.grants() as f64 * each > 150.0
}

async fn makespan(cell: &mut Makespan, tls: &Tls) -> Result<(), Failure> {
    let world = World::new(cell.shape, cell.provisioning, Wire::Tls, tls).await?;
    let mut process = cell.program.start(&world).await?;
    process.init().await?;
    let started = Instant::now();
    create_all(&world, cell.shape, &mut process).await?;
    cell.took.get_or_insert_default().add(started.elapsed());
    Ok(())
}

/// Measures the memory of the floor, the function and Python. Quotas are lifted: the time does not count, only what a
/// process holds.
async fn memory(tls: &Tls) -> Result<BTreeMap<(Program, usize), u64>, Failure> {
    let mut wanted = Vec::new();
    for shape in [FOUR, FIVE_HUNDRED] {
        for program in [Program::Floor, Program::Function, Program::Pool] {
            wanted.push((program, shape));
        }
    }
    let peaks = wanted.into_iter().map(async |(program, shape)| {
        let world = World::with(shape, Duration::from_millis(100), (15, 100), Wire::Tls, tls).await?;
        let mut process = program.start(&world).await?;
        if program == Program::Floor {
            process.ensure().await?;
        } else {
            create_all(&world, shape, &mut process).await?;
        }
        Ok::<_, Failure>(((program, shape.grants()), process.peak_memory()?))
    });
    Ok(try_join_all(peaks).await?.into_iter().collect())
}

/// Fails if the function answers that it is ready and grants are missing.
async fn create_all(world: &World, shape: Shape, process: &mut Process) -> Result<(), Failure> {
    process.ensure().await?;
    let (there, wanted) = (world.stand_in.assignments().len(), shape.grants());
    if there == wanted { Ok(()) } else { Err(format!("{there} of {wanted} grants are there").into()) }
}

fn size() -> Result<BTreeMap<Program, u64>, Failure> {
    let mut sizes = BTreeMap::new();
    for program in [Program::Floor, Program::Function] {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file("bootstrap", SimpleFileOptions::default().compression_level(Some(9)))?;
        zip.write_all(&fs::read(program.path())?)?;
        sizes.insert(program, zip.finish()?.into_inner().len() as u64);
    }
    Ok(sizes)
}

fn plan() -> Result<Vec<PlanSpeed>, Failure> {
    say("plan");
    let path = program::path("target/release/plan-speed");
    let output = Command::new(&path)
        .output()
        .map_err(|error| format!("{}: {error}; see `make bench`", path.display()))?;
    if !output.status.success() {
        return Err(format!(
            "{}: {}\n{}",
            path.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(serde_json::Deserializer::from_slice(&output.stdout).into_iter().collect::<Result<_, _>>()?)
}

fn say(what: &str) {
    eprintln!("bench: {what}");
}
