//! `assignctl controls impact`: would these controls have denied what is in use?

use std::{
    fmt::Write,
    fs::File,
    path::Path,
    time::{Duration, SystemTime},
};

use assigner_core::{
    controls::{
        Row, Table,
        impact::{
            Asks, Report, Unread, Verdict,
            denies::Denies,
            status::{Columns, Status},
            tally::Moment,
        },
        tree::{Tree, Unit},
        wish::Member,
    },
    day, ids,
    organization::{Account, Needs},
    selector::OrganizationalUnit,
};
use assigner_engine::{
    clock,
    error::Error,
    trail::{self, Reading},
};
use tokio::time::timeout_at;

use super::arguments;
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{GOOD, STRONG, WARNING, clean, plural},
};

/// In bytes. AWS takes some 10,000 characters.
const LARGEST_POLICY: usize = 1024 * 1024;
/// The most principals and files that are listed on a terminal; the JSON document has all.
const MOST_LISTED: usize = 20;

pub async fn run(session: &Session, table: &Table, arguments: arguments::Impact) -> Result<Exit, Failure> {
    let arguments::Impact { events, days, policy, canary, status_report, snapshot } = arguments;
    let mut denies = Denies::of_the_guide();
    if let Some(path) = policy {
        let text = session.read(&path, LARGEST_POLICY)?;
        let name = clean(&path.display().to_string());
        take(session, &mut denies, table, &[(name.clone(), text)], &name)?;
    }
    let status = status_report.map(|path| status(&path)).transpose()?;
    let unreadable = |error| Failure::file("read", &events, error);
    let size = trail::size(&events).map_err(unreadable)?;
    let now = SystemTime::now();
    let since = days.map(|days| since(now, days)).transpose()?;
    let (tree, members, lost) = match snapshot {
        Some(path) => from_snapshot(session, &path)?,
        None => from_aws(session).await?,
    };
    if let Some(unit) = canary {
        let policies = of_canary(session, &tree, &unit).await?;
        take(session, &mut denies, table, &policies, &format!("the OU {}", clean(&unit.to_string())))?;
    }
    let asks = Asks::new(table, denies, &tree, &members, clock::moment(now));

    let bar = session.progress(
        usize::try_from(size.bytes).unwrap_or(usize::MAX),
        "{spinner} Reading CloudTrail {bar:30} {binary_bytes} of {binary_total_bytes}, {eta} left",
    );
    let read = trail::read(&events, &asks, since, session.until, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let mut reading = read.map_err(unreadable)?;
    reading.unread.extend(lost);
    if reading.is_late {
        return Err(Error::Late { what: "CloudTrail's files", last: None }.into());
    }
    let Some(report) = Report::of(&asks, &reading.tally, status.as_ref(), &reading.unread) else {
        return Err(nothing(&events, &reading));
    };
    notes(session, &reading);
    if session.json {
        session.print_json(&report);
    } else {
        session.print(&words(&report, &reading));
    }
    Ok(if report.is_quiet() { Exit::Good } else { Exit::Missing })
}

/// Takes what the controls of the table deny from the texts of policies, each with its name. `of` names where they are.
fn take(
    session: &Session,
    denies: &mut Denies,
    table: &Table,
    policies: &[(String, Vec<u8>)],
    of: &str,
) -> Result<(), Failure> {
    let names: Vec<_> = table.rows.iter().flat_map(Row::controls).collect();
    let mut taken: Vec<String> = Vec::new();
    for (name, text) in policies {
        taken.extend(denies.read(text, &names).map_err(|faults| {
            let faults: Vec<String> =
                faults.iter().map(|fault| clean(&format!("{}: {}", fault.field, fault.problem))).collect();
            Failure::wrong(
                format!("{name} is not a service control policy:\n- {}", faults.join("\n- ")),
                "give the content of a policy, as `aws organizations describe-policy --query Policy.Content --output text` \
                 prints it",
            )
        })?);
    }
    if taken.is_empty() {
        return Err(Failure::wrong(
            format!("no statement of {of} denies for a control of the table: no Sid is one of theirs"),
            "give the policy of an OU that has one of the controls; its statement has a Sid such as GRRESTRICTROOTUSER",
        ));
    }
    session.note(&format!("note: what {} deny is taken from {of}", clean(&taken.join(", "))));
    Ok(())
}

/// Returns Control Tower's policies on an OU.
async fn of_canary(
    session: &Session,
    tree: &Tree,
    unit: &OrganizationalUnit,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let Some(place) = tree.find(unit) else {
        return Err(Failure::wrong(
            format!("the organization has no OU {}", clean(&unit.to_string())),
            "give the path of names from the root down, such as Workloads/Prod, or the OU's id",
        ));
    };
    let aws = session.aws().await?;
    let read = timeout_at(session.until, aws.organizations.guardrails(&tree.units()[place].id)).await;
    let policies = read.map_err(|_| Error::Late { what: "the policies of the OU", last: None })??;
    Ok(policies.into_iter().map(|(name, text)| (clean(&name), text.into_bytes())).collect())
}

fn status(path: &Path) -> Result<Status, Failure> {
    let wrong = |problem: String| {
        Failure::wrong(
            format!("{}: {problem}", clean(&path.display().to_string())),
            "give the CSV file that `aws ec2 start-declarative-policies-report` wrote",
        )
    };
    // Opening a named pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(|error| Failure::file("read", path, error))?.is_file() {
        return Err(wrong("it is not a file".to_owned()));
    }
    let file = File::open(path).map_err(|error| Failure::file("read", path, error))?;
    let mut lines = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let columns = lines.headers().map_err(|error| wrong(format!("it is not CSV: {error}")))?;
    let columns = Columns::read(columns.iter()).map_err(wrong)?;
    let mut status = Status::default();
    let mut line = csv::StringRecord::new();
    while lines.read_record(&mut line).map_err(|error| wrong(format!("it is not CSV: {error}")))? {
        if !status.add(&columns, &|column| line.get(column)) {
            let at = line.position().map_or(0, csv::Position::line);
            return Err(wrong(format!("line {at} names no account")));
        }
    }
    Ok(status)
}

