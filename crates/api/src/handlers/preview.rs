//! A look into a file. What it is follows from its bytes; nothing that a browser would run leaves here
//! as anything but text.

use data_encoding::BASE64;
use peerdrive_engine::DriveHandle;
use peerdrive_engine::tree::node::{Content, FileContent, Kind};

use super::browse::node;
use super::errors;
use crate::dto::{ReadReply, ReadRequest};
use crate::error::{ApiError, Code};

/// Most text that is shown.
const MAX_TEXT: u64 = 512 * 1024;

/// Largest picture that is shown.
const MAX_IMAGE: u64 = 16 * 1024 * 1024;

/// Enough to recognise every kind of picture.
const HEAD: usize = 32;

/// Bytes read at once.
const RUN: usize = 1024 * 1024;

pub(super) async fn read(
    drive: &DriveHandle,
    request: &ReadRequest,
) -> Result<ReadReply, ApiError> {
    let id = node(Some(&request.node))?;
    let found = drive.view().get(id).ok_or_else(errors::no_node)?;
    let content = match (found.kind, found.content) {
        (Kind::File, Some(Content::File(content))) => content,
        (Kind::File, _) => return Ok(text(Vec::new(), 0)),
        (Kind::Folder | Kind::Symlink, _) => {
            return Err(ApiError::new(
                Code::BadRequest,
                "only files can be looked into",
            ));
        }
    };
    let size = content.len;
    let head = bytes(drive, &content, HEAD as u64).await?;
    let Some(media) = picture(&head) else {
        return Ok(text(bytes(drive, &content, MAX_TEXT).await?, size));
    };
    if size > MAX_IMAGE {
        let reason = "this picture is too large to be shown here".to_owned();
        return Ok(ReadReply::Other { reason, size });
    }
    let data = BASE64.encode(&bytes(drive, &content, MAX_IMAGE).await?);
    Ok(ReadReply::Image {
        media: media.to_owned(),
        data,
        size,
    })
}

/// The first bytes of a file, at most `most`.
async fn bytes(drive: &DriveHandle, content: &FileContent, most: u64) -> Result<Vec<u8>, ApiError> {
    let reader = drive.content().open(content).await;
    let reader = reader.map_err(|e| errors::content(&e))?;
    let wanted = reader.len().min(most);
    let mut read = Vec::new();
    while (read.len() as u64) < wanted {
        let left = wanted - read.len() as u64;
        let run = reader
            .read_at(read.len() as u64, (left as usize).min(RUN))
            .await;
        let run = run.map_err(|e| errors::content(&e))?;
        if run.is_empty() {
            break;
        }
        read.extend_from_slice(&run);
    }
    Ok(read)
}

/// The media type of a picture that browsers only draw. SVG is not among them: it can hold programs.
fn picture(head: &[u8]) -> Option<&'static str> {
    let brand = |at: usize, mark: &[u8]| head.get(at..at + mark.len()) == Some(mark);
    if brand(0, b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if brand(0, b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if brand(0, b"GIF87a") || brand(0, b"GIF89a") {
        Some("image/gif")
    } else if brand(0, b"RIFF") && brand(8, b"WEBP") {
        Some("image/webp")
    } else if brand(4, b"ftypavif") {
        Some("image/avif")
    } else if brand(0, b"BM") && brand(6, &[0, 0, 0, 0]) {
        Some("image/bmp")
    } else {
        None
    }
}

fn text(mut read: Vec<u8>, size: u64) -> ReadReply {
    let cut = (read.len() as u64) < size;
    if cut {
        // What comes after the last whole line may be half a character, too.
        let end = read.iter().rposition(|byte| *byte == b'\n');
        match (end, std::str::from_utf8(&read)) {
            (Some(end), _) => read.truncate(end + 1),
            (None, Err(error)) if error.error_len().is_none() => read.truncate(error.valid_up_to()),
            (None, _) => {}
        }
    }
    match String::from_utf8(read) {
        Ok(text) if !text.contains('\0') => ReadReply::Text { text, cut, size },
        _ => ReadReply::Other {
            reason: "this is neither text nor a picture that can be shown".to_owned(),
            size,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_bytes_and_programs_are_none() {
        assert_eq!(picture(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(picture(b"<svg xmlns='x'><script/>"), None);
        assert_eq!(picture(b"<!doctype html>"), None);
        assert_eq!(picture(b""), None);
    }

    #[test]
    fn text_is_cut_between_lines_and_other_bytes_are_not_text() {
        let is_text = |reply: ReadReply| match reply {
            ReadReply::Text { text, cut, .. } => Some((text, cut)),
            _ => None,
        };
        assert_eq!(
            is_text(text(b"a\nb".to_vec(), 9)),
            Some(("a\n".into(), true))
        );
        assert_eq!(
            is_text(text("aé".as_bytes()[..2].to_vec(), 9)),
            Some(("a".into(), true))
        );
        assert_eq!(
            is_text(text(b"<script>".to_vec(), 8)),
            Some(("<script>".into(), false))
        );
        assert_eq!(is_text(text(vec![0, 1, 2], 3)), None);
        assert_eq!(is_text(text(vec![0xff], 1)), None);
    }
}
