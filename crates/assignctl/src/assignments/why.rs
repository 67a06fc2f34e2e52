//! `assignctl why`: the chain from a group or user to an account, with each condition of each row and the account's value;
//! or what would have to be different, for each row that comes near. Reads only.

use std::fmt::Write;

use assigner_core::assignments::{
    reach::{
        Gives, Way,
        why::{self, Because, Chain, Condition, Near, Outcome, Why},
    },
    report::AccountReport,
};
use assigner_engine::facts::Tags;

use super::{
    reach::{self, Looked},
    show,
};
use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal::{FAINT, GOOD, STRONG, WARNING, clean},
};

pub async fn run(session: &Session, arguments: arguments::Why) -> Result<Exit, Failure> {
    let arguments::Why { principal, account, snapshot } = arguments;
    let snapshot = snapshot.as_deref();
    let table = session.table(&session.table).await?;
    let id = session.account_id(&account, snapshot).await?;
    // Conditions are shown with what the account has, also where it decides nothing.
    let Looked { facts, account, access, source } = session.look_at(&id, &table, snapshot, Tags::All).await?;
    let principal = session.principal(&principal, &facts.names_by_id, &source).await?;
    let belongs = session.belongs(&principal, &facts.names_by_id, &source).await?;
    let why = why::why(&table, &account, &facts, access.as_ref(), &principal, &belongs);
    if session.json {
        session.print_json(&why);
    } else {
        session.print(&text(&why));
    }
    Ok(match why.outcome {
        Outcome::Access => Exit::Good,
        Outcome::Planned | Outcome::None | Outcome::Unknown => Exit::Missing,
    })
}

fn text(why: &Why) -> String {
    let who = reach::principal(Some(&why.principal));
    let AccountReport { id, name, ou } = &why.account;
    let place = if ou.is_empty() { String::new() } else { format!(", {}", clean(ou)) };
    let place = format!("{} ({id}{place})", clean(name));
    let mut text = match why.outcome {
        Outcome::Access => format!("{GOOD}{who} has access to {place}{GOOD:#}\n"),
        Outcome::Planned => format!(
            "{WARNING}{who} has no access to {place} yet{WARNING:#}: the table wants it, and `assignctl apply` creates it\n"
        ),
        Outcome::None => format!("{WARNING}{who} has no access to {place}{WARNING:#}\n"),
        Outcome::Unknown => format!(
            "{WARNING}No access of {who} to {place} was found, and not everything could be read{WARNING:#}\n"
        ),
    };
    if let Some(reason) = &why.reason {
        let _ = writeln!(text, "no row applies: {}", clean(reason));
    }
    why.chains.iter().for_each(|chain| show_chain(&mut text, &who, chain));
    let has_reason = matches!(why.outcome, Outcome::Access | Outcome::Planned);
    if !has_reason && !why.near.is_empty() {
        let _ = writeln!(text, "\n{STRONG}What would have to be different{STRONG:#}");
        why.near.iter().for_each(|near| show_near(&mut text, &who, near));
    }
    if !has_reason && why.others > 0 {
        let _ = match why.others {
            1 => writeln!(text, "\n{FAINT}1 more row is for others and for other accounts{FAINT:#}"),
            others => {
                writeln!(text, "\n{FAINT}{others} more rows are for others and for other accounts{FAINT:#}")
            }
        };
    }
    text + &reach::unread(&why.unread)
}

fn show_chain(text: &mut String, who: &str, Chain { way, because }: &Chain) {
    let Way { through, gives, state } = way;
    let _ = writeln!(text, "\n{STRONG}{}{STRONG:#}", clean(gives.name()));
    let holder = through.as_ref().map(show::principal);
    if let Some(group) = &holder {
        let _ = writeln!(text, "  member of   {group}");
    }
    let kind = match gives {
        Gives::PermissionSet(_) => "assignment ",
        Gives::Role(_) => "entitlement",
    };
    let held = if state.held { "AWS has it" } else { "AWS does not have it" };
    let _ = writeln!(text, "  {kind} to {}; {held}", holder.as_deref().unwrap_or(who));
    if because.is_empty() {
        let _ = writeln!(text, "  row         {WARNING}{}{WARNING:#}", reach::because(state));
    }
    if let Some(reason) = &state.reason {
        let _ = writeln!(text, "  doubt       {WARNING}{}{WARNING:#}", clean(reason));
    }
    for Because { row, conditions } in because {
        let _ = writeln!(text, "  row         {}", clean(row));
        if conditions.is_empty() {
            let _ = writeln!(text, "    {FAINT}for every account{FAINT:#}");
        }
        conditions.iter().for_each(|condition| show_condition(text, condition));
    }
}

fn show_condition(text: &mut String, Condition { selector, wanted, actual, met }: &Condition) {
    let (sign, style, but) = match met {
        Some(true) => ('✓', GOOD, "and"),
        // What an `except` takes out is no contradiction.
        Some(false) if selector == "except" => ('✗', WARNING, "and"),
        Some(false) => ('✗', WARNING, "but"),
        None => ('?', WARNING, "and"),
    };
    let (selector, wanted, actual) = (clean(selector), clean(wanted), clean(actual));
    let _ = writeln!(text, "    {style}{sign} {selector}{style:#} {wanted}, {but} {actual}");
}

fn show_near(text: &mut String, who: &str, near: &Near) {
    let Near { row, permission_set, principal, membership, unmet } = near;
    let _ = writeln!(
        text,
        "  row {STRONG}{}{STRONG:#}  {} to {}",
        clean(row),
        show::permission_set(permission_set),
        show::principal(principal)
    );
    if *membership {
        let _ = writeln!(
            text,
            "    {WARNING}✗ member{WARNING:#} {who} is not a member of {}",
            show::principal(principal)
        );
    }
    unmet.iter().for_each(|condition| show_condition(text, condition));
}
