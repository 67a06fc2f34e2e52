//! The function with the limits of template.yaml, under the quotas that new instances have: alone, next to a backfill, and
//! with several accounts that are vended in the same moment. All at once, each in a world of its own: they mostly sleep.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use stand_in::template;

use crate::{
    Failure, least,
    measure::{Runs, SECOND},
    program::{Process, Program},
    world::{ACCOUNT, Shape, Tls, Wire, World},
};

/// The quotas, outstanding creations and requests a second.
const QUOTAS: (usize, usize) = (15, 20);

const OTHERS: [&str; 4] = ["222233334444", "333344445555", "444455556666", "555566667777"];
const TEN: Shape = among_four(10);
const SIXTY: Shape = among_four(60);
const TWO_HUNDRED: Shape = among_four(200);
const RUNS: usize = 3;
/// So long does a backfill work before an account is vended next to it.
const BEFORE: Duration = Duration::from_secs(10);

const fn among_four(grants: usize) -> Shape {
    let (permission_sets, groups) = if grants < 20 { (2, grants / 2) } else { (4, grants / 4) };
    Shape { permission_sets, groups, permission_sets_of_the_instance: 4 }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Alone(Shape),
    /// Sixty grants.
    NextToABackfill,
    /// So many accounts of ten grants each.
    AtOnce(usize),
}

#[derive(Debug)]
pub struct Deployed {
    pub what: String,
    pub took: Runs,
    /// In seconds: the least that the quotas allow, or what it takes alone.
    pub least: f64,
    pub against: &'static str,
    /// What the ratio is to be at most.
    pub goal: f64,
    /// The part of all calls that were throttled, in the worst run; next to a backfill, its calls are among them.
    pub throttled: f64,
    kind: Kind,
    provisioning: Duration,
}

impl Deployed {
    pub fn ratio(&self) -> f64 {
        self.took.median() / self.least
    }

    fn new(kind: Kind, provisioning: Duration, latency: Duration) -> Deployed {
        let seconds = provisioning.as_secs();
        let least = |invocations, grants| {
            least::warm_makespan(invocations, grants, QUOTAS, provisioning, latency).as_secs_f64()
        };
        let (what, least, against, goal) = match kind {
            Kind::Alone(shape) => {
                let grants = shape.grants();
                let what = format!("{grants} grants of {seconds} s, alone");
                (what, least(1, grants), "the least", 1.15)
            }
            Kind::NextToABackfill => {
                (format!("60 grants of {seconds} s, next to a backfill"), f64::NAN, "alone", 1.3)
            }
            Kind::AtOnce(count) => {
                let what = format!("{count} accounts of 10 grants of {seconds} s, in the same moment");
                (what, least(count, count * TEN.grants()), "the least", 1.2)
            }
        };
        Deployed { what, took: Runs::default(), least, against, goal, throttled: 0.0, kind, provisioning }
    }

    async fn run(&mut self, tls: &Tls) -> Result<(), Failure> {
        match self.kind {
            Kind::Alone(shape) => alone(self, shape, tls).await,
            Kind::NextToABackfill => next_to_a_backfill(self, tls).await,
            Kind::AtOnce(count) => at_once(self, count, tls).await,
        }
    }

    fn add(&mut self, took: Duration, world: &World) {
        self.took.add(took);
        let history = world.stand_in.history();
        let throttled = history.iter().filter(|call| call.error.as_deref() == Some("ThrottlingException"));
        self.throttled = self.throttled.max(throttled.count() as f64 / history.len() as f64);
    }
}

pub async fn measure(tls: &Tls, latency: Duration) -> Result<Vec<Deployed>, Failure> {
    let kinds = [
        Kind::Alone(TEN),
        Kind::Alone(SIXTY),
        Kind::Alone(TWO_HUNDRED),
        Kind::NextToABackfill,
        Kind::AtOnce(2),
        Kind::AtOnce(5),
    ];
    let of = |provisioning| kinds.map(|kind| Deployed::new(kind, provisioning, latency));
    let mut cases: Vec<Deployed> = [SECOND, 3 * SECOND].into_iter().flat_map(of).collect();
    for run in 1..=RUNS {
        eprintln!("bench: as deployed, {run} of {RUNS}");
        try_join_all(cases.iter_mut().map(|case| case.run(tls))).await?;
    }
    let alone = cases.iter().filter(|case| case.kind == Kind::Alone(SIXTY));
    let alone: Vec<(Duration, f64)> = alone.map(|case| (case.provisioning, case.took.median())).collect();
    for case in cases.iter_mut().filter(|case| case.kind == Kind::NextToABackfill) {
        let same = alone.iter().find(|(provisioning, _)| *provisioning == case.provisioning);
        let (_, took) = same.ok_or_else(|| format!("{}: it was not measured alone", case.what))?;
        case.least = *took;
    }
    Ok(cases)
}

async fn world(shape: Shape, provisioning: Duration, tls: &Tls) -> Result<World, Failure> {
    World::with(shape, provisioning, QUOTAS, Wire::Tls, tls).await
}

/// Starts a process that knows the names, and with requests left for what is measured.
async fn warm(world: &World, limits: &[(&str, &str)]) -> Result<Process, Failure> {
    let mut process = Program::Function.start_with(world, limits).await?;
    process.plan().await?;
    tokio::time::sleep(SECOND).await;
    Ok(process)
}

async fn alone(case: &mut Deployed, shape: Shape, tls: &Tls) -> Result<(), Failure> {
    let world = world(shape, case.provisioning, tls).await?;
    let mut process = warm(&world, &template::vended()).await?;
    world.stand_in.forget_calls();
    let started = Instant::now();
    process.ensure().await?;
    case.add(started.elapsed(), &world);
    Ok(())
}

async fn next_to_a_backfill(case: &mut Deployed, tls: &Tls) -> Result<(), Failure> {
    let world = world(SIXTY, case.provisioning, tls).await?;
    let (mut process, mut backfill) =
        (warm(&world, &template::vended()).await?, warm(&world, &template::backfill()).await?);
    let others = async {
        for account in OTHERS.into_iter().cycle() {
            backfill.ensure_account(account).await?;
            let assignments = world.stand_in.assignments();
            let made = assignments.iter().filter(|one| one.account == account);
            made.for_each(|one| world.stand_in.remove_assignment(one));
        }
        Ok::<_, Failure>(())
    };
    let vended = async {
        tokio::time::sleep(BEFORE).await;
        world.stand_in.forget_calls();
        let started = Instant::now();
        process.ensure().await?;
        Ok::<_, Failure>(started.elapsed())
    };
    let took = tokio::select! {
        took = vended => took?,
        ended = others => return Err(format!("the backfill ended: {ended:?}").into()),
    };
    case.add(took, &world);
    Ok(())
}

async fn at_once(case: &mut Deployed, count: usize, tls: &Tls) -> Result<(), Failure> {
    let world = world(TEN, case.provisioning, tls).await?;
    let mut processes = Vec::new();
    for _ in 0..count {
        processes.push(warm(&world, &template::vended()).await?);
    }
    world.stand_in.forget_calls();
    let started = Instant::now();
    let accounts = std::iter::once(ACCOUNT).chain(OTHERS);
    try_join_all(
        processes.iter_mut().zip(accounts).map(|(process, account)| process.ensure_account(account)),
    )
    .await?;
    case.add(started.elapsed(), &world);
    Ok(())
}
