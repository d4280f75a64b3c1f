//! What all adapters of AWS share: credentials, region and endpoint from where AWS's own tools take them, and TLS by ring.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};
use pullmill_core::ports::Source;

/// Reads the configuration: environment, profile, container, instance.
pub async fn configuration() -> SdkConfig {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let client = Builder::new().tls_provider(provider).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .load()
        .await
}

/// What a service said: the outermost error of the SDK says next to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub(crate) struct Said {
    said: String,
    #[source]
    source: Source,
}

impl Said {
    /// An error with what the service said about it.
    pub(crate) fn of<E, R>(error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let said = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            _ => innermost(&error),
        };
        Self {
            said,
            source: error.into(),
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
