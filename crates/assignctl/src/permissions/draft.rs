//! `assignctl permission-set draft`: from the usage file and the keep file to the policy file, offline.

use std::{collections::BTreeSet, fmt::Write, path::Path, time::SystemTime};

use assigner_core::{
    organization::NamedAccount,
    permissions::{
        draft::{Draft, Refusal, Sizes, draft},
        gaps::Gap,
        keep,
        services::ServiceChange,
        usage::Usage,
    },
    reading::Fault,
};
use assigner_engine::{clock, files::LARGEST_SNAPSHOT};

use super::arguments;
use crate::{
    accounts,
    exit::{Exit, Failure},
    session::Session,
    terminal::{ERROR, FAINT, GOOD, STRONG, WARNING, clean, plural},
};

/// How many unused actions of a service are shown one by one.
const MOST_UNUSED: usize = 5;

pub fn run(session: &Session, arguments: arguments::Draft) -> Result<Exit, Failure> {
    let arguments::Draft { usage: path, keep: keep_path, output, strict, without } = arguments;
    if let Some(output) = &output {
        refuse_input_as_output(output, [Some(path.as_path()), keep_path.as_deref()])?;
    }
    let usage = read(session, &path)?;
    let keep = keep_path.as_deref().map(|path| session.read(path, keep::MAX_BYTES)).transpose()?;
    let named = usage.accounts.iter().map(|account| (&account.id, account.name.as_str()));
    let id = |account: &NamedAccount| {
        account.find(named.clone()).map_err(|unclear| accounts::refused(account, &unclear))
    };
    let without = without.iter().map(id).collect::<Result<BTreeSet<_>, _>>()?;
    let drafted = draft(&usage, keep.as_deref(), &without, clock::day(SystemTime::now()))
        .map_err(|refusal| refused(refusal, &path, keep_path.as_deref()))?;

    if session.json {
        session.print_json(&drafted);
    } else {
        session.print(&text(&drafted));
    }
    if strict && !drafted.gaps.is_empty() {
        session.note(&format!(
            "nothing was written: {} with --strict; keep what is used, or leave --strict out",
            plural(drafted.gaps.len(), "gap")
        ));
        return Ok(Exit::Missing);
    }
    if let Some(output) = &output {
        // Strings, lists and objects cannot fail to be written.
        let text = serde_json::to_string_pretty(&drafted).unwrap_or_default() + "\n";
        session.write(output, text.as_bytes())?;
        session.note(&format!("written to {}", output.display()));
    }
    let fits = drafted.sizes.fits_inline() || drafted.sizes.managed.is_some();
    Ok(if fits { Exit::Good } else { Exit::Missing })
}

/// Reads a usage file.
pub(super) fn read(session: &Session, path: &Path) -> Result<Usage, Failure> {
    Usage::parse(&session.read(path, LARGEST_SNAPSHOT)?).map_err(|problem| {
        Failure::wrong(
            format!("{}: {problem}", path.display()),
            "write a new one with `assignctl permission-set usage`",
        )
    })
}

/// Refuses to overwrite what is read.
pub(super) fn refuse_input_as_output<'p>(
    output: &Path,
    inputs: impl IntoIterator<Item = Option<&'p Path>>,
) -> Result<(), Failure> {
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for input in inputs.into_iter().flatten() {
        if whole(input) == whole(output) {
            let message = format!("--output {} would overwrite what is read", output.display());
            return Err(Failure::wrong(message, "name another file"));
        }
    }
    Ok(())
}

fn refused(refusal: Refusal, usage: &Path, keep: Option<&Path>) -> Failure {
    let (name, file, problems, next, exit) = match refusal {
        Refusal::Use(problems) => (
            "UsageIncomplete",
            usage.display(),
            problems,
            "read the use again with `assignctl permission-set usage`, or leave an account out with --without ACCOUNT",
            Exit::Missing,
        ),
        Refusal::Input(problems) => {
            ("InvalidUsage", usage.display(), problems, "correct these, then run it again", Exit::Wrong)
        }
        Refusal::Keep(faults) => (
            "InvalidKeep",
            keep.unwrap_or(usage).display(),
            faults.iter().map(sentence).collect(),
            "correct the keep file; it may only keep what the set allows today",
            Exit::Wrong,
        ),
    };
    let list: String = problems.iter().map(|problem| format!("\n- {}", clean(problem))).collect();
    let message = format!("no draft of {file}, {}:{list}", plural(problems.len(), "problem"));
    Failure { name, message, next: next.to_owned(), exit }
}

fn sentence(fault: &Fault) -> String {
    let text = fault.to_string();
    match &fault.row {
        Some(_) => text,
        // It is no table.
        None => text.strip_prefix("table").map(|rest| format!("file{rest}")).unwrap_or(text),
    }
}

/// Returns what a person reviews.
fn text(draft: &Draft) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, draft);
    text
}

