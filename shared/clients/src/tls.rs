//! The one TLS configuration: rustls on ring, with Mozilla's root certificates compiled in, so that
//! a cold start reads nothing from disk.

use rustls::{ClientConfig, RootCertStore};

/// The configuration for a client. It always verifies the server's certificate.
///
/// # Panics
/// Never: ring supports both TLS versions that rustls knows.
#[must_use]
#[expect(clippy::expect_used, reason = "ring supports both TLS versions that rustls knows")]
pub fn client_config() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring supports both TLS versions that rustls knows")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
