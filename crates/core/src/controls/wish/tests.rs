use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::table;

const SCP: &str = "AWS::Organizations::Policy::SERVICE_CONTROL_POLICY";
const RCP: &str = "AWS::Organizations::Policy::RESOURCE_CONTROL_POLICY";
const RULE: &str = "AWS::Config::ConfigRule";
const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.add(
        Control::of("AWS-GR_RESTRICT_ROOT_USER", SCP, &["ExemptedPrincipalArns", "ExemptAssumeRoot"]),
        &[],
    );
    catalogue.add(Control::of("CT.S3.PV.5", RCP, &["ExemptedPrincipalArns"]), &[]);
    catalogue.add(Control::of("CT.EC2.PV.7", "AWS::Organizations::Policy::DECLARATIVE_POLICY_EC2", &[]), &[]);
    catalogue.add(Control::of("CT.MULTISERVICE.PV.1", SCP, &["AllowedRegions!"]), &[]);
    catalogue.add(Control::of("AWS-GR_ENCRYPTED_VOLUMES", RULE, &[]), &[]);
    catalogue.add(Control::of("SH.S3.1", "AWS::SecurityHub::SecurityControl", &[]), &[]);
    catalogue.lacks("CT.S3.PV.6");
    catalogue.lacks("WTDSMKDKDNLE");
    let id = |name: &str| catalogue.find(name).unwrap().arn.clone();
    let (one, other) = (id("CT.EC2.PV.7"), id("CT.MULTISERVICE.PV.1"));
    catalogue.exclude(&other, &one);
    catalogue
}

fn tree() -> Tree {
    Tree::of(&["W", "W/P", "W/P/A", "W/S", "E"])
}

