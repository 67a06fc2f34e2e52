//! Environment to [`Settings`]: every bad setting is reported, once, at start.
//!
//! Nothing else reads the environment, and no setting changes while the program runs.

use std::{path::PathBuf, time::Duration};

use assigner_aws::{http, identity_center};
use assigner_core::{
    ids::{self, AccountId},
    table::TableLocation,
    work::Manners,
};

/// The table of assignments that is compiled in.
pub const EMBEDDED: &str = "assignments.json";

/// The function's settings, all checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the config table is: `ASSIGNMENTS_FILE` or `ASSIGNMENTS_TABLE`; if neither is set, the embedded one.
    pub table: TableLocation,
    /// `IDENTITY_CENTER_INSTANCE_ARN`; if it is not set, ListInstances finds it.
    pub instance_arn: Option<String>,
    /// `IDENTITY_CENTER_REGION`, the instance's primary Region; if it is not set, the function's Region.
    pub identity_center_region: Option<String>,
    /// `MANAGEMENT_ACCOUNT_ID`, never a target.
    pub management_account: Option<AccountId>,
    /// `MAX_OUTSTANDING`: account assignment creations in flight at once.
    pub max_outstanding: usize,
    /// `MAX_REQUESTS_PER_SECOND`: Identity Center requests, all kinds together.
    pub max_requests_per_second: u32,
    /// `ACCOUNT_SECONDS`: the longest that an invocation works on one account. If it is not set, until its deadline.
    pub account_time: Option<Duration>,
    /// `YIELD`: leaves the quotas to others while anyone else is at work, as the backfill does.
    pub manners: Manners,
    /// `DRY_RUN`: plan only, for every event.
    pub dry_run: bool,
    pub network: Network,
}

/// How AWS is reached, as the AWS SDKs define it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// `AWS_CA_BUNDLE`: the certificate authorities that are trusted instead of the system's.
    pub ca_bundle: Option<PathBuf>,
}

