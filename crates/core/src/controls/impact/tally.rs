//! What was seen, summed up. Its size depends on how many accounts, days and principals there are, not on how many
//! records.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Asks, Record,
    ask::Spot,
    denies::Denied,
    record::{Caller, account},
};
use crate::day::Day;

/// Principals that are told apart. The calls of any more are counted under one name.
const MOST_PRINCIPALS: usize = 50_000;
/// Kinds of calls whose deny is remembered.
const MOST_KINDS: usize = 50_000;

/// A moment as CloudTrail writes it, to the second, UTC: `2026-11-20T10:11:12Z`. In order of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment([u8; 20]);

impl Moment {
    /// Reads a moment; a fraction of a second is left out.
    pub fn parse(text: &str) -> Option<Moment> {
        const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
        let bytes = text.as_bytes();
        let is_like = |(byte, shape): (&u8, &u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        };
        let whole = bytes.len() >= 20 && bytes.last() == Some(&b'Z') && bytes.iter().zip(SHAPE).all(is_like);
        let mut moment = [b'Z'; 20];
        whole.then(|| {
            moment[..19].copy_from_slice(&bytes[..19]);
            Moment(moment)
        })
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn day(&self) -> Option<i32> {
        Day::parse(self.as_str().get(..10)?).map(Day::number)
    }
}

impl std::fmt::Debug for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Days, as bits of 64 days each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days(BTreeMap<i32, u64>);

impl Days {
    fn add(&mut self, day: i32) {
        *self.0.entry(day.div_euclid(64)).or_default() |= 1 << day.rem_euclid(64);
    }

    pub fn join(&mut self, other: &Days) {
        for (block, bits) in &other.0 {
            *self.0.entry(*block).or_default() |= bits;
        }
    }

    pub fn count(&self) -> u32 {
        self.0.values().map(|bits| bits.count_ones()).sum()
    }
}

/// How often, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub calls: u64,
    pub last: Moment,
}

/// What was seen of one control on one OU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// By principal.
    pub used: HashMap<String, Use>,
    /// Calls that depend on something that CloudTrail does not record, by what that is.
    pub unknown: BTreeMap<String, u64>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Only records of this moment and later count.
    since: Option<Moment>,
    /// Records, whatever they tell.
    pub records: u64,
    /// Records from before `since`.
    pub older: u64,
    /// Records without a moment.
    pub timeless: u64,
    /// The first and the last record that counts.
    pub window: Option<(Moment, Moment)>,
    /// By account, on which days there is a record.
    pub days: HashMap<u64, Days>,
    /// Accounts with a record of a data event of S3.
    pub with_objects: HashSet<u64>,
    /// By question and OU.
    pub seen: HashMap<(usize, usize), Seen>,
    principals: usize,
    last_day: ([u8; 10], i32),
    last_cover: (u64, i32),
    kinds: HashMap<String, HashMap<String, Option<Kind>>>,
    kinds_known: usize,
}

/// A kind of call that some control denies.
#[derive(Clone, Debug)]
struct Kind {
    action: String,
    denies: Vec<usize>,
}

impl Tally {
    pub fn new(since: Option<Moment>) -> Tally {
        Tally { since, ..Tally::default() }
    }

    /// Adds a record. `is_new` is asked about the id of an event that would count: whether it has not been seen before.
    pub fn add(&mut self, asks: &Asks, record: &Record<'_>, is_new: &impl Fn(&str) -> bool) {
        self.records += 1;
        let Some(moment) = Moment::parse(&record.event_time) else {
            self.timeless += 1;
            return;
        };
        if self.since.is_some_and(|since| moment < since) {
            self.older += 1;
            return;
        }
        let (from, to) = self.window.unwrap_or((moment, moment));
        self.window = Some((from.min(moment), to.max(moment)));
        let Some(account) = record.account() else { return };
        let Some(spots) = asks.spots(account) else { return };
        self.cover(account, moment, record);
        if spots.is_empty() || record.has_failed() || !record.is_call() {
            return;
        }
        self.learn(asks, record);
        let kind = self.kinds.get(&*record.event_source).and_then(|names| names.get(&*record.event_name));
        let Some(Some(kind)) = kind else { return };
        let caller = record.caller();
        let denied = judge(asks, spots, kind, record, caller.as_ref(), account);
        if denied.is_empty() || !is_new(&record.event_id) {
            return;
        }
        let name = name(record, caller.as_ref());
        for (spot, what) in denied {
            let seen = self.seen.entry((spot.question, spot.unit)).or_default();
            match what {
                Denied::Unknown(of) => *seen.unknown.entry(of).or_default() += 1,
                _ => note(&mut seen.used, &mut self.principals, &name, Use { calls: 1, last: moment }),
            }
        }
    }