/// Returns the moment so many days ago.
fn since(now: SystemTime, days: u32) -> Result<Moment, Failure> {
    let then = now.checked_sub(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let moment = then.and_then(|then| Moment::parse(&day::rfc3339(clock::moment(then))));
    moment.ok_or_else(|| Failure::wrong(format!("there is no day {days} days ago"), "give fewer --days"))
}

/// The OUs, the accounts in them, and the accounts of which it is not known where they are.
type Places = (Tree, Vec<Member>, Vec<Unread>);

async fn from_aws(session: &Session) -> Result<Places, Failure> {
    let aws = session.aws().await?;
    let bar = session.spinner();
    bar.set_message("Reading OUs and accounts");
    let management: Vec<_> = aws.settings.management_account.iter().collect();
    let accounts = aws.organizations.accounts(Needs::default(), &management);
    let both = async { tokio::try_join!(aws.organizations.tree(), accounts) };
    let read = timeout_at(session.until, both).await;
    bar.finish_and_clear();
    let (tree, accounts) = read.map_err(|_| Error::Late { what: "OUs and accounts", last: None })??;
    let (members, lost) = members(&accounts);
    Ok((tree, members, lost))
}

fn from_snapshot(session: &Session, path: &Path) -> Result<Places, Failure> {
    let facts = session.snapshot(path)?.facts(&[], clock::day(SystemTime::now()));
    let units = facts.units.as_ref().filter(|_| facts.is_whole()).ok_or_else(|| {
        Failure::wrong(
            format!("{} does not have every OU and account", clean(&path.display().to_string())),
            "write a new snapshot of the whole organization, with `assignctl snapshot`",
        )
    })?;
    let root = units.iter().map(|unit| &unit.parent).find(|parent| ids::is_root_id(parent));
    let units = units.iter().map(|unit| Unit {
        id: unit.id.clone(),
        arn: String::new(),
        name: unit.name.clone(),
        parent: unit.parent.clone(),
    });
    let tree = Tree::new(root.cloned().unwrap_or_default(), units.collect());
    let (members, lost) = members(&facts.accounts);
    Ok((tree, members, lost))
}

/// Returns the accounts that controls apply to, and those of which it is not known whether they do.
fn members(accounts: &[Account]) -> (Vec<Member>, Vec<Unread>) {
    let (mut members, mut lost) = (Vec::new(), Vec::new());
    for account in accounts.iter().filter(|account| account.may_receive()) {
        let (id, name) = (account.id.to_string(), account.name.clone());
        match (&account.unread, account.parents.last()) {
            (None, Some(parent)) => members.push(Member { id, name, unit: parent.id.clone() }),
            (reason, _) => lost.push(Unread {
                file: format!("account {id} ({name})"),
                reason: reason.clone().unwrap_or_else(|| "AWS does not say which OU it is in".to_owned()),
                account: None,
            }),
        }
    }
    (members, lost)
}

/// Returns the failure of files without a record that counts.
fn nothing(events: &Path, reading: &Reading) -> Failure {
    let name = clean(&events.display().to_string());
    let Reading { tally, size, unread, .. } = reading;
    let mut message = match (tally.records, tally.older) {
        (0, _) => format!("{name} has no record of CloudTrail in {}", plural(count(size.files), "file")),
        (records, older) => format!(
            "no record of {name} counts: of {} {older} are from before the days that were asked for, and {} have no time",
            plural(count(records), "record"),
            tally.timeless
        ),
    };
    for file in unread.iter().take(MOST_LISTED) {
        message += &format!("\n- {}: {}", clean(&file.file), clean(&file.reason));
    }
    Failure::wrong(
        message,
        "name the folder into which the bucket of the organization's trail was copied, or look at more --days",
    )
}

/// Says what the report does not rest on.
fn notes(session: &Session, reading: &Reading) {
    for file in reading.unread.iter().take(MOST_LISTED) {
        session.note(&format!("note: not read whole: {}: {}", clean(&file.file), clean(&file.reason)));
    }
    if let Some(more) = reading.unread.len().checked_sub(MOST_LISTED).filter(|more| *more > 0) {
        session.note(&format!("note: {} more were not read whole; --json names them", plural(more, "file")));
    }
    if reading.skipped > 0 {
        let skipped = plural(count(reading.skipped), "file");
        session.note(&format!("note: left out {skipped} or folders without records of calls"));
    }
    if reading.may_repeat {
        session.note(
            "note: there are so many calls that one which was delivered twice may have been counted twice",
        );
    }
}

fn words(report: &Report, reading: &Reading) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_words(&mut text, report, reading);
    text
}