/// Returns a variable of this process. One that is not Unicode is set all the same, so it must not look like none.
#[expect(clippy::disallowed_methods, reason = "this is the room that reads the environment")]
fn of_process(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The client reads these itself, the first name of each pair before the second.
const PROXIES: [[&str; 2]; 3] =
    [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];

impl Network {
    /// Reads the settings from the environment of this process. The error lists every bad setting.
    pub fn from_environment() -> Result<Network, Vec<String>> {
        let mut settings = Environment { lookup: of_process, faults: Vec::new() };
        let network = Network::read(&mut settings);
        if settings.faults.is_empty() { Ok(network) } else { Err(settings.faults) }
    }

    fn read(settings: &mut Environment<impl Fn(&str) -> Option<String>>) -> Network {
        for name in PROXIES.as_flattened() {
            let bad = (settings.lookup)(name).is_some_and(|url| !url.is_empty() && !http::is_proxy(&url));
            // The client would go past a proxy that it cannot use. Its URL may have a password.
            if bad {
                settings.faults.push(format!(
                    "{name} must be the URL of a proxy, such as http://proxy.example.com:3128, or not be set; \
                     http and https are possible"
                ));
            }
        }
        let ca_bundle = settings
            .get("AWS_CA_BUNDLE", "the path of a file with certificates", |text| Some(PathBuf::from(text)));
        Network { ca_bundle }
    }
}

impl Settings {
    /// Reads the settings from the environment of this process. The error lists every bad setting.
    pub fn from_environment() -> Result<Settings, Vec<String>> {
        Settings::read(of_process)
    }

    /// Reads the settings from an environment, given as a lookup. The error lists every bad setting.
    pub fn read(environment: impl Fn(&str) -> Option<String>) -> Result<Settings, Vec<String>> {
        let mut settings = Environment { lookup: environment, faults: Vec::new() };
        let read = Settings {
            table: settings.table("ASSIGNMENTS_FILE", "ASSIGNMENTS_TABLE", EMBEDDED),
            instance_arn: settings.get(
                "IDENTITY_CENTER_INSTANCE_ARN",
                "an instance ARN such as arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
                |text| ids::is_instance_arn(text).then(|| text.to_owned()),
            ),
            identity_center_region: settings.get(
                "IDENTITY_CENTER_REGION",
                "a Region such as eu-west-1",
                |text| ids::is_region(text).then(|| text.to_owned()),
            ),
            management_account: settings.get("MANAGEMENT_ACCOUNT_ID", "12 digits", AccountId::parse),
            // 15 is the service's quota, and it cannot be raised.
            max_outstanding: settings
                .get("MAX_OUTSTANDING", "a whole number from 1 to 15", |text| within(text, 1..=15))
                .unwrap_or(10) as usize,
            max_requests_per_second: settings
                .get("MAX_REQUESTS_PER_SECOND", "a whole number from 1 to 100", |text| within(text, 1..=100))
                .unwrap_or(15),
            account_time: settings
                .get("ACCOUNT_SECONDS", "a whole number from 1 to 900", |text| within(text, 1..=900))
                .map(|seconds| Duration::from_secs(seconds.into())),
            manners: if settings.flag("YIELD") { Manners::Yields } else { Manners::GoesFirst },
            dry_run: settings.flag("DRY_RUN"),
            network: Network::read(&mut settings),
        };
        if settings.faults.is_empty() { Ok(read) } else { Err(settings.faults) }
    }
}

/// The table of controls that is compiled in.
#[cfg(feature = "controls")]
pub const EMBEDDED_CONTROLS: &str = "controls.json";

/// The settings of the function `control-keeper`, all checked.
#[cfg(feature = "controls")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSettings {
    /// Where the table is: `CONTROLS_FILE` or `CONTROLS_TABLE`; if neither is set, the embedded one.
    pub table: TableLocation,
    /// `MAX_CONTROL_OPERATIONS`, `REPAIR`, and AWS's quotas of policies on an OU: `MAX_SCPS_PER_OU`, `MAX_RCPS_PER_OU`
    /// and `MAX_DECLARATIVE_POLICIES_PER_OU`.
    pub limits: crate::controls::Limits,
    /// `DRY_RUN`: plan only, for every event.
    pub dry_run: bool,
    pub network: Network,
}

#[cfg(feature = "controls")]
impl ControlSettings {
    /// Reads the settings from the environment of this process. The error lists every bad setting.
    pub fn from_environment() -> Result<ControlSettings, Vec<String>> {
        ControlSettings::read(of_process)
    }

    /// Reads the settings from an environment, given as a lookup. The error lists every bad setting.
    pub fn read(environment: impl Fn(&str) -> Option<String>) -> Result<ControlSettings, Vec<String>> {
        use assigner_core::controls::plan::Quotas;

        let mut settings = Environment { lookup: environment, faults: Vec::new() };
        let table = settings.table("CONTROLS_FILE", "CONTROLS_TABLE", EMBEDDED_CONTROLS);
        let mut number = |name: &str, default: u32| {
            let expected = "a whole number from 1 to 100";
            settings.get(name, expected, |text| within(text, 1..=100)).unwrap_or(default) as usize
        };
        let max_operations = number("MAX_CONTROL_OPERATIONS", 10);
        // As AWS's newest guides have them. They differ between editions, so they are settings.
        let quotas = Quotas {
            service_control_policies: number("MAX_SCPS_PER_OU", 10),
            resource_control_policies: number("MAX_RCPS_PER_OU", 5),
            declarative_policies: number("MAX_DECLARATIVE_POLICIES_PER_OU", 10),
        };
        let repair = settings.flag("REPAIR");
        let limits = crate::controls::Limits { max_operations, repair, retry_now: false, quotas };
        let dry_run = settings.flag("DRY_RUN");
        let read = ControlSettings { table, limits, dry_run, network: Network::read(&mut settings) };
        if settings.faults.is_empty() { Ok(read) } else { Err(settings.faults) }
    }
}

