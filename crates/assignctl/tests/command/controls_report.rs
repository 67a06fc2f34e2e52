//! `controls report`: the page and the CSV file, against the stand-in.

use serde_json::{Value, json};
use stand_in::{Fault, FaultKind};

use crate::controls::{Controls, two};

impl Controls {
    fn report(&self, more: &[&str], code: i32) -> Value {
        let html = self.directory.path().join("controls.html");
        let csv = self.directory.path().join("controls.csv");
        let files = ["--html", html.to_str().unwrap(), "--csv", csv.to_str().unwrap()];
        self.json(&[&["report"][..], &files, more].concat(), code)
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }
}

#[test]
fn the_page_and_the_csv_file_show_each_ou_with_status_origin_rows_and_items() {
    let controls = Controls::new(two());
    controls.json(&["apply", "--yes"], 0);
    controls.world.stand_in.edit_enabled_controls(|enabled| {
        let (arn, one) = enabled.iter().find(|(_, one)| one.control_id.starts_with("8ui9")).unwrap();
        let (arn, mut one) = (format!("{arn}X"), one.clone());
        // What no row wants, on another OU.
        one.target = one.target.replace("ou-ab12-22222222", "ou-ab12-66666666");
        one.arn.clone_from(&arn);
        enabled.insert(arn, one);
    });
    controls.report(&["--framework", "example-framework"], 0);
    let lines = controls.file("controls.csv");
    let has = |line: &str| assert!(lines.lines().any(|one| one == line), "{line}: {lines}");
    has("ou,control,status,rows,frameworkItems");
    has("Workloads,AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS,present,root-keys,Item 8ui9");
    has("Workloads/Prod,AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS,inherited,root-keys,Item 8ui9");
    has("Education/Rust,AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS,extra,,Item 8ui9");
    has("Education,CT.EC2.PV.7,present,snapshots,Item ek6w");
    has(",,unserved,,Item kr15");

    let page = controls.file("controls.html");
    for part in [
        "<b>Prod</b> <code>ou-ab12-33333333</code> <span>Workloads/Prod</span>",
        r#"<li class="soft"><b>↑<span> inherited </span></b><span>from Workloads</span> <small>root-keys</small>"#,
        r#"<li class="odd"><b>○<span> extra </span></b>"#,
        r#"data-items="Item 8ui9""#,
        "Items of Example-Framework",
        "<em class=\"quiet\">no control</em>",
        "version 4.0",
    ] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    let some = controls.report(&["--ou", "Education"], 0);
    assert_eq!(some["ous"].as_array().unwrap().len(), 2, "{some}");
    assert!(!controls.file("controls.csv").contains("Workloads"));
    assert!(controls.file("controls.html").contains("only Education and below: 2"));
}

#[test]
fn what_an_ou_would_inherit_and_the_one_above_does_not_have_is_missing() {
    let controls = Controls::new(two());
    let prod = "Workloads/Prod,AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS";
    for more in [&["--framework", "Example-Framework"][..], &["--ou", "Workloads/Prod"]] {
        controls.report(more, 0);
        let lines = controls.file("controls.csv");
        assert!(lines.contains(&format!("{prod},missing,root-keys,")), "{more:?}: {lines}");
        let page = controls.file("controls.html");
        assert!(page.contains("once it is enabled on Workloads"), "{more:?}");
        assert!(
            !page.contains("has the controls that the table wants") && page.contains("OUs differ"),
            "{more:?}"
        );
    }
    controls.report(&["--framework", "Example-Framework"], 0);
    let item =
        "<th scope=\"row\">Item 8ui9</th><td>AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS</td><td class=\"number\">";
    let page = controls.file("controls.html");
    assert!(page.contains(&format!("{item}0</td>")), "nobody has it: {page}");
    controls.json(&["apply", "--yes"], 0);
    controls.report(&["--framework", "Example-Framework"], 0);
    assert!(controls.file("controls.csv").contains(&format!("{prod},inherited,root-keys,")));
    assert!(controls.file("controls.html").contains(&format!("{item}4</td>")), "it and the three below");
}