    fn cover(&mut self, account: u64, moment: Moment, record: &Record<'_>) {
        if &*record.event_category == "Data" && &*record.event_source == "s3.amazonaws.com" {
            self.with_objects.insert(account);
        }
        let date: [u8; 10] = moment.0[..10].try_into().unwrap_or_default();
        if self.last_day.0 != date {
            let Some(day) = moment.day() else { return };
            self.last_day = (date, day);
        }
        let day = self.last_day.1;
        if self.last_cover != (account, day) {
            self.last_cover = (account, day);
            self.days.entry(account).or_default().add(day);
        }
    }

    /// Finds out which controls deny this kind of call, once.
    fn learn(&mut self, asks: &Asks, record: &Record<'_>) {
        let (source, name) = (&*record.event_source, &*record.event_name);
        if self.kinds.get(source).is_some_and(|names| names.contains_key(name)) {
            return;
        }
        if self.kinds_known >= MOST_KINDS {
            self.kinds.clear();
            self.kinds_known = 0;
        }
        self.kinds_known += 1;
        let action = action(source, name);
        let denies: Vec<usize> =
            (0..asks.denies.all.len()).filter(|&deny| asks.denies.all[deny].is_about(&action)).collect();
        let kind = (!denies.is_empty()).then_some(Kind { action, denies });
        self.kinds.entry(source.to_owned()).or_default().insert(name.to_owned(), kind);
    }

    /// Adds what another one saw. An event that both saw must have been new to one of them only.
    pub fn join(&mut self, other: Tally) {
        self.records += other.records;
        self.older += other.older;
        self.timeless += other.timeless;
        self.window = match (self.window, other.window) {
            (Some((from, to)), Some((first, last))) => Some((from.min(first), to.max(last))),
            (one, another) => one.or(another),
        };
        for (account, days) in other.days {
            self.days.entry(account).or_default().join(&days);
        }
        self.with_objects.extend(other.with_objects);
        for (spot, seen) in other.seen {
            let own = self.seen.entry(spot).or_default();
            for (of, calls) in seen.unknown {
                *own.unknown.entry(of).or_default() += calls;
            }
            for (name, used) in seen.used {
                note(&mut own.used, &mut self.principals, &name, used);
            }
        }
    }
}

/// Returns where a call would have been denied, or perhaps.
fn judge(
    asks: &Asks,
    spots: &[Spot],
    kind: &Kind,
    record: &Record<'_>,
    caller: Option<&Caller<'_>>,
    account: u64,
) -> Vec<(Spot, Denied)> {
    let mut denied = Vec::new();
    if caller.is_some_and(Caller::is_beyond_controls) {
        return denied;
    }
    let mut judged: Option<(usize, Denied)> = None;
    for spot in spots.iter().filter(|spot| kind.denies.contains(&spot.deny)) {
        let deny = &asks.denies.all[spot.deny];
        // What restricts principals restricts those of the account. Calls of others are in the logs of theirs too.
        if !deny.is_of_resources && caller.is_none_or(|caller| caller.account != account) {
            continue;
        }
        // Services reach buckets by themselves, and are never restricted.
        if caller.is_none() && is_service(record) {
            continue;
        }
        if caller.is_some_and(|caller| asks.questions[spot.question].exempts(caller)) {
            continue;
        }
        let what = match &judged {
            Some((of, what)) if *of == spot.deny => what.clone(),
            _ => judged.insert((spot.deny, deny.judge(&kind.action, record, caller))).1.clone(),
        };
        if what != Denied::No {
            denied.push((*spot, what));
        }
    }
    denied
}