/// Returns the least severe level that is logged, as Lambda sets it.
#[expect(clippy::disallowed_methods, reason = "this is the room that reads the environment")]
pub fn log_level() -> String {
    let set = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().filter(|level| !level.is_empty());
    set.map_or("INFO".to_owned(), |level| level.to_ascii_uppercase())
}

/// Whether Lambda wants JSON lines.
#[expect(clippy::disallowed_methods, reason = "this is the room that reads the environment")]
pub fn logs_json() -> bool {
    std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"))
}

impl Settings {
    /// Returns which Identity Center instance to use, in which Region, and how fast.
    pub fn identity_center(&self) -> identity_center::Options {
        identity_center::Options {
            instance_arn: self.instance_arn.clone(),
            region: self.identity_center_region.clone(),
            management_account: self.management_account.as_ref().map(ToString::to_string),
            max_requests_per_second: self.max_requests_per_second,
            manners: self.manners,
        }
    }
}

struct Environment<E> {
    lookup: E,
    faults: Vec<String>,
}

impl<E: Fn(&str) -> Option<String>> Environment<E> {
    /// Returns where a table is. One setting names a file and another a table of DynamoDB.
    fn table(&mut self, of_file: &str, of_table: &str, embedded: &'static str) -> TableLocation {
        let file = self.get(of_file, "the path of a table", |text| Some(PathBuf::from(text)));
        let dynamodb = self.get(of_table, "the name of a DynamoDB table", |text| {
            ids::is_dynamodb_table_name(text).then(|| text.to_owned())
        });
        if let (Some(file), Some(dynamodb)) = (&file, &dynamodb) {
            self.faults.push(format!(
                "{of_file} ({}) and {of_table} ({dynamodb}) are both set; keep one",
                file.display()
            ));
        }
        match (file, dynamodb) {
            (Some(file), _) => TableLocation::File(file),
            (None, Some(name)) => TableLocation::DynamoDb(name),
            (None, None) => TableLocation::Embedded(embedded),
        }
    }

    /// Returns a setting that is true or false; false if it is not set.
    fn flag(&mut self, name: &str) -> bool {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        self.get(name, "true or false", read).unwrap_or(false)
    }

    fn get<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        // An empty variable counts as not set, as in a shell: `sam local` passes variables without a value as empty.
        let text = (self.lookup)(name).filter(|text| !text.is_empty())?;
        let value = parse(&text);
        if value.is_none() {
            self.faults.push(format!("{name} must be {expected}, or not be set; it is {text:?}"));
        }
        value
    }
}

