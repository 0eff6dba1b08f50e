//! A file that comes in as raw bytes, for which a command in JSON would be too narrow. Knows neither
//! socket nor drive.

use std::future::Future;
use std::io;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::Deserialize;

use crate::dto::Made;
use crate::error::ApiError;

/// The bytes of a file, as they come. An error means that they broke off: what came is not a file.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UploadRequest {
    /// The drive's id or unique name.
    pub drive: String,
    /// The folder, by id; the drive's root unless given.
    #[serde(default)]
    pub folder: Option<String>,
    /// Its name. A file of that name gets a new version.
    pub name: String,
}

/// What takes files in.
pub trait Uploads: Send + Sync + 'static {
    /// Makes a file, or a new version of one, of all the pieces or not at all. What can be refused is
    /// refused before the first piece is asked for.
    fn upload(
        &self,
        request: UploadRequest,
        pieces: Pieces,
    ) -> impl Future<Output = Result<Made, ApiError>> + Send;
}
