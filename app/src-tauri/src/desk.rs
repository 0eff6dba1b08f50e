//! What the desktop around the window does for it: its folder chooser, its file manager, notices, the
//! tray. Knows no drive.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};

use gtk::gio;
use gtk::glib::ToVariant as _;
use gtk::prelude::{FileChooserExt as _, NativeDialogExt as _};
use peerdrive_api::error::{ApiError, Code};
use tauri::menu::{Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager as _, WebviewWindow};
use tokio::sync::oneshot;

/// Whether there is a tray to come back from.
#[derive(Debug)]
pub(crate) struct Tray(pub(crate) bool);

/// How long a notice may take to be handed over: some desktops have nobody who shows them.
const NOTICE_WITHIN_MS: i32 = 2_000;

/// Most of a notice that is shown, in characters.
const NOTICE_LENGTH: usize = 240;

/// Lets the person choose a folder; `None` if they choose none.
#[tauri::command]
pub(crate) async fn pick_folder(window: WebviewWindow) -> Result<Option<String>, ApiError> {
    let (chosen, choice) = oneshot::channel();
    let above = window.clone();
    let asked = window.run_on_main_thread(move || {
        let parent = above.gtk_window().ok();
        let chooser = gtk::FileChooserNative::new(
            Some("Choose a folder"),
            parent.as_ref(),
            gtk::FileChooserAction::SelectFolder,
            Some("Choose"),
            Some("Cancel"),
        );
        let mut chosen = Some(chosen);
        let held = std::cell::RefCell::new(Some(chooser.clone()));
        let answered = std::cell::RefCell::new(chosen.take());
        chooser.connect_response(move |chooser, response| {
            let path = (response == gtk::ResponseType::Accept).then(|| chooser.filename());
            if let Some(chosen) = answered.take() {
                chosen.send(path.flatten()).ok();
            }
            // It shows as long as somebody holds it.
            held.take();
        });
        chooser.show();
    });
    asked.map_err(|error| unable(&error))?;
    let Some(path) = choice.await.ok().flatten() else {
        return Ok(None);
    };
    match path.into_os_string().into_string() {
        Ok(path) => Ok(Some(path)),
        Err(_) => Err(
            ApiError::new(Code::BadRequest, "the name of this folder is not UTF-8")
                .hint("rename it, or choose another one"),
        ),
    }
}

/// Shows a folder in the system's file manager. Nothing but a folder: whatever else is opened may run.
#[tauri::command]
pub(crate) fn reveal(path: &str) -> Result<(), ApiError> {
    let path = Path::new(path);
    if !path.is_absolute() || !path.is_dir() {
        return Err(ApiError::new(
            Code::FolderNotFound,
            "this folder is not there",
        ));
    }
    let mut opener = Command::new("xdg-open");
    opener
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = opener.spawn().map_err(|error| {
        ApiError::new(
            Code::Failed,
            format!("this desktop opens no folders: {error}"),
        )
        .hint("install xdg-utils")
    })?;
    // It is waited for, so that nothing is left of it.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Shows a notice. Where nobody shows them, nothing happens.
#[tauri::command]
pub(crate) fn notify(title: &str, body: &str) {
    let Ok(bus) = gio::bus_get_sync(gio::BusType::Session, gio::Cancellable::NONE) else {
        return;
    };
    let short = |text: &str| text.chars().take(NOTICE_LENGTH).collect::<String>();
    // The text of a notice may be read as markup, and names of files are in it.
    let plain = short(body)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let hints = gtk::glib::VariantDict::new(None);
    let notice = (
        "PeerDrive",
        0_u32,
        "peerdrive-app",
        short(title),
        plain,
        Vec::<String>::new(),
        hints,
        -1_i32,
    );
    bus.call(
        Some("org.freedesktop.Notifications"),
        "/org/freedesktop/Notifications",
        "org.freedesktop.Notifications",
        "Notify",
        Some(&notice.to_variant()),
        None,
        gio::DBusCallFlags::NONE,
        NOTICE_WITHIN_MS,
        gio::Cancellable::NONE,
        drop,
    );
}

/// Shows the window, whatever became of it.
pub(crate) fn come_forward(app: &AppHandle) {
    if let Some(window) = app.get_webview_window("main") {
        window.show().ok();
        window.unminimize().ok();
        window.set_focus().ok();
    }
}

/// Puts the app into the tray. Whether that worked: not every desktop has one.
pub(crate) fn tray(app: &AppHandle) -> bool {
    // The library of trays is looked for when it is first used, which breaks off where it is missing.
    let made = catch_unwind(AssertUnwindSafe(|| make_tray(app)));
    matches!(made, Ok(Ok(())))
}

fn make_tray(app: &AppHandle) -> tauri::Result<()> {
    let open = MenuItem::with_id(app, "open", "Open PeerDrive", true, None::<&str>)?;
    let quit = MenuItem::with_id(app, "quit", "Close the window for good", true, None::<&str>)?;
    let mut tray = TrayIconBuilder::with_id("main")
        .tooltip("PeerDrive")
        .menu(&Menu::with_items(app, &[&open, &quit])?)
        .on_menu_event(|app, event| match event.id().as_ref() {
            "open" => {
                app.state::<crate::bridge::Daemon>().opened();
                come_forward(app);
            }
            // The daemon goes on: files stay in step without a window.
            _ => app.exit(0),
        });
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(app).map(drop)
}

fn unable(error: &tauri::Error) -> ApiError {
    ApiError::new(
        Code::Failed,
        format!("this desktop shows no chooser: {error}"),
    )
    .hint("type the path of the folder")
}