fn table(rows: &[&str]) -> Table {
    let text = format!(r#"{{ "controls": [{}] }}"#, rows.join(","));
    table::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn what_is_wanted_depends_on_whether_ous_inherit() {
    let (catalogue, tree) = (catalogue(), tree());
    let table = table(&[
        r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["W", "Nowhere"] }"#,
        r#"{ "id": "b", "control": "AWS-GR_ENCRYPTED_VOLUMES", "ous": ["W"], "except": { "ous": ["W/P"] } }"#,
        r#"{ "id": "c", "control": "CT.EC2.PV.7", "ous": ["*"] }"#,
        r#"{ "id": "d", "control": "CT.EC2.PV.7", "ous": ["W", "W/P"] }"#,
    ]);
    let wishes = wishes(&table, &catalogue, &tree, None, NOW).unwrap();
    let own: Vec<String> = wishes
        .own
        .iter()
        .map(|((place, _), wish)| {
            format!("{} {} {:?} {}", tree.path(*place), wish.control.name(), wish.rows, wish.is_named)
        })
        .collect();
    assert_eq!(
        own,
        [
            "E CT.EC2.PV.7 [2] false",
            "W CT.S3.PV.5 [0] true",
            "W AWS-GR_ENCRYPTED_VOLUMES [1] true",
            "W CT.EC2.PV.7 [2, 3] true",
            "W/P CT.EC2.PV.7 [3] true",
            "W/S AWS-GR_ENCRYPTED_VOLUMES [1] false",
        ]
    );
    let inherited: Vec<String> = wishes
        .inherited
        .iter()
        .map(|((place, _), one)| {
            format!("{} {} from {}", tree.path(*place), one.control.name(), tree.path(one.from))
        })
        .collect();
    assert_eq!(
        inherited,
        [
            "W/P CT.S3.PV.5 from W",
            "W/P/A CT.S3.PV.5 from W",
            "W/P/A CT.EC2.PV.7 from W/P",
            "W/S CT.S3.PV.5 from W",
            "W/S CT.EC2.PV.7 from W",
        ]
    );
    assert_eq!(wishes.unresolved.len(), 1);
    assert_eq!((wishes.unresolved[0].row, &*wishes.unresolved[0].unit), (0, "Nowhere"));
}

#[test]
fn each_fault_that_the_catalogue_and_the_tree_show_is_reported_with_its_place() {
    let accounts = [
        Member { id: "111122223333".into(), name: "direct".into(), unit: "ou-ab12-00000001".into() },
        Member { id: "222233334444".into(), name: "nested".into(), unit: "ou-ab12-00000004".into() },
        Member { id: "333344445555".into(), name: "in-p".into(), unit: "ou-ab12-00000002".into() },
    ];
    let sync = "arn:aws:iam::*:role/sync";
    let exempt = format!(r#""exempt": [{{ "principal": "{sync}", "until": "2027-03-31" }}]"#);
    let past = exempt.replace("2027", "2026");
    let cases: Vec<(Vec<String>, Vec<&str>)> = vec![
        (
            vec![r#"{ "id": "a", "control": "CT.S3.PV.6", "ous": ["W"] }"#.into()],
            vec!["row 1 (a), control: CT.S3.PV.6 is not in the Control Catalog; did you mean CT.S3.PV.5?"],
        ),
        (
            vec![
                r#"{ "id": "a", "control": "arn:aws:controltower:eu-west-1::control/WTDSMKDKDNLE", "ous": ["W"] }"#
                    .into(),
            ],
            vec!["row 1 (a), control: WTDSMKDKDNLE is not in the Control Catalog; correct it"],
        ),
        (
            vec![r#"{ "id": "a", "control": "CT.MULTISERVICE.PV.1", "ous": ["W"] }"#.into()],
            vec!["row 1 (a), parameters: has no AllowedRegions, which CT.MULTISERVICE.PV.1 requires"],
        ),
        (
            vec![
                r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["W"], "parameters": { "ExemptedActions": ["x"] } }"#
                    .into(),
                format!(r#"{{ "id": "b", "control": "CT.EC2.PV.7", "ous": ["W"], {exempt} }}"#),
            ],
            vec![
                "row 1 (a), parameters.ExemptedActions: is not a parameter of CT.S3.PV.5; take it out: it takes Exem",
                "row 2 (b), exempt: CT.EC2.PV.7 exempts nobody; take it out: it takes none",
            ],
        ),
        // Named once by its path and once by its id: only the tree shows that it is one OU.
        (
            vec![
                r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["W/P"] }"#.into(),
                r#"{ "id": "b", "control": "CT.S3.PV.5", "ous": ["ou-ab12-00000002"],
                     "parameters": { "ExemptedPrincipalArns": ["x"] } }"#
                    .into(),
            ],
            vec!["row 2 (b), parameters: wants other parameters than row 1 (a)"],
        ),
        (
            vec![
                r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["ou-ab12-00000001"] }"#.into(),
                format!(r#"{{ "id": "b", "control": "CT.S3.PV.5", "ous": ["W/P/A"], {exempt} }}"#),
            ],
            vec!["row 2 (b), exempt[0]: exempts arn:aws:iam::*:role/sync on W/P/A, but row 1 (a) does not on W above"],
        ),
        (
            vec![
                r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["ou-ab12-00000001"] }"#.into(),
                format!(r#"{{ "id": "b", "control": "CT.S3.PV.5", "ous": ["W/P/A"], {past} }}"#),
            ],
            vec![],
        ),
        (
            vec![
                r#"{ "id": "a", "control": "CT.EC2.PV.7", "ous": ["W"] }"#.into(),
                r#"{ "id": "b", "control": "CT.MULTISERVICE.PV.1", "ous": ["W/P"],
                     "parameters": { "AllowedRegions": ["eu-west-1"] } }"#
                    .into(),
            ],
            vec!["row 2 (b), control: CT.MULTISERVICE.PV.1 and CT.EC2.PV.7 of row 1 (a) exclude each other"],
        ),
        (
            vec![
                r#"{ "id": "a", "control": "CT.EC2.PV.7", "ous": ["E"] }"#.into(),
                r#"{ "id": "b", "control": "CT.MULTISERVICE.PV.1", "ous": ["W/P"],
                     "parameters": { "AllowedRegions": ["eu-west-1"] } }"#
                    .into(),
            ],
            vec![],
        ),
        (
            vec![
                r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["W", "E"], "except": { "ous": ["W/P/A"] } }"#.into(),
            ],
            vec![
                "row 1 (a), except: CT.S3.PV.5 is a resource control policy, which every OU below inherits, so no OU \
                 below can be taken out; list these OUs in `ous` instead of `except`: W/S, E; that leaves uncovered, \
                 besides the OUs taken out, the accounts 111122223333 (direct), 333344445555 (in-p)",
            ],
        ),
    ];
    let (catalogue, tree) = (catalogue(), tree());
    for (rows, expected) in cases {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let table = table(&rows);
        let listed: Vec<String> = match wishes(&table, &catalogue, &tree, Some(&accounts), NOW) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(listed.len(), expected.len(), "{rows:?}: {listed:#?}");
        for (listed, expected) in listed.iter().zip(expected) {
            assert!(listed.starts_with(expected), "{listed:?} should start with {expected:?}");
        }
    }
}

