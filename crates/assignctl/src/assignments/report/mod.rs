//! `assignctl report`: who can reach which account with which permission set, and why, as a page and as a CSV file for
//! auditors. Drift is marked in it and is not a failure.

mod matrix;
mod page;
mod people;

use std::{path::Path, sync::Arc};

use assigner_core::{
    assignments::{members::Memberships, report::PrincipalReport},
    selector::{OrganizationalUnit, Selection},
};

use assigner_engine::{error::Error, facts::Tags};

use self::{
    matrix::{Column, Entry, Line, Matrix},
    page::Page,
};
use super::{overview::Overview, reach::Source, show};
use crate::{
    arguments,
    entitlements::Entitlement,
    exit::{Exit, Failure},
    page::{render, unwritten},
    session::Session,
    spreadsheet,
};

pub async fn run(session: &Session, arguments: arguments::Report) -> Result<Exit, Failure> {
    let arguments::Report { selection, members, html, csv, snapshot } = arguments;
    if html.is_none() && csv.is_none() && !session.json {
        return Err(Failure::wrong("no file to write", "add --html FILE or --csv FILE, or --json"));
    }
    let table = session.table(&session.table).await?;
    let selection = session.selection(selection, snapshot.as_deref()).await?;
    let (facts, origin) = session.facts(snapshot.as_deref(), &selection, &[&table], Tags::ThatDecide).await?;
    let overview = Overview::new(&facts, &table, &session.table, origin)?;
    let members = match members {
        true => Some(memberships(session, &overview, snapshot.as_deref()).await?),
        false => None,
    };
    let matrix = Matrix::new(&overview);
    // Both are made before either is written.
    let page = html.map(|path| {
        let page = Page::new(&overview, &matrix, &table, &facts, members.as_ref(), asked_for(&selection));
        Ok::<_, Failure>((path, render(&page)?))
    });
    let lines = csv.map(|path| Ok::<_, Failure>((path, to_csv(&matrix, &overview).map_err(unwritten)?)));
    for (path, content) in [page.transpose()?, lines.transpose()?].into_iter().flatten() {
        session.write(&path, &content)?;
        session.note(&format!("{} written", path.display()));
    }
    if session.json {
        session.print_json(&overview);
    } else {
        session.note(show::summary(&overview.counts).trim_end());
    }
    Ok(Exit::Good)
}

/// Returns the members of the groups of the overview.
async fn memberships(
    session: &Session,
    overview: &Overview,
    snapshot: Option<&Path>,
) -> Result<Memberships, Failure> {
    let source = match snapshot {
        Some(path) => Source::File(session.snapshot(path)?.members().cloned()),
        None => {
            let aws = session.aws().await?;
            aws.center.find_instance().await.map_err(Error::from)?;
            Source::Aws(Arc::new(aws))
        }
    };
    session.members_from(&source, &people::groups(overview)).await
}

fn asked_for(selection: &Selection) -> Option<String> {
    let accounts = selection.accounts.iter().map(|id| format!("account {id}"));
    let ous = selection.ous.iter().map(|ou: &OrganizationalUnit| format!("OU {ou} and below"));
    let asked: Vec<String> = accounts.chain(ous).collect();
    (!asked.is_empty()).then(|| asked.join(", "))
}

/// Returns the CSV file: one line for each grant, assignment or entitlement, and one for what is not known.
fn to_csv(matrix: &Matrix<'_>, overview: &Overview) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "accountId",
        "accountName",
        "ou",
        "permissionSet",
        "permissionSetArn",
        "principalType",
        "principal",
        "principalId",
        "rows",
        "status",
        "reason",
        "role",
    ])?;
    for Line { access, cells } in matrix.lines() {
        for (Column { name, arn }, cell) in matrix.columns.iter().zip(cells) {
            for Entry { mark, principal: PrincipalReport { kind, name: principal, id }, rows, reason } in cell
            {
                let rows = rows.join(" ");
                let record = [
                    access.account.id.as_str(),
                    &access.account.name,
                    &access.account.ou,
                    if Some(*name) == *arn { "" } else { name },
                    arn.unwrap_or_default(),
                    kind.as_str(),
                    principal.as_deref().unwrap_or_default(),
                    id.as_deref().unwrap_or_default(),
                    &rows,
                    mark.word(),
                    reason.or(access.reason.as_deref()).unwrap_or_default(),
                    "",
                ];
                writer.write_record(record.map(spreadsheet::cell).each_ref().map(AsRef::<str>::as_ref))?;
            }
        }
    }
    for Entitlement { account, role_arn, principal, orphaned, .. } in overview.origin.account_access.all() {
        let access = overview.accounts.iter().find(|access| access.account.id.as_str() == account);
        let (name, ou) =
            access.map_or(("", ""), |access| (access.account.name.as_str(), access.account.ou.as_str()));
        let kind = principal.as_ref().map_or("", |principal| principal.kind.as_str());
        let of_principal = |text: fn(&PrincipalReport) -> Option<&String>| {
            principal.as_ref().and_then(text).map_or("", String::as_str)
        };
        let reason = if *orphaned { "the group or user was deleted" } else { "" };
        let (who, id) = (of_principal(|one| one.name.as_ref()), of_principal(|one| one.id.as_ref()));
        let role = role_arn.as_str();
        let record = [account.as_str(), name, ou, "", "", kind, who, id, "", "entitlement", reason, role];
        writer.write_record(record.map(spreadsheet::cell).each_ref().map(AsRef::<str>::as_ref))?;
    }
    if let Some(unread) = overview.origin.account_access.unread() {
        let record = ["", "", "", "", "", "", "", "", "", "unread", unread, ""];
        writer.write_record(record.map(spreadsheet::cell).each_ref().map(AsRef::<str>::as_ref))?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}
