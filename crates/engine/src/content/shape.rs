//! The sizes at which files are cut and manifests split. Does not know how either is done.

/// The limits that writer and reader of a content version must share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Files up to this length sit inside their manifest, so that a small file is one blob.
    pub(super) inline: u64,
    /// Files up to this length are read, sealed and written in one go; longer ones flow through a
    /// pipeline, whose set-up costs more than it gains on a few chunks.
    pub(super) short: u64,
    /// No chunk but a file's last is shorter.
    pub(super) min: usize,
    /// About what chunks measure.
    pub(super) avg: usize,
    /// No chunk is longer.
    pub(super) max: usize,
    /// Chunks in a manifest, chunks in a page, and pages in a manifest, at most.
    pub(super) fanout: usize,
}

impl Shape {
    /// The shape of every drive (content.md): few and large chunks say little about the content, and
    /// 4096 pages of 4096 chunks describe at least 4 TiB, while a page stays below 300 KB.
    pub(super) const V1: Self = Self {
        inline: 16 * 1024,
        short: 1024 * 1024,
        min: 256 * 1024,
        avg: 1024 * 1024,
        max: 4 * 1024 * 1024,
        fanout: 4096,
    };

    /// Bytes of a page or manifest body of which each line takes at most `line` bytes.
    const fn listing(&self, line: usize) -> usize {
        16 + self.fanout * line
    }

    /// The longest plaintext of a manifest.
    pub(super) const fn manifest_max(&self) -> usize {
        let pages = self.listing(crate::content::manifest::PAGE_LINE);
        let inline = 16 + self.inline as usize;
        if pages > inline { pages } else { inline }
    }

    /// The longest plaintext of a page of chunk references.
    pub(super) const fn page_max(&self) -> usize {
        self.listing(crate::content::manifest::CHUNK_LINE)
    }
}
