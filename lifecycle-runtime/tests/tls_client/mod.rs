//! A certificate that nobody else trusts, and clients that do.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;

use lifecycle::Listener;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{WantsServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier,
};

use super::http_client::{Client, PATIENCE};

pub(crate) const NAME: &str = "checkout.test";

pub(crate) type Secure = Client<TlsStream<TcpStream>>;

/// Who trusts whom.
pub(crate) struct Trust {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Trust {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([NAME.to_owned()]).unwrap();
        Self {
            certificate: cert.der().clone(),
            key: PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap(),
        }
    }

    pub(crate) fn server(&self) -> ServerConfig {
        self.certified(builder().with_no_client_auth())
    }

    pub(crate) fn certified(
        &self,
        config: ConfigBuilder<ServerConfig, WantsServerCert>,
    ) -> ServerConfig {
        let chain = vec![self.certificate.clone()];
        config
            .with_single_cert(chain, self.key.clone_key())
            .unwrap()
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// A client's settings, offering these protocols.
    pub(crate) fn client(&self, alpn: &[&str]) -> ClientConfig {
        let mut config = client_builder()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
        config
    }

    /// The same, and it shows the certificate as its own.
    pub(crate) fn known_client(&self) -> ClientConfig {
        client_builder()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap()
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A listener on a free port.
    pub(crate) async fn listen(&self) -> (SocketAddr, Listener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = Listener::from(listener).tls(Arc::new(self.server()));
        (address, listener)
    }

    pub(crate) async fn connect(&self, address: SocketAddr, alpn: &[&str]) -> Secure {
        let stream = TcpStream::connect(address).await.unwrap();
        secure(self.client(alpn), stream).await.into()
    }
}

/// Other crates of the workspace may bring another provider; this one is always there.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

pub(crate) fn builder() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    let builder = ServerConfig::builder_with_provider(provider());
    builder.with_safe_default_protocol_versions().unwrap()
}

fn client_builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(provider());
    builder.with_safe_default_protocol_versions().unwrap()
}

/// Takes the certificates of clients that `trust` knows, and clients that have none.
pub(crate) fn verifier(trust: &Trust) -> Arc<dyn ClientCertVerifier> {
    let roots = Arc::new(trust.roots());
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    builder.allow_unauthenticated().build().unwrap()
}

pub(crate) async fn secure(config: ClientConfig, stream: TcpStream) -> TlsStream<TcpStream> {
    let name = ServerName::try_from(NAME).unwrap();
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    timeout(PATIENCE, handshake).await.unwrap().unwrap()
}
