//! The files of the app as a browser gets them. Knows nothing of what they do.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Where the files of the app are.
#[derive(Debug, Clone)]
pub enum AppFiles {
    /// Part of the program: paths below the app, and bytes.
    Embedded(&'static [(&'static str, &'static [u8])]),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// Largest file that is served from a folder.
const MAX_FILE: u64 = 32 * 1024 * 1024;

const NO_APP: &str = "This PeerDrive was built without its app.\n\
    Build app/ (npm ci && npm run build) and build again, or set PEERDRIVE_UI_DIR to a built one.\n";

impl AppFiles {
    /// The file at a path, and whether it is the page itself. A path that is no file's is a place
    /// within the app: it gets the page.
    async fn get(&self, path: &str) -> Option<(Vec<u8>, &'static str)> {
        let path = path.trim_start_matches('/');
        let wanted = if path.is_empty() { "index.html" } else { path };
        if !is_plain(wanted) {
            return None;
        }
        let is_file = wanted
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains('.'));
        let wanted = if is_file { wanted } else { "index.html" };
        Some((self.bytes(wanted).await?, media(wanted)))
    }

    async fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        match self {
            AppFiles::Embedded(files) => {
                let found = files.iter().find(|(name, _)| *name == path)?;
                Some(found.1.to_vec())
            }
            AppFiles::Folder(folder) => {
                let path = folder.join(path);
                let known = tokio::fs::metadata(&path).await.ok()?;
                if !known.is_file() || known.len() > MAX_FILE {
                    return None;
                }
                tokio::fs::read(&path).await.ok()
            }
        }
    }
}

/// Whether a path is made of plain names only: it cannot lead out of the folder.
fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '@');
    path.len() <= 512
        && path
            .split('/')
            .all(|name| !name.is_empty() && !name.starts_with('.') && name.chars().all(plain))
}

fn media(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("json" | "webmanifest") => "application/json",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// Answers a request for a file of the app.
pub(super) async fn serve(app: Option<&AppFiles>, path: &str, port: u16) -> Response {
    let Some(app) = app else {
        return plain(StatusCode::NOT_FOUND, NO_APP);
    };
    let Some((bytes, media)) = app.get(path).await else {
        return plain(StatusCode::NOT_FOUND, "There is no such file.\n");
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         font-src 'self'; connect-src 'self' ws://127.0.0.1:{port}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = (StatusCode::OK, Body::from(bytes)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_files() {
        for path in ["index.html", "assets/main-a1_b2.js", "d/abc"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "../x", "a/../b", ".git", "a//b", "a/", "%2e%2e/x", "a\\b", "a/.ssh", "é",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[tokio::test]
    async fn a_place_within_the_app_is_the_page_and_a_missing_file_is_none() {
        let app = AppFiles::Embedded(&[("index.html", b"page"), ("assets/a.js", b"code")]);
        for (path, expected) in [
            ("/", Some(&b"page"[..])),
            ("/d/some-drive", Some(b"page")),
            ("/assets/a.js", Some(b"code")),
            ("/assets/b.js", None),
            ("/../Cargo.toml", None),
        ] {
            let found = app.get(path).await;
            assert_eq!(
                found.as_ref().map(|(bytes, _)| bytes.as_slice()),
                expected,
                "{path}"
            );
        }
    }
}