fn write(text: &mut String, draft: &Draft) -> std::fmt::Result {
    let Draft { without, accounts, actions, left_out, ended, gaps, services, sizes, permission_set, .. } =
        draft;
    for account in without {
        let causes =
            if account.causes.is_empty() { vec!["on demand".to_owned()] } else { account.causes.clone() };
        writeln!(
            text,
            "{WARNING}without account {}{WARNING:#}: {}",
            named(account.account.as_str(), &account.name),
            clean(&causes.join("; "))
        )?;
    }
    writeln!(
        text,
        "{STRONG}{}{STRONG:#}: {} from the use of {}\n",
        clean(&permission_set.name),
        plural(actions.len(), "action"),
        plural(accounts.len(), "account")
    )?;

    let width = actions.iter().map(|line| line.action.chars().count()).max().unwrap_or_default();
    writeln!(text, "{FAINT}{:width$}  account       last day    source{FAINT:#}", "action")?;
    for line in actions {
        let mut action = line.action.as_str();
        for used in &line.uses {
            let last = used.last.map_or("not known ".to_owned(), |day| day.to_string());
            let sources: Vec<&str> = used.sources.iter().map(|source| source.as_str()).collect();
            writeln!(text, "{action:width$}  {}  {last}  {}", used.account, sources.join(", "))?;
            action = "";
        }
        for reason in &line.keep {
            writeln!(text, "{action:width$}  kept: {}", clean(reason))?;
            action = "";
        }
    }
    for left in left_out {
        let accounts: Vec<&str> = left.accounts.iter().map(|account| account.as_str()).collect();
        writeln!(
            text,
            "{WARNING}left out{WARNING:#} {}, used in {}: {}",
            left.action,
            accounts.join(", "),
            left.reason.sentence()
        )?;
    }
    for row in ended {
        writeln!(
            text,
            "{WARNING}no longer kept{WARNING:#}, row {} of the keep file, until {}: {}",
            row.row,
            row.until,
            clean(&row.reason)
        )?;
    }

    writeln!(text, "\n{STRONG}Gaps{STRONG:#}: what no source can show")?;
    if gaps.is_empty() {
        writeln!(text, "{GOOD}none{GOOD:#}")?;
    }
    for gap in gaps {
        writeln!(text, "{WARNING}-{WARNING:#} {}", clean(&Gap::sentence(gap)))?;
    }

    writeln!(text, "\n{STRONG}Old and new{STRONG:#}, by service")?;
    for service in services {
        writeln!(text, "{}", change(service))?;
    }
    write_sizes(text, sizes)
}

fn named(id: &str, name: &str) -> String {
    if name.is_empty() { id.to_owned() } else { format!("{id} ({})", clean(name)) }
}

/// Returns one line about a service.
fn change(service: &ServiceChange) -> String {
    let ServiceChange { service: name, last, granted, kept, unused } = service;
    let list = |all: &BTreeSet<String>| all.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let granted = if granted.is_empty() { String::new() } else { format!(" now {};", list(granted)) };
    if name == "*" {
        return format!("*:{} then only what is kept below", clean(&granted));
    }
    let becomes = match (kept.len(), last) {
        (0, None) => format!("{WARNING}goes away{WARNING:#}, no use was seen"),
        (0, Some(day)) => format!("{WARNING}goes away{WARNING:#}, although it was used, last on {day}"),
        (count, _) => format!("{} kept", plural(count, "action")),
    };
    let shown: Vec<&str> = unused.iter().take(MOST_UNUSED).map(String::as_str).collect();
    let unused = match unused.len().checked_sub(MOST_UNUSED) {
        _ if unused.is_empty() => String::new(),
        Some(more) if more > 0 => format!("; nobody used {} and {more} more", shown.join(", ")),
        _ => format!("; nobody used {}", shown.join(", ")),
    };
    format!("{}:{} then {becomes}{}", clean(name), clean(&granted), clean(&unused))
}

fn write_sizes(text: &mut String, sizes: &Sizes) -> std::fmt::Result {
    let Sizes { inline, inline_limit, managed, managed_limit } = sizes;
    writeln!(text)?;
    let (colour, ends) = if sizes.fits_inline() { (GOOD, "fits") } else { (ERROR, "does not fit") };
    writeln!(
        text,
        "{STRONG}Size{STRONG:#}: {inline} of {inline_limit} bytes as inline policy: {colour}{ends}{colour:#}"
    )?;
    match managed {
        Some(sizes) => {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            writeln!(
                text,
                "      as customer managed policies of at most {managed_limit} bytes: {} ({})",
                sizes.len(),
                sizes.join(", ")
            )
        }
        None => writeln!(
            text,
            "      {ERROR}as customer managed policies it does not fit{ERROR:#}: one of its lists cannot be divided"
        ),
    }
}
