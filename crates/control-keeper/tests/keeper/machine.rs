//! The function as the state machine of `controls.asl.yaml` invokes it: one step after the other, with its waits, its
//! limits, and the retries of a step that was killed.

use std::time::Duration;

use assigner_core::controls::report::{Outcome, Report};
use assigner_engine::error::Error;
use fastrand::Rng;
use serde_json::{Value, json};
use stand_in::{Organization, Settings};
use tokio::time::Instant;

use crate::{OU, World, sample};

/// How an execution ended.
#[derive(Debug)]
struct Execution {
    end: Result<Report, String>,
    rounds: usize,
}

/// Runs an execution. `kills` says how long a step may live; a step that is killed is a new instance's.
async fn execute(world: &mut World, event: &Value, mut kills: Option<(&mut Rng, usize)>) -> Execution {
    let (mut round, mut idle, mut best) = (0, 0, usize::MAX);
    loop {
        let alive = match &mut kills {
            Some((moments, left)) if *left > 0 => {
                *left -= 1;
                Duration::from_millis(moments.u64(100..12_000))
            }
            _ => Duration::from_secs(300),
        };
        // Dropped wherever it is, as a process that is killed.
        let Ok(answer) = tokio::time::timeout(alive, world.handle(event.clone())).await else {
            world.restart().await;
            tokio::time::advance(Duration::from_secs(5)).await;
            continue;
        };
        let report = match answer {
            Err(error) => return Execution { end: Err(error.name().to_owned()), rounds: round },
            Ok(report) if report.outcome != Outcome::Working => {
                return Execution { end: Ok(report), rounds: round };
            }
            Ok(report) => report,
        };
        let is_better = report.counts.pending < best;
        if !is_better && idle >= 240 {
            return Execution { end: Err("no better".to_owned()), rounds: round };
        }
        let wait = if is_better || idle < 60 { 5 } else { 60 };
        (idle, best) = if is_better { (0, report.counts.pending) } else { (idle + 1, best) };
        round += 1;
        tokio::time::advance(Duration::from_secs(wait)).await;
    }
}

fn all() -> Value {
    json!({ "controls": {} })
}

fn accepted(world: &World) -> usize {
    let history = world.stand_in.history();
    history.iter().filter(|call| call.operation == "EnableControl" && call.status == 200).count()
}