#[test]
fn what_waits_for_its_wave_is_not_said_to_be_there() {
    let controls = Controls::new(json!([
        { "id": "snapshots", "control": "CT.EC2.PV.7", "ous": ["Workloads", "Education"] }
    ]));
    let table = std::fs::read_to_string(controls.path()).unwrap();
    let mut table: Value = serde_json::from_str(&table).unwrap();
    table["waves"] = json!([{ "ous": ["Education"], "soakHours": 24 }]);
    controls.write(&table.to_string());
    controls.json(&["apply", "--yes"], 0);
    controls.report(&[], 0);
    let lines = controls.file("controls.csv");
    for line in [
        "Workloads,CT.EC2.PV.7,waiting,",
        "Workloads/Prod,CT.EC2.PV.7,waiting,",
        "Education,CT.EC2.PV.7,present,",
    ] {
        assert!(lines.contains(line), "{line}: {lines}");
    }
    assert!(
        controls
            .file("controls.html")
            .contains("and no others</strong>, but for 4 that wait for their waves")
    );
}

#[test]
fn drift_and_what_could_not_be_read_are_on_the_page() {
    let controls = Controls::new(two());
    controls.json(&["apply", "--yes"], 0);
    controls.world.stand_in.edit_enabled_controls(|enabled| {
        enabled.values_mut().for_each(|one| one.drifted = true);
    });
    controls.world.stand_in.set_faults(vec![
        Fault::on("DescribePolicy", FaultKind::AccessDenied),
        Fault::on("ListPoliciesForTarget", FaultKind::AccessDenied).about("ou-ab12-22222222"),
    ]);
    controls.report(&[], 0);
    let page = controls.file("controls.html");
    assert!(page.contains("ListPoliciesForTarget") && page.contains("≠<span> drifted </span>"), "{page}");
    assert!(page.contains("2 of 7 OUs differ"), "{page}");
    let lines = controls.file("controls.csv");
    assert!(lines.contains("Education,CT.EC2.PV.7,drifted,snapshots,"), "{lines}");
    assert!(lines.contains("Workloads,AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS,failed,root-keys,"), "{lines}");
}

#[test]
fn texts_of_others_stay_texts_and_the_page_may_load_nothing() {
    let mut rows = two();
    rows[0]["description"] = json!("<img src=x onerror=alert(2)>");
    rows[1]["ous"] = json!(["=Old\u{202e}<script>"]);
    let controls = Controls::new(rows);
    controls.world.stand_in.edit(|organization| {
        organization.organizational_units[1].name = "</td><script>alert(1)</script>".to_owned();
        organization.organizational_units[5].name = "=HYPERLINK(1)".to_owned();
    });
    let mut table: Value = serde_json::from_str(&controls.file("controls.json")).unwrap();
    table["controls"][0]["ous"] = json!(["ou-ab12-22222222", "ou-ab12-55555555"]);
    controls.write(&table.to_string());
    controls.report(&[], 0);
    let page = controls.file("controls.html");
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    for markup in ["<img", "\u{202e}", "</td><script", "unsafe", "url(", " style=", " onclick="] {
        assert!(!page.contains(markup), "{markup} is in the page");
    }
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    assert!(page.contains(r"=Old\u{202e}&#60;script&#62;") && page.contains("&#60;img src=x"));
    let lines = controls.file("controls.csv");
    assert!(lines.contains("'=HYPERLINK(1)") && lines.contains("unresolved"), "{lines}");
    assert!(!lines.lines().any(|line| line.starts_with('=')), "{lines}");
}

#[test]
fn a_framework_that_does_not_exist_is_refused_with_those_that_do() {
    let controls = Controls::new(two());
    let refused = controls.report(&["--framework", "Exmaple-Framework"], 2);
    let next = refused["error"]["next"].as_str().unwrap();
    assert_eq!(next, "did you mean Example-Framework? these exist: Example-Framework");
    assert!(!controls.directory.path().join("controls.html").exists());
    let refused = controls.world.run(&["controls", "report"]).assert().code(2);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("--html FILE"));
}
