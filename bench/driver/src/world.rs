//! What a measured function finds: an organization, a table, and the stand-in for AWS, over plain HTTP or TLS.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use axum_server::{
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};
use stand_in::{Assignment, Group, Organization, PermissionSet, Settings, StandIn};
use tempfile::TempDir;

use crate::Failure;

/// The account that all grants are for.
pub const ACCOUNT: &str = "111122223333";
/// How long every answer of the stand-in is set to take.
pub const LATENCY: Duration = Duration::from_millis(10);
/// The quotas of Identity Center.
pub const OUTSTANDING: usize = 10;
pub const REQUESTS_PER_SECOND: usize = 20;

/// How the functions reach the stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wire {
    Http,
    Tls,
}

impl Wire {
    pub const ALL: [Wire; 2] = [Wire::Http, Wire::Tls];

    pub fn name(self) -> &'static str {
        match self {
            Wire::Http => "HTTP",
            Wire::Tls => "TLS",
        }
    }
}

/// A certificate for 127.0.0.1 and its authority, recreated for every run.
pub struct Tls {
    config: RustlsConfig,
    /// The authorities of this machine and the run's own: a function in production also reads a whole bundle.
    bundle: String,
}

impl Tls {
    pub fn new() -> Result<Tls, Failure> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate for self-signed whose issuer has its own name.
        authority.distinguished_name.push(DnType::CommonName, "authority of the benchmark");
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        server.use_authority_key_identifier_extension = true;
        let certificate = server.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(certificate)], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let of_this_machine = fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
        let bundle = of_this_machine + &authority.pem();
        Ok(Tls { config: RustlsConfig::from_config(Arc::new(config)), bundle })
    }
}

/// The size of a table: a grant of each of its permission sets to each of its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub permission_sets: usize,
    pub groups: usize,
    /// All of the instance. Those that the table wants are listed last, so that all have to be described.
    pub permission_sets_of_the_instance: usize,
}

impl Shape {
    pub fn grants(self) -> usize {
        self.permission_sets * self.groups
    }

    fn organization(self) -> Organization {
        let sets = (0..self.permission_sets_of_the_instance).rev().map(|n| PermissionSet {
            name: format!("Set-{n}"),
            arn: format!("arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-{n:016x}"),
        });
        let groups = (0..self.groups).map(|n| Group {
            members: Vec::new(),
            name: format!("team-{n}"),
            id: format!("1234567890-{n:08x}-0000-4000-8000-000000000000"),
        });
        Organization { permission_sets: sets.collect(), groups: groups.collect(), ..Organization::sample() }
    }

    fn table(self) -> Value {
        let rows = (0..self.permission_sets).flat_map(|set| {
            (0..self.groups).map(move |group| {
                let (permission_set, group) = (format!("Set-{set}"), format!("team-{group}"));
                json!({ "id": format!("row-{set}-{group}"), "permissionSet": permission_set, "group": group })
            })
        });
        json!({ "assignments": rows.collect::<Vec<_>>() })
    }
}

pub struct World {
    pub stand_in: StandIn,
    /// What a function needs to find it, and the limits that fit the quotas.
    pub environment: Vec<(&'static str, String)>,
    shape: Shape,
    _files: TempDir,
}

impl World {
    /// Returns a world with the quotas of Identity Center.
    pub async fn new(shape: Shape, provisioning: Duration, wire: Wire, tls: &Tls) -> Result<World, Failure> {
        World::with(shape, provisioning, (OUTSTANDING, REQUESTS_PER_SECOND), wire, tls).await
    }

    /// Returns a world with quotas for creations in progress and for requests a second.
    pub async fn with(
        shape: Shape,
        provisioning: Duration,
        (outstanding, requests_per_second): (usize, usize),
        wire: Wire,
        tls: &Tls,
    ) -> Result<World, Failure> {
        let settings = Settings {
            provisioning,
            latency: LATENCY,
            outstanding,
            requests_per_second,
            identity_store_requests_per_second: requests_per_second,
            ..Settings::default()
        };
        let stand_in = StandIn::new(shape.organization(), settings);
        let files = tempfile::tempdir()?;
        let file = |name: &str, text: &str| -> Result<String, Failure> {
            let path: PathBuf = files.path().join(name);
            fs::write(&path, text)?;
            Ok(path.display().to_string())
        };
        let mut environment = vec![
            ("ASSIGNMENTS_FILE", file("table.json", &shape.table().to_string())?),
            ("MAX_OUTSTANDING", outstanding.to_string()),
            ("MAX_REQUESTS_PER_SECOND", requests_per_second.to_string()),
        ];
        match wire {
            Wire::Http => environment.push(("AWS_ENDPOINT_URL", stand_in.start().await)),
            Wire::Tls => {
                let bundle = file("authorities.pem", &tls.bundle)?;
                environment.push(("AWS_ENDPOINT_URL", serve(&stand_in, tls)?));
                environment.push(("SSL_CERT_FILE", bundle.clone()));
                environment.push(("AWS_CA_BUNDLE", bundle));
            }
        }
        Ok(World { stand_in, environment, shape, _files: files })
    }

    /// Returns how long an answer takes on a plain connection. Timers are rounded up, so that it is more than the
    /// stand-in's setting.
    pub fn answer_time(&self) -> Result<Duration, Failure> {
        let url = self.environment.iter().find(|(name, _)| *name == "AWS_ENDPOINT_URL");
        let address = url.and_then(|(_, url)| url.strip_prefix("http://")).ok_or("no plain endpoint")?;
        let started = Instant::now();
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(
            b"POST / HTTP/1.1\r\nhost: stand-in\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        )?;
        connection.read_to_end(&mut Vec::new())?;
        Ok(started.elapsed())
    }

    /// Assigns every grant of the table, as if it had always been there.
    pub fn fulfil(&self) {
        let organization = self.stand_in.organization();
        for set in organization.permission_sets.iter().rev().take(self.shape.permission_sets) {
            for group in &organization.groups {
                self.stand_in.put_assignment(Assignment {
                    account: ACCOUNT.to_owned(),
                    permission_set: set.arn.clone(),
                    principal_type: "GROUP".to_owned(),
                    principal_id: group.id.clone(),
                });
            }
        }
    }
}

/// Serves the stand-in over TLS on a free port of the loopback interface and returns the URL.
fn serve(stand_in: &StandIn, tls: &Tls) -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let acceptor = RustlsAcceptor::new(tls.config.clone()).acceptor(NoDelayAcceptor::new());
    let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
    tokio::spawn(server.serve(stand_in.router().into_make_service()));
    Ok(format!("https://{address}"))
}