fn within(text: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
    text.parse().ok().filter(|number| range.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        Settings::read(|name| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_gives_the_documented_defaults_and_so_do_empty_variables() {
        let expected = Settings {
            table: TableLocation::Embedded(EMBEDDED),
            instance_arn: None,
            identity_center_region: None,
            management_account: None,
            max_outstanding: 10,
            max_requests_per_second: 15,
            account_time: None,
            manners: Manners::GoesFirst,
            dry_run: false,
            network: Network::default(),
        };
        assert_eq!(read(&[]).as_ref(), Ok(&expected));
        assert_eq!(read(&[("ASSIGNMENTS_FILE", ""), ("MAX_OUTSTANDING", ""), ("DRY_RUN", "")]), Ok(expected));
    }

    #[test]
    fn every_setting_is_read() {
        let expected = Settings {
            table: TableLocation::File("table.json".into()),
            instance_arn: Some("arn:aws:sso:::instance/ssoins-7223f7eef79824e1".into()),
            identity_center_region: Some("eu-west-1".into()),
            management_account: AccountId::parse("123456789012"),
            max_outstanding: 15,
            max_requests_per_second: 20,
            account_time: Some(Duration::from_secs(120)),
            manners: Manners::Yields,
            dry_run: true,
            network: Network { ca_bundle: Some("/opt/authorities.pem".into()) },
        };
        let settings = read(&[
            ("ASSIGNMENTS_FILE", "table.json"),
            ("IDENTITY_CENTER_INSTANCE_ARN", "arn:aws:sso:::instance/ssoins-7223f7eef79824e1"),
            ("IDENTITY_CENTER_REGION", "eu-west-1"),
            ("MANAGEMENT_ACCOUNT_ID", "123456789012"),
            ("MAX_OUTSTANDING", "15"),
            ("MAX_REQUESTS_PER_SECOND", "20"),
            ("ACCOUNT_SECONDS", "120"),
            ("YIELD", "true"),
            ("DRY_RUN", "True"),
            ("AWS_CA_BUNDLE", "/opt/authorities.pem"),
        ]);
        assert_eq!(settings, Ok(expected));
    }

    #[test]
    fn the_table_has_one_location() {
        let location = |environment: &[(&str, &str)]| read(environment).map(|settings| settings.table);
        assert_eq!(
            location(&[("ASSIGNMENTS_TABLE", "assignments")]),
            Ok(TableLocation::DynamoDb("assignments".into()))
        );
        let both =
            location(&[("ASSIGNMENTS_TABLE", "assignments"), ("ASSIGNMENTS_FILE", "a.json")]).unwrap_err();
        assert!(both[0].contains("keep one"), "{both:?}");
    }

    #[cfg(feature = "controls")]
    #[test]
    fn the_settings_of_controls_have_their_defaults_and_are_all_read() {
        use assigner_core::controls::plan::Quotas;

        let read = |environment: &[(&str, &str)]| {
            ControlSettings::read(|name| {
                environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let quotas =
            Quotas { service_control_policies: 10, resource_control_policies: 5, declarative_policies: 10 };
        let limits = crate::controls::Limits { max_operations: 10, repair: false, retry_now: false, quotas };
        let table = TableLocation::Embedded(EMBEDDED_CONTROLS);
        assert_eq!(
            read(&[]),
            Ok(ControlSettings { table, limits, dry_run: false, network: Network::default() })
        );
        let quotas =
            Quotas { service_control_policies: 5, resource_control_policies: 6, declarative_policies: 7 };
        let limits = crate::controls::Limits { max_operations: 3, repair: true, retry_now: false, quotas };
        let table = TableLocation::DynamoDb("controls".into());
        let set = [
            ("CONTROLS_TABLE", "controls"),
            ("MAX_CONTROL_OPERATIONS", "3"),
            ("REPAIR", "true"),
            ("DRY_RUN", "TRUE"),
            ("MAX_SCPS_PER_OU", "5"),
            ("MAX_RCPS_PER_OU", "6"),
            ("MAX_DECLARATIVE_POLICIES_PER_OU", "7"),
        ];
        assert_eq!(
            read(&set),
            Ok(ControlSettings { table, limits, dry_run: true, network: Network::default() })
        );
        let bad = [("CONTROLS_TABLE", "a/b"), ("MAX_CONTROL_OPERATIONS", "0"), ("REPAIR", "yes")];
        let faults = read(&bad).unwrap_err();
        assert_eq!(faults.len(), bad.len(), "{faults:#?}");
    }

    #[test]
    fn every_bad_setting_is_named_with_what_it_is() {
        let bad = [
            ("ASSIGNMENTS_TABLE", "a/b"),
            ("IDENTITY_CENTER_INSTANCE_ARN", "ssoins-1"),
            ("IDENTITY_CENTER_REGION", "Ireland"),
            ("MANAGEMENT_ACCOUNT_ID", "1234"),
            ("MAX_OUTSTANDING", "16"),
            ("MAX_REQUESTS_PER_SECOND", "0"),
            ("ACCOUNT_SECONDS", "901"),
            ("DRY_RUN", "yes"),
            ("HTTPS_PROXY", "socks5://user:secret@proxy:1080"),
            ("http_proxy", "http://"),
            ("ALL_PROXY", "a proxy"),
        ];
        let faults = read(&bad).unwrap_err();
        assert_eq!(faults.len(), bad.len(), "{faults:#?}");
        for (name, _) in bad {
            assert!(faults.iter().any(|fault| fault.starts_with(name)), "{name} is missing in {faults:#?}");
        }
        assert!(!faults.concat().contains("secret"), "a proxy's password is in no message: {faults:#?}");
    }
}
