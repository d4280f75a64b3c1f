//! Blobs as compressed objects in a bucket of S3 or of what speaks its language, named by the digest of their content.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Buf as _, Bytes};
use pullmill_core::id::TenantId;
use pullmill_core::ports::Source;
use pullmill_core::ports::blob::{BlobClass, BlobError, BlobRef, Blobs};
use pullmill_core::ports::store::Swept;
use pullmill_core::time::Timestamp;

use super::{pack, unpack};
use crate::aws::Said;

/// Blobs in a bucket.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3Blobs {
    /// Blobs in a bucket that is there, under a prefix that may be empty.
    #[must_use]
    pub fn new(configuration: &SdkConfig, bucket: &str, prefix: &str) -> Self {
        // Whoever speaks S3's language under an address of its own seldom has a name per bucket, or the newest checksums.
        let is_elsewhere = configuration.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(configuration)
            .force_path_style(is_elsewhere)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let prefix = prefix.trim_matches('/');
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self {
            client: Client::from_conf(config),
            bucket: bucket.to_owned(),
            prefix,
        }
    }

    /// Makes sure that the bucket is there and may be used.
    pub async fn check(&self) -> Result<(), Source> {
        let listed = self.client.list_objects_v2().bucket(&self.bucket);
        listed.max_keys(1).send().await.map_err(Said::of)?;
        Ok(())
    }

    fn name(&self, blob: &BlobRef) -> String {
        // A tenant may be called `..`, which is no name in a path.
        let (class, tenant, digest) = (blob.class.word(), &blob.tenant, &blob.digest);
        format!("{}{class}/t-{tenant}/{digest}", self.prefix)
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(
        &self,
        tenant: &TenantId,
        class: BlobClass,
        body: Bytes,
    ) -> Result<BlobRef, BlobError> {
        let blob = BlobRef::of(tenant, class, &body);
        let packed = pack(&body).map_err(unavailable)?;
        // Written again, it is as old as the newest put.
        let request = self.client.put_object().bucket(&self.bucket);
        let request = request.key(self.name(&blob));
        let put = request.body(ByteStream::from(packed)).send().await;
        put.map_err(|error| unavailable(Said::of(error)))?;
        Ok(blob)
    }

    async fn get(&self, blob: &BlobRef, at_most: u64) -> Result<Bytes, BlobError> {
        let request = self.client.get_object().bucket(&self.bucket);
        let object = match request.key(self.name(blob)).send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                return Err(BlobError::Missing);
            }
            object => object.map_err(|error| unavailable(Said::of(error)))?,
        };
        let packed = object.body.collect().await.map_err(unavailable)?;
        unpack(packed.reader(), blob, at_most)
    }

    async fn sweep(
        &self,
        class: BlobClass,
        before: Timestamp,
        max: usize,
    ) -> Result<Swept, BlobError> {
        let mut swept = Swept::default();
        let mut start = None;
        loop {
            let request = self.client.list_objects_v2().bucket(&self.bucket);
            let request = request.prefix(format!("{}{}/", self.prefix, class.word()));
            let page = request.set_continuation_token(start).send().await;
            let page = page.map_err(|error| unavailable(Said::of(error)))?;
            for object in page.contents() {
                let put = object.last_modified().and_then(|at| at.to_millis().ok());
                let is_old = put.is_some_and(|at| at < before.millis());
                let Some(key) = object.key().filter(|_| is_old) else {
                    continue;
                };
                if swept.removed == max {
                    swept.has_more = true;
                    return Ok(swept);
                }
                let request = self.client.delete_object().bucket(&self.bucket);
                let removed = request.key(key).send().await;
                removed.map_err(|error| unavailable(Said::of(error)))?;
                swept.removed += 1;
            }
            start = page.next_continuation_token;
            if start.is_none() {
                return Ok(swept);
            }
        }
    }
}

fn unavailable(error: impl Into<Source>) -> BlobError {
    BlobError::Unavailable(error.into())
}
