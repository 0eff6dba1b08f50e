//! Whether all of a version is on this device, and bringing it here. Does not open chunks: their blobs
//! are all that matters.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_net::BlobId;

use super::{
    Inner,
    error::ContentError,
    fetch::{MANY_LARGE, MANY_SMALL},
    lanes::Lane,
    open::Parts,
};

/// Versions whose chunks are fetched side by side.
const SIDE_BY_SIDE: usize = 4;

impl Inner {
    pub(super) async fn is_local(
        self: &Arc<Self>,
        content: &FileContent,
    ) -> Result<bool, ContentError> {
        let Some(manifest) = content.manifest else {
            return Ok(true);
        };
        if !self.blobs.has(&BlobId(manifest.blob)).await? {
            return Ok(false);
        }
        let opened = self.opened(content, Lane::Background).await?;
        let mut at = 0;
        while at < content.len && !matches!(opened.parts, Parts::Inline(_)) {
            if let Some(page) = opened.page_at(at)
                && !self.blobs.has(&BlobId(page.blob)).await?
            {
                return Ok(false);
            }
            let run = self.run_at(&opened, at, Lane::Background).await?;
            for chunk in run.chunks() {
                if !self.blobs.has(&BlobId(chunk.blob)).await? {
                    return Ok(false);
                }
            }
            at = run.end();
        }
        Ok(true)
    }

    pub(super) async fn prefetch(
        self: &Arc<Self>,
        contents: &[FileContent],
    ) -> Result<(), ContentError> {
        let lane = Lane::Background;
        let manifests = contents
            .iter()
            .filter_map(|c| Some(BlobId(c.manifest?.blob)))
            .collect();
        let manifests = self.ensure(manifests, MANY_SMALL, lane).await;
        // A small file is all in its manifest.
        let longer: Vec<FileContent> = contents
            .iter()
            .copied()
            .filter(|content| content.len > self.shape.inline)
            .collect();
        let chunks = stream::iter(longer)
            .map(|content| Box::pin(self.prefetch_chunks(content)))
            .buffer_unordered(SIDE_BY_SIDE)
            .fold(Ok(()), |first, one| async { first.and(one) })
            .await;
        manifests.and(chunks)
    }

    async fn prefetch_chunks(self: &Arc<Self>, content: FileContent) -> Result<(), ContentError> {
        let lane = Lane::Background;
        let opened = self.open_uncached(content, lane).await?;
        let mut at = 0;
        while at < content.len {
            let run = self.run_at(&opened, at, lane).await?;
            let ids = run
                .chunks()
                .iter()
                .map(|chunk| BlobId(chunk.blob))
                .collect();
            self.ensure(ids, MANY_LARGE, lane).await?;
            at = run.end();
        }
        Ok(())
    }
}