#[test]
fn mandatory_controls_are_found_in_whatever_form_they_are_named() {
    let mut catalogue = catalogue();
    let control = Control::of("AWS-GR_CLOUDTRAIL_ENABLED", SCP, &[]);
    let id = control.id().to_owned();
    catalogue.add(control, &[]);
    let row = format!(r#"{{ "id": "a", "control": "{id}", "ous": ["W"] }}"#);
    let table = table(&[&row]);
    let faults = wishes(&table, &catalogue, &tree(), None, NOW).unwrap_err();
    assert!(faults[0].to_string().contains("AWS-GR_CLOUDTRAIL_ENABLED is mandatory"), "{faults:?}");
}

/// Whether the control is inherited, the OUs that it names, and those of its `except`.
type RandomRow = (bool, Vec<usize>, Vec<usize>);

/// A tree of OUs, the parent of each among those before it or the root; and rows.
fn cases() -> impl Strategy<Value = (Vec<usize>, Vec<RandomRow>)> {
    let parents = proptest::collection::vec(0usize..1000, 1..12);
    parents.prop_flat_map(|parents| {
        let units = parents.len();
        let some = proptest::collection::vec(0..=units, 1..4);
        let out = proptest::collection::vec(0..units, 0..3);
        (Just(parents), proptest::collection::vec((any::<bool>(), some, out), 1..4))
    })
}

proptest! {
    #[test]
    fn coverage_equals_a_reading_by_brute_force((parents, rows) in cases()) {
        // Paths of the OUs; the parent of the first is the root.
        let mut paths: Vec<String> = Vec::new();
        for (n, parent) in parents.iter().enumerate() {
            let parent = parent % (n + 1);
            paths.push(if parent == 0 { format!("U{n}") } else { format!("{}/U{n}", paths[parent - 1]) });
        }
        let borrowed: Vec<&str> = paths.iter().map(String::as_str).collect();
        let tree = Tree::of(&borrowed);
        let catalogue = catalogue();
        let texts: Vec<String> = rows.iter().enumerate().map(|(n, (inherited, ous, out))| {
            let ous: Vec<String> = ous.iter().map(|ou| match paths.get(*ou) {
                Some(path) => format!("{path:?}"),
                None => "\"*\"".to_owned(),
            }).collect();
            let except: Vec<String> = out.iter().map(|ou| format!("{:?}", paths[*ou])).collect();
            let except = match (inherited, except.is_empty()) {
                (false, false) => format!(r#", "except": {{ "ous": [{}] }}"#, except.join(",")),
                _ => String::new(),
            };
            let control = if *inherited { "CT.S3.PV.5" } else { "SH.S3.1" };
            format!(r#"{{ "id": "r{n}", "control": "{control}", "ous": [{}]{except} }}"#, ous.join(","))
        }).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let table = table(&texts);
        let wishes = wishes(&table, &catalogue, &tree, None, NOW).unwrap();
        prop_assert!(wishes.unresolved.is_empty());

        // Brute force: an OU has a control if a prefix of its path is named, and none of an `except` is.
        let is_below = |path: &str, above: &str| path == above || path.starts_with(&format!("{above}/"));
        for path in &paths {
            for (is_inherited, name) in [(true, "CT.S3.PV.5"), (false, "SH.S3.1")] {
                let named = |ou: &usize| paths.get(*ou).map_or(!path.is_empty(), |above| is_below(path, above));
                let wanted = rows.iter().any(|(inherited, ous, out)| {
                    *inherited == is_inherited
                        && ous.iter().any(named)
                        && (is_inherited || !out.iter().any(|ou| is_below(path, &paths[*ou])))
                });
                let place = tree.find(&crate::selector::OrganizationalUnit::parse(path).unwrap()).unwrap();
                let id = catalogue.find(name).unwrap().id();
                let own = wishes.own.contains_key(&(place, id));
                let inherited = wishes.inherited.get(&(place, id));
                prop_assert_eq!(own || inherited.is_some(), wanted, "{} {}", path, name);
                prop_assert!(!(own && inherited.is_some()), "{} {}", path, name);
                if let Some(inherited) = inherited {
                    let nearest = tree.above(place).find(|above| wishes.own.contains_key(&(*above, id)));
                    prop_assert_eq!(Some(inherited.from), nearest);
                }
            }
        }
    }
}
