//! Blobs as compressed files in a folder, named by the digest of their content.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::id::TenantId;
use pullmill_core::ports::blob::{BlobClass, BlobError, BlobRef, Blobs};
use pullmill_core::ports::store::Swept;
use pullmill_core::time::Timestamp;

use super::{pack, unpack};

/// Blobs in a folder.
#[derive(Clone, Debug)]
pub struct FolderBlobs {
    root: PathBuf,
}

/// Tells temporary files of this process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl FolderBlobs {
    /// Blobs in a folder, which is made when it is needed.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn class(&self, class: BlobClass) -> PathBuf {
        self.root.join(class.word())
    }

    fn path(&self, blob: &BlobRef) -> Option<PathBuf> {
        let is_digest =
            blob.digest.len() == 64 && blob.digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        // A tenant may be called `..`, so its folder has a letter of ours before it.
        let folder = self.class(blob.class).join(format!("t-{}", blob.tenant));
        is_digest.then(|| folder.join(&blob.digest[..2]).join(&blob.digest))
    }

    fn write(&self, blob: &BlobRef, body: &[u8]) -> io::Result<()> {
        let path = self.path(blob).ok_or(ErrorKind::InvalidInput)?;
        let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
        if let Ok(file) = File::open(&path) {
            // It was made durable when it was written; now it lives longer, unless a sweep has just taken it.
            file.set_modified(SystemTime::now())?;
            if path.exists() {
                return Ok(());
            }
        }
        let is_new = !folder.is_dir();
        fs::create_dir_all(folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let draft = folder.join(format!(".{}-{number}", std::process::id()));
        let written = write_new(&draft, body).and_then(|()| fs::rename(&draft, &path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written?;
        File::open(folder)?.sync_all()?;
        if is_new {
            let above = folder.ancestors().skip(1);
            for folder in above.take_while(|folder| folder.starts_with(&self.root)) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }

    fn read(&self, blob: &BlobRef, at_most: u64) -> Result<Bytes, BlobError> {
        let path = self.path(blob).ok_or(BlobError::Missing)?;
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => BlobError::Missing,
            _ => BlobError::Unavailable(error.into()),
        })?;
        unpack(file, blob, at_most)
    }

    fn remove(&self, class: BlobClass, before: Timestamp, max: usize) -> io::Result<Swept> {
        let before =
            UNIX_EPOCH + Duration::from_millis(u64::try_from(before.millis()).unwrap_or(0));
        let mut swept = Swept::default();
        for path in files(&self.class(class))? {
            if !is_older(&path, before) {
                continue;
            }
            if swept.removed == max {
                swept.has_more = true;
                break;
            }
            swept.removed += usize::from(take_away(&path, before)?);
        }
        Ok(swept)
    }
}

fn is_older(path: &Path, before: SystemTime) -> bool {
    let modified = fs::metadata(path).and_then(|file| file.modified());
    modified.is_ok_and(|modified| modified < before)
}

/// Removes a file, unless a put has made it younger meanwhile: it is out of the way when its age is looked at for the last time.
fn take_away(path: &Path, before: SystemTime) -> io::Result<bool> {
    let aside = path.with_extension("swept");
    if fs::rename(path, &aside).is_err() {
        return Ok(false);
    }
    if is_older(&aside, before) {
        fs::remove_file(&aside)?;
        return Ok(true);
    }
    fs::rename(&aside, path)?;
    Ok(false)
}

fn write_new(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(&pack(body)?)?;
    file.sync_all()
}

/// All files below a folder; none if it is not there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    let result = tokio::task::spawn_blocking(work).await;
    result.unwrap_or_else(|error| Err(BlobError::Unavailable(error.into())))
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put(
        &self,
        tenant: &TenantId,
        class: BlobClass,
        body: Bytes,
    ) -> Result<BlobRef, BlobError> {
        let (blobs, tenant) = (self.clone(), tenant.clone());
        blocking(move || {
            let blob = BlobRef::of(&tenant, class, &body);
            let written = blobs.write(&blob, &body);
            written.map_err(|error| BlobError::Unavailable(error.into()))?;
            Ok(blob)
        })
        .await
    }

    async fn get(&self, blob: &BlobRef, at_most: u64) -> Result<Bytes, BlobError> {
        let (blobs, blob) = (self.clone(), blob.clone());
        blocking(move || blobs.read(&blob, at_most)).await
    }

    async fn sweep(
        &self,
        class: BlobClass,
        before: Timestamp,
        max: usize,
    ) -> Result<Swept, BlobError> {
        let blobs = self.clone();
        blocking(move || {
            let swept = blobs.remove(class, before, max);
            swept.map_err(|error| BlobError::Unavailable(error.into()))
        })
        .await
    }
}