#[tokio::test(start_paused = true)]
async fn killed_at_random_moments_an_execution_makes_the_sample_true_and_the_next_writes_nothing() {
    for seed in 0..4 {
        let settings = Settings {
            seed,
            latency: Duration::from_millis(200),
            control_operation: Duration::from_secs(20),
            ..Settings::default()
        };
        let mut world = World::with(&sample(), settings, &[]).await;
        let mut moments = Rng::with_seed(seed);
        let first = execute(&mut world, &all(), Some((&mut moments, 12))).await;
        assert_eq!(
            first.end.as_ref().map(|report| report.outcome),
            Ok(Outcome::Ready),
            "seed {seed}: {first:#?}"
        );
        assert_eq!(
            (world.enabled().len(), accepted(&world)),
            (13, 13),
            "seed {seed}: nothing was sent twice"
        );

        let writes = world.writes();
        world.restart().await;
        let second = execute(&mut world, &all(), Some((&mut moments, 3))).await;
        assert_eq!(second.end.map(|report| report.counts.present), Ok(13), "seed {seed}");
        assert_eq!((world.writes(), second.rounds), (writes, 0), "seed {seed}");
        assert_eq!(world.stand_in.calls().get("DisableControl"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_enabled_by_hand_by_the_other_form_of_each_arn_is_present_and_nothing_is_written() {
    let mut world = World::new(&sample()).await;
    assert!(execute(&mut world, &all(), None).await.end.is_ok());
    let enabled = world.stand_in.enabled_controls();

    // Another organization, in which a person has enabled the same by Regional ARNs, where a control has one.
    let mut world = World::new(&sample()).await;
    let controls = Organization::sample().landing_zone.controls;
    let mut other = 0;
    for one in &enabled {
        let control = controls.iter().find(|control| control.id == one.control_id).unwrap();
        let regional =
            control.regional.as_ref().map(|last| format!("arn:aws:controltower:eu-west-1::control/{last}"));
        let global = format!("arn:aws:controlcatalog:::control/{}", control.id);
        let arn = match &regional {
            Some(regional) if *regional != one.control => regional.clone(),
            _ => global,
        };
        other += usize::from(arn != one.control);
        let unit = one.target.strip_prefix(OU).unwrap();
        world.put(&arn, unit, json!(one.parameters));
    }
    assert!(other >= 8, "{other} of {} by the other form", enabled.len());
    let execution = execute(&mut world, &all(), None).await;
    let report = execution.end.unwrap();
    assert_eq!((report.outcome, report.counts.present), (Outcome::Ready, 13), "{report:#?}");
    assert_eq!((world.writes(), execution.rounds), (0, 0), "{:?}", world.stand_in.calls());
}

#[tokio::test(start_paused = true)]
async fn an_event_is_worked_off_until_nothing_remains_of_its_ou() {
    let mut world = World::new(&sample()).await;
    let register = serde_json::from_str(include_str!("../../../../events/register-ou.json")).unwrap();
    let execution = execute(&mut world, &register, None).await;
    assert_eq!(execution.end.as_ref().map(|report| report.outcome), Ok(Outcome::Ready), "{execution:#?}");
    // Root keys by `*`, the root user, snapshots, images.
    assert_eq!(world.enabled().len(), 4, "{:#?}", world.enabled());
    assert!(world.enabled().iter().all(|line| line.starts_with("ou-ab12-55555555")));
}

/// Returns the sample with every row for each of so many OUs, in an organization that has them.
async fn wide(units: usize, settings: Settings) -> World {
    let mut table = sample();
    for row in table["controls"].as_array_mut().unwrap() {
        row["ous"] = (0..units).map(|n| Value::from(format!("U{n}"))).collect();
    }
    let world = World::with(&table, settings, &[]).await;
    world.stand_in.edit(|organization| {
        let unit = |n: usize| json!({ "id": format!("ou-ab12-a{n:07}"), "name": format!("U{n}"), "parent": "r-ab12" });
        organization.organizational_units = (0..units).map(|n| serde_json::from_value(unit(n)).unwrap()).collect();
        organization.accounts.retain(|account| account.parent == "r-ab12");
    });
    world
}

/// Twenty OUs with eight controls each, ten operations at a time, a minute each: 16 minutes at least.
#[tokio::test(start_paused = true)]
async fn a_hundred_and_sixty_operations_take_hardly_longer_than_control_tower_needs() {
    let (units, each, seconds) = (20, 8, 60);
    let settings = Settings {
        latency: Duration::from_millis(100),
        control_operation: Duration::from_secs(seconds),
        ..Settings::default()
    };
    let mut world = wide(units, settings).await;
    let began = Instant::now();
    let execution = execute(&mut world, &all(), None).await;
    assert_eq!(execution.end.map(|report| report.outcome), Ok(Outcome::Ready));
    assert_eq!(world.enabled().len(), units * each);
    let least = ((units * each).div_ceil(10).max(each)) as f64 * seconds as f64;
    let took = began.elapsed().as_secs_f64();
    println!("{} operations of {seconds} s: {took:.0} s, {:.3} times the least", units * each, took / least);
    assert!(took < 1.15 * least, "{took} s, and {least} s at least");
}

#[tokio::test(start_paused = true)]
async fn thirty_ous_with_eight_controls_each_and_nothing_to_do_take_six_calls() {
    let units = 30;
    let mut world = wide(units, Settings::default()).await;
    let controls = [
        ("8ui9y3oace2513xarz8aqojl7", json!({})),
        ("5kvme4m5d2b4d7if2fs5yg2ui", json!({ "ExemptAssumeRoot": true })),
        ("kr15xvw9oltta064g3o80ppk", json!({})),
        ("7mo7a2h2ebsq71l8k6uzr96ou", json!({})),
        ("ek6wc2bmgzmho1kk6bn236mqt", json!({})),
        ("clmlaa2in1wkntwekh7uw2jyx", json!({})),
        ("41ngl8m5c4eb1myoz0t707n7h", json!({})),
        ("acfp8qjz7eggnursu5pfw7q2w", json!({})),
    ];
    for n in 0..units {
        for (id, parameters) in &controls {
            let arn = format!("arn:aws:controlcatalog:::control/{id}");
            world.put(&arn, &format!("ou-ab12-a{n:07}"), parameters.clone());
        }
    }
    assert!(execute(&mut world, &all(), None).await.end.is_ok());
    world.stand_in.forget_calls();
    let execution = execute(&mut world, &all(), None).await;
    assert_eq!(execution.end.map(|report| report.counts.present), Ok(units * controls.len()));
    println!("nothing to do, warm: {} calls: {:?}", world.calls(), world.stand_in.calls());
    assert!(world.calls() <= 6, "{:?}", world.stand_in.calls());
    assert_eq!(world.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_waiting_does_not_fix_is_the_end_of_an_execution() {
    let mut world = World::new(&sample()).await;
    let execution = execute(&mut world, &json!({ "ou": "ou-ab12-55555555" }), None).await;
    let expected = Error::InvalidEvent(String::new());
    assert_eq!((execution.end.map(|_| ()), execution.rounds), (Err(expected.name().to_owned()), 0));
}
