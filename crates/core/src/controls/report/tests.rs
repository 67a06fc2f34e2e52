use super::*;

#[test]
fn the_outcome_follows_from_what_is_there() {
    let none = Counts::default();
    let cases = [
        (none, 0, Mode::Write, Outcome::Ready),
        (none, 1, Mode::Write, Outcome::Working),
        (Counts { pending: 1, failed: 1, ..none }, 0, Mode::Write, Outcome::Working),
        (Counts { failed: 1, ..none }, 1, Mode::Write, Outcome::Working),
        (Counts { failed: 1, ..none }, 0, Mode::Write, Outcome::Incomplete),
        (Counts { blocked: 1, ..none }, 0, Mode::Write, Outcome::Incomplete),
        (Counts { unresolved: 1, ..none }, 0, Mode::Write, Outcome::Incomplete),
        (Counts { drifted: 1, ..none }, 0, Mode::Write, Outcome::Incomplete),
        (Counts { extra: 1, waiting: 1, inherited: 1, ..none }, 0, Mode::Write, Outcome::Ready),
        (Counts { planned: 1, ..none }, 3, Mode::Plan, Outcome::Planned),
        (Counts { planned: 1, blocked: 1, ..none }, 0, Mode::Plan, Outcome::Incomplete),
    ];
    for (counts, under_way, mode, expected) in cases {
        assert_eq!(outcome(&counts, under_way, mode), expected, "{counts:?} {under_way} {mode:?}");
    }
}

fn report(controls: usize) -> Report {
    let control = |n: usize| ControlReport {
        rules: vec!["row".into()],
        control: NamedControl { name: format!("CT.{n}"), arn: "arn".into() },
        status: match n % 3 {
            0 => Status::Inherited,
            1 => Status::Present,
            _ => Status::Failed,
        },
        action: None,
        operation_id: None,
        since: None,
        from: None,
        until: None,
        reason: (n % 3 == 2).then(|| "no\n{}".to_owned()),
        remedy: None,
    };
    let controls: Vec<_> = (0..controls).map(control).collect();
    let mut counts = Counts::default();
    controls.iter().for_each(|control| counts.count(control.status));
    let unit = UnitReport { id: None, path: "W".into(), controls };
    Report {
        outcome: Outcome::Incomplete,
        reason: None,
        table: None,
        ous: vec![unit],
        controls_omitted: 0,
        notes: Vec::new(),
        counts,
        seconds: 0.0,
    }
}

#[test]
fn a_report_is_cut_only_if_it_is_too_large_and_what_is_wrong_stays() {
    let mut small = report(9);
    let before = small.clone();
    small.shorten(MOST_BYTES);
    assert_eq!(small, before);
    let mut large = report(3_000);
    large.shorten(MOST_BYTES);
    assert!(large.to_json().len() <= MOST_BYTES);
    assert_eq!(large.ous[0].controls.iter().filter(|control| control.is_bad()).count(), 1_000);
    let mut huge = report(12_000);
    huge.shorten(MOST_BYTES);
    assert!(huge.to_json().len() <= MOST_BYTES);
    let kept = huge.ous[0].controls.len();
    assert_eq!(kept + huge.controls_omitted, 12_000);
    assert!(huge.ous[0].controls.iter().all(ControlReport::is_bad));
}

#[test]
fn what_follows_an_error_fits_into_the_cause_of_an_execution_and_begins_with_what_is_wrong() {
    let short = report(1_000).to_short_json();
    let message = format!("{}\n{short}", report(1_000).sentence());
    let cause = serde_json::json!({ "errorMessage": message, "errorType": "ControlsIncomplete" }).to_string();
    assert!(cause.len() < 32_768, "{}", cause.len());
    let short: serde_json::Value = serde_json::from_str(&short).unwrap();
    let controls = short["ous"][0]["controls"].as_array().unwrap();
    assert!(controls.iter().all(|control| control["status"] == "failed") && controls.len() > 100);
    assert_eq!(controls.len() as u64 + short["controlsOmitted"].as_u64().unwrap(), 1_000);
}

#[test]
fn the_sentence_counts_what_is_wrong_and_names_the_first() {
    assert_eq!(
        report(3).sentence(),
        "1 of 3 controls are not as the table says: 1 failed; the first is CT.2 on W: no ()."
    );
}
