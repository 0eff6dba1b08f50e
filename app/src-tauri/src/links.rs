//! Invite links that were opened elsewhere on this system, on their way to the page. Knows no invite.

use parking_lot::Mutex;
use tauri::State;
use tauri::ipc::Channel;

/// Links that the page has not been told of yet, and the way to it once it listens.
#[derive(Default)]
pub(crate) struct Links(Mutex<Told>);

#[derive(Default)]
struct Told {
    waiting: Vec<String>,
    page: Option<Channel<String>>,
}

impl Links {
    /// A link was opened.
    pub(crate) fn opened(&self, link: String) {
        let mut told = self.0.lock();
        let sent = told.page.as_ref().map(|page| page.send(link.clone()));
        if !matches!(sent, Some(Ok(()))) {
            told.waiting.push(link);
        }
    }
}

/// Tells the page of links from now on, and of those that waited.
#[tauri::command]
pub(crate) fn links(opened: State<'_, Links>, links: Channel<String>) {
    let mut told = opened.0.lock();
    for link in told.waiting.drain(..) {
        links.send(link).ok();
    }
    told.page = Some(links);
}
