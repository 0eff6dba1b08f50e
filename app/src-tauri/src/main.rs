//! The desktop window: the app of `app/src` in a web view of this system, with what a browser lacks (a
//! tray, notices, the system's own folder chooser, links). It knows how the page's wishes reach the
//! daemon, and nothing of drives.
//!
//! The engine runs in a process of its own, of which there is one for each data directory: this very
//! program, started again, when none runs. So files go on being in step when the window is closed, and
//! a window, a browser and a command line stand before the same daemon.

mod bridge;
mod desk;
mod instance;
mod links;

use std::error::Error;
use std::process::ExitCode;

use peerdrive_cli::window::{self, Opening};
use tauri::webview::PageLoadEvent;
use tauri::{Manager as _, WebviewWindowBuilder, WindowEvent};

use bridge::{Daemon, Streams};
use instance::Instance;
use links::Links;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let words: Vec<_> = std::env::args_os().collect();
    if window::is_daemon(&words) {
        return Ok(peerdrive_cli::run(words));
    }
    let opening = match Opening::parse(words) {
        Ok(opening) => opening,
        Err(code) => return Ok(code),
    };
    let links = Links::default();
    if let Some(link) = opening.link() {
        links.opened(link.to_owned());
    }
    let instance = match Instance::claim(opening.data_dir(), opening.link())? {
        Some(instance) => instance,
        // The window that is open comes to the front.
        None => return Ok(ExitCode::SUCCESS),
    };

    tauri::Builder::default()
        .manage(Daemon::new(opening))
        .manage(Streams::default())
        .manage(links)
        .invoke_handler(tauri::generate_handler![
            bridge::rpc,
            bridge::events,
            bridge::hush,
            links::links,
            desk::pick_folder,
            desk::reveal,
            desk::notify,
        ])
        // A page that is loaded anew has forgotten the streams of the one before.
        .on_page_load(|view, load| {
            if load.event() == PageLoadEvent::Started {
                view.state::<Streams>().end_all();
            }
        })
        .setup(move |app| {
            let config = app
                .config()
                .app
                .windows
                .first()
                .ok_or("no window is configured")?;
            WebviewWindowBuilder::from_config(app.handle(), config)?
                // The app is one page: nothing that is shown may lead the window anywhere else.
                .on_navigation(|to| to.scheme() == "tauri" && to.host_str() == Some("localhost"))
                .build()?;
            let tray = desk::tray(app.handle());
            app.manage(desk::Tray(tray));
            instance.serve(app.handle().clone());
            Ok(())
        })
        .on_window_event(|window, event| {
            // With a tray, closing the window puts it away; without one there would be no way back.
            if let WindowEvent::CloseRequested { api, .. } = event
                && window.state::<desk::Tray>().0
            {
                api.prevent_close();
                window.hide().ok();
            }
        })
        .run(tauri::generate_context!())?;
    Ok(ExitCode::SUCCESS)
}