fn write_words(text: &mut String, report: &Report, reading: &Reading) -> std::fmt::Result {
    let Report { window, unread: _, rows } = report;
    writeln!(
        text,
        "CloudTrail from {} to {}: {} of {}",
        window.from,
        window.to,
        plural(count(reading.tally.records), "record"),
        plural(count(reading.size.files), "file")
    )?;
    for row in rows {
        writeln!(text, "\n{STRONG}{}{STRONG:#}  {}", row.id, clean(&row.control))?;
        for unit in &row.ous {
            let path = clean(&unit.path);
            match unit.verdict {
                Verdict::InUse => writeln!(text, "  {path}: {WARNING}in use{WARNING:#}")?,
                Verdict::NotSeen(_) => writeln!(text, "  {path}: {GOOD}{}{GOOD:#}", unit.verdict)?,
                Verdict::CannotTell => writeln!(text, "  {path}: {WARNING}cannot tell{WARNING:#}")?,
            }
            if let Some(reason) = &unit.reason {
                writeln!(text, "    {}", clean(reason))?;
            }
            for one in unit.principals.iter().take(MOST_LISTED) {
                let calls = plural(count(one.calls), "call");
                writeln!(text, "    {}  {calls}, last {}", clean(&one.principal), one.last)?;
            }
            if let Some(more) = unit.principals.len().checked_sub(MOST_LISTED).filter(|more| *more > 0) {
                writeln!(text, "    and {}; --json names them", plural(more, "more principal"))?;
            }
        }
    }
    Ok(())
}

/// Returns a number as texts take it.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