fn is_service(record: &Record<'_>) -> bool {
    record.user_identity.as_ref().is_none_or(|identity| &*identity.kind == "AWSService")
}

/// Returns the name of a principal, or what is known of one that has none.
fn name(record: &Record<'_>, caller: Option<&Caller<'_>>) -> String {
    match caller {
        Some(caller) if caller.is_assumed_root => format!("{} (centralized root access)", caller.arn),
        Some(caller) => caller.arn.to_string(),
        None => {
            let identity = record.user_identity.as_ref();
            match identity.and_then(|identity| account(&identity.account_id)) {
                Some(account) => format!("account {account:012}"),
                None => "somebody without credentials".to_owned(),
            }
        }
    }
}

fn note(used: &mut HashMap<String, Use>, principals: &mut usize, name: &str, more: Use) {
    let name = match used.contains_key(name) || *principals < MOST_PRINCIPALS {
        true => name,
        false => "others, who are too many to be told apart",
    };
    match used.get_mut(name) {
        Some(own) => {
            own.calls += more.calls;
            own.last = own.last.max(more.last);
        }
        None => {
            *principals += 1;
            used.insert(name.to_owned(), more);
        }
    }
}

/// Services whose name in IAM is another one than in their events.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("cloudcontrolapi", "cloudformation"),
    ("email", "ses"),
    ("monitoring", "cloudwatch"),
    ("servicecatalog-appregistry", "servicecatalog"),
    ("tagging", "tag"),
];

/// Returns the action of IAM that an event is of: `lambda:CreateFunction` of `CreateFunction20150331`.
fn action(source: &str, name: &str) -> String {
    let service = source.split('.').next().unwrap_or_default();
    let service = OTHER_NAMES.iter().find(|(event, _)| *event == service).map_or(service, |(_, iam)| iam);
    format!("{service}:{}", without_version(name))
}

/// Returns the name without the version of an interface: `20150331`, `20150331v2` or `2020_05_31`.
fn without_version(name: &str) -> &str {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = match name.rsplit_once('v') {
        Some((before, version))
            if !version.is_empty()
                && digits(version)
                && before.ends_with(|one: char| one.is_ascii_digit()) =>
        {
            before
        }
        _ => name,
    };
    for length in [8, 10] {
        let Some(at) = plain.len().checked_sub(length).filter(|at| *at > 0 && plain.is_char_boundary(*at))
        else {
            continue;
        };
        let version = plain[at..].split('_').collect::<String>();
        if version.len() == 8 && digits(&version) {
            return &plain[..at];
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_of_an_action() {
        let cases = [
            ("s3.amazonaws.com", "PutBucketLogging", "s3:PutBucketLogging"),
            ("lambda.amazonaws.com", "CreateFunction20150331", "lambda:CreateFunction"),
            ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
            ("cloudfront.amazonaws.com", "CreateDistribution2020_05_31", "cloudfront:CreateDistribution"),
            ("monitoring.amazonaws.com", "PutMetricAlarm", "cloudwatch:PutMetricAlarm"),
            ("iot.amazonaws.com", "Getv2", "iot:Getv2"),
            ("x.amazonaws.com", "20150331", "x:20150331"),
            ("x.amazonaws.com", "Grüße", "x:Grüße"),
        ];
        for (source, name, expected) in cases {
            assert_eq!(action(source, name), expected);
        }
    }

    #[test]
    fn moments_are_of_one_shape_and_in_order() {
        let moment = |text: &str| Moment::parse(text);
        assert_eq!(moment("2026-11-20T10:11:12.345Z"), moment("2026-11-20T10:11:12Z"));
        assert!(moment("2026-11-20T10:11:12Z") < moment("2026-11-20T10:11:13Z"));
        for bad in
            ["", "2026-11-20", "2026-11-20T10:11:12", "2026-11-20T10:11:12+01:00", "20261120T101112Z0000"]
        {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_are_counted_once() {
        let mut days = Days::default();
        [63, 64, 64, 127, -1].into_iter().for_each(|day| days.add(day));
        let mut other = Days::default();
        [64, 128].into_iter().for_each(|day| other.add(day));
        days.join(&other);
        assert_eq!(days.count(), 5);
    }
}
