//! The HTTP client of all services: which authorities it trusts, which proxy it goes through, and what it does when
//! connections go dead.
//!
//! **Dead connections.** A firewall or a NAT gateway may forget a connection that rests, and then swallows what is sent
//! over it without a word. Only a timeout shows that, and the pool may hold many such connections, or one that all
//! requests share. So the first timeout replaces the whole pool: what is sent afterwards goes over new connections.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_http_client::{
    Builder, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{self, TlsContext, TrustStore},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// A connection that rests for longer is closed instead of used again. Firewalls forget connections after a minute or
/// more, and a new one costs a few hundredths of a second.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Which certificate authorities are trusted: those of the system, unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Trust(TlsContext);

/// Why a bundle of certificates cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadBundle {
    #[error("it has no certificate in PEM")]
    Empty,
    #[error("its certificate {number} cannot be read: {problem}")]
    Certificate { number: usize, problem: String },
    #[error("it cannot be used: {0}")]
    Unusable(String),
}

impl Trust {
    /// Trusts the authorities of this bundle, in PEM, and no others: the AWS CLI and the other SDKs read
    /// `AWS_CA_BUNDLE` like that.
    ///
    /// # Errors
    /// If the bundle has no certificate, or one that cannot be read.
    pub fn only(bundle: &[u8]) -> Result<Trust, BadBundle> {
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(bundle)) {
            let unread = |problem: String| BadBundle::Certificate { number, problem };
            let certificate = certificate.map_err(|error| unread(error.to_string()))?;
            roots.add(certificate).map_err(|error| unread(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(BadBundle::Empty);
        }
        let store = TrustStore::empty().with_pem_certificate(bundle);
        // Without it the system's authorities would be trusted.
        let context = TlsContext::builder().with_trust_store(store).build();
        context.map(Trust).map_err(|error| BadBundle::Unusable(error.to_string()))
    }
}

/// Whether the client can go through the proxy of this URL. Without a scheme it is `http`.
pub fn is_proxy(url: &str) -> bool {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    ProxyConfig::all(url).is_ok()
}

/// Returns the client. The SDK's own default client would link another TLS stack.
pub(crate) fn client(trust: Trust) -> SharedHttpClient {
    let pools = Mutex::new(Arc::new(Pools::new(&trust)));
    SharedHttpClient::new(Renewing(Arc::new(Renewal { trust, pools })))
}

#[derive(Clone, Debug)]
struct Renewing(Arc<Renewal>);

#[derive(Debug)]
struct Renewal {
    trust: Trust,
    pools: Mutex<Arc<Pools>>,
}

/// The connections of one generation.
#[derive(Debug)]
struct Pools {
    /// Goes through the proxies that the environment names, as the SDK's default client does.
    proxied: SharedHttpClient,
    direct: SharedHttpClient,
}

impl Pools {
    fn new(trust: &Trust) -> Pools {
        let pool = |proxy: fn() -> ProxyConfig| {
            let trust = trust.0.clone();
            Builder::new().build_with_connector_fn(move |settings, components| {
                let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
                let mut connector = ConnectorBuilder::default()
                    .tls_provider(ring)
                    .tls_context(trust.clone())
                    .pool_idle_timeout(LONGEST_REST)
                    .proxy_config(proxy());
                connector.set_connector_settings(settings.cloned());
                if let Some(components) = components {
                    connector.set_sleep_impl(components.sleep_impl());
                }
                connector.build()
            })
        };
        Pools { proxied: pool(ProxyConfig::from_env), direct: pool(ProxyConfig::disabled) }
    }

    fn of(&self, request: &HttpRequest) -> &SharedHttpClient {
        if stays_here(request.uri()) { &self.direct } else { &self.proxied }
    }
}

/// Whether a URL names this machine, or the addresses at which it asks for its credentials. No proxy reaches those.
pub(crate) fn stays_here(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

impl Renewal {
    fn pools(&self) -> std::sync::MutexGuard<'_, Arc<Pools>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the pools over which a request timed out, unless another request has done so.
    fn renew(&self, used: &Arc<Pools>) {
        let mut pools = self.pools();
        if Arc::ptr_eq(&pools, used) {
            *pools = Arc::new(Pools::new(&self.trust));
        }
    }
}

impl HttpClient for Renewing {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(RenewingConnector {
            renewal: self.0.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        // Reads the system's authorities at start, and not with the first request.
        let pools = self.0.pools().clone();
        pools.proxied.validate_base_client_config(components, config)
    }
}

#[derive(Debug)]
struct RenewingConnector {
    renewal: Arc<Renewal>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for RenewingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let renewal = self.renewal.clone();
        // Only now: a request may have waited for its turn while the pools were replaced.
        let pools = renewal.pools().clone();
        let connector = pools.of(&request).http_connector(&self.settings, &self.components);
        HttpConnectorFuture::new(async move {
            let answer = connector.call(request).await;
            if answer.as_ref().is_err_and(|error| error.is_timeout()) {
                tracing::warn!("a request to AWS timed out; new connections replace those at rest");
                renewal.renew(&pools);
            }
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_own_credentials_are_reached_without_the_proxy() {
        let cases = [
            ("http://127.0.0.1:4566/", true),
            ("http://localhost:4566/x", true),
            ("http://LOCALHOST?x", true),
            ("http://[::1]:80/", true),
            ("http://169.254.170.2/v2/credentials", true),
            ("http://[fe80::1]/", true),
            ("https://sso.eu-west-1.amazonaws.com/", false),
            ("https://localhost.example.com/", false),
            ("https://10.0.0.1:8443/", false),
            ("https://[2001:db8::1]/", false),
        ];
        for (url, expected) in cases {
            assert_eq!(stays_here(url), expected, "{url}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_of_http_or_https_with_a_host() {
        for url in
            ["http://proxy:3128", "https://u:p@proxy.example.com", "proxy.example.com:8080", "10.0.0.1"]
        {
            assert!(is_proxy(url), "{url}");
        }
        for url in ["socks5://proxy:1080", "http://", "proxy example", "://x"] {
            assert!(!is_proxy(url), "{url}");
        }
    }

    #[test]
    fn a_bundle_needs_certificates_and_each_must_be_one() {
        assert_eq!(Trust::only(b"").err(), Some(BadBundle::Empty));
        assert_eq!(Trust::only(b"no PEM").err(), Some(BadBundle::Empty));
        let fake = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = Trust::only(fake.as_bytes()).err();
        assert!(matches!(error, Some(BadBundle::Certificate { number: 1, .. })), "{error:?}");
    }
}
