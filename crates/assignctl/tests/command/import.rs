//! `import`: a table that says what AWS has, proven by `plan`.

use serde_json::{Value, json};
use world::Served;

use crate::PROGRAM;

fn path(file: &std::path::Path) -> &str {
    file.to_str().unwrap()
}

fn said(world: &Served, arguments: &[&str], code: i32) -> String {
    let done = world.run(arguments).assert().code(code);
    String::from_utf8_lossy(&done.get_output().stderr).into_owned()
}

#[test]
fn a_table_is_imported_and_plan_calls_it_complete() {
    let world = Served::with_drift(PROGRAM);
    for account in ["444455556666", "555566667777"] {
        world.put(account, "AdministratorAccess", "platform-admins");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("imported.json");
    let told = said(&world, &["import", "--output", path(&file)], 0);
    assert!(told.contains("left out: 1 in the management account"), "{told}");
    let table: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(
        table["assignments"][0],
        json!({ "id": "platform-admins-administrator-access", "permissionSet": "AdministratorAccess",
                "group": "platform-admins", "accounts": { "ous": ["Workloads/Prod"] } })
    );
    assert_eq!(world.creates(), 0);
    let plan = world.json(&["plan", "--table", path(&file)], 0);
    let counts = &plan["counts"];
    assert_eq!(
        (&plan["outcome"], &counts["planned"], &counts["present"], &counts["unexplained"]),
        (&json!("ready"), &json!(0), &json!(4), &json!(0))
    );
    world.run(&["check", "--table", path(&file)]).assert().code(0);

    let again = said(&world, &["import", "--output", path(&file)], 2);
    assert!(again.contains("is there already"), "{again}");
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(&file).unwrap()).unwrap(), table);

    let snapshot = directory.path().join("org.json");
    world.run(&["snapshot", "--output", path(&snapshot)]).assert().code(0);
    let offline = world.stdout(&["import", "--snapshot", path(&snapshot)], 0);
    assert_eq!(serde_json::from_str::<Value>(&offline).unwrap(), table);
    let one = world.stdout(&["import", "--snapshot", path(&snapshot), "--account", "444455556666"], 0);
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["assignments"][0]["accounts"], json!({ "ids": ["444455556666"] }));
}
