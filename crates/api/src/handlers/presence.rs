//! Who is here, and what this device's own windows show. A window that falls silent is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use peerdrive_engine::tree::id::NodeId;
use peerdrive_engine::{DriveHandle, Focus, Here};

use super::Host;
use super::browse::node;
use super::news::Names;
use crate::dto::{FocusReply, FocusRequest, Presence, PresenceReply};
use crate::error::{ApiError, Code};
use crate::mount_door::MountDoor;

/// A window that tells nothing for so long is closed.
const SILENCE: Duration = Duration::from_secs(30);

/// Windows of one device. Those that told nothing for longest make way.
const MOST: usize = 64;

/// Longest name of a window, in characters.
const MAX_NAME: usize = 64;

/// What one window shows.
#[derive(Debug, Clone)]
struct Window {
    /// The drive's id.
    drive: String,
    folder: Option<NodeId>,
    node: Option<NodeId>,
    editing: bool,
    idle: bool,
    told: Instant,
}

/// What the windows of this device show.
#[derive(Debug, Default)]
pub(super) struct Windows(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    windows: BTreeMap<String, Window>,
    /// What was made of them last, by drive.
    focused: BTreeMap<String, Focus>,
}

impl Windows {
    /// Takes in what a window shows now; nothing if it shows no drive. Yields what changed by it: drives,
    /// and what all windows together show of each.
    fn take(&self, name: &str, shows: Option<Window>) -> Vec<(String, Option<Focus>)> {
        let mut inner = self.0.lock();
        match shows {
            Some(window) => inner.windows.insert(name.to_owned(), window),
            None => inner.windows.remove(name),
        };
        if inner.windows.len() > MOST {
            let oldest = inner.windows.iter().min_by_key(|(_, window)| window.told);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                inner.windows.remove(&name);
            }
        }
        inner.changed()
    }

    fn forget_silent(&self, now: Instant) -> Vec<(String, Option<Focus>)> {
        let mut inner = self.0.lock();
        let before = inner.windows.len();
        inner
            .windows
            .retain(|_, window| now.saturating_duration_since(window.told) < SILENCE);
        match inner.windows.len() < before {
            true => inner.changed(),
            false => Vec::new(),
        }
    }
}

impl Inner {
    fn changed(&mut self) -> Vec<(String, Option<Focus>)> {
        let shown: BTreeSet<&String> = self.windows.values().map(|w| &w.drive).collect();
        let now: BTreeMap<String, Focus> = shown
            .into_iter()
            .map(|drive| (drive.clone(), self.together(drive)))
            .collect();
        let drives: BTreeSet<&String> = now.keys().chain(self.focused.keys()).collect();
        let changed = drives
            .into_iter()
            .filter(|drive| now.get(*drive) != self.focused.get(*drive))
            .map(|drive| (drive.clone(), now.get(drive).cloned()))
            .collect();
        self.focused = now;
        changed
    }

    /// What all windows show of a drive. The one that somebody is at, and told last, decides what is
    /// open.
    fn together(&self, drive: &str) -> Focus {
        let mut windows: Vec<&Window> = self
            .windows
            .values()
            .filter(|window| window.drive == drive)
            .collect();
        windows.sort_by_key(|window| (window.idle, std::cmp::Reverse(window.told)));
        let mut focus = Focus {
            folder: windows.iter().find_map(|window| window.folder),
            viewing: windows.iter().find_map(|window| window.node),
            editing: Vec::new(),
            idle: windows.iter().all(|window| window.idle),
        };
        for window in windows.iter().filter(|window| window.editing) {
            if let Some(node) = window.node.filter(|node| !focus.editing.contains(node)) {
                focus.editing.push(node);
            }
        }
        focus
    }
}

impl<M: MountDoor> Host<M> {
    pub(super) fn take_focus(&self, request: &FocusRequest) -> Result<FocusReply, ApiError> {
        if !(1..=MAX_NAME).contains(&request.window.chars().count()) {
            let error = ApiError::new(
                Code::BadRequest,
                "a window has a name of 1 to 64 characters",
            );
            return Err(error);
        }
        let named = |text: &Option<String>| match text {
            Some(_) => node(text.as_deref()).map(Some),
            None => Ok(None),
        };
        let shows = match &request.drive {
            Some(drive) => Some(Window {
                drive: self.drive(drive)?.id().to_string(),
                folder: named(&request.folder)?,
                node: named(&request.node)?,
                editing: request.editing,
                idle: request.idle,
                told: Instant::now(),
            }),
            None => None,
        };
        self.show(self.windows.take(&request.window, shows));
        Ok(FocusReply {})
    }

    pub(super) fn forget_silent_windows(&self) {
        self.show(self.windows.forget_silent(Instant::now()));
    }

    fn show(&self, changed: Vec<(String, Option<Focus>)>) {
        for (drive, focus) in changed {
            if let Ok(drive) = self.drive(&drive) {
                drive.focus(focus);
            }
        }
    }
}

pub(super) fn presence(drive: &DriveHandle) -> PresenceReply {
    let here = drive.presence().borrow().clone();
    PresenceReply {
        drive: drive.id().to_string(),
        here: told(&Names::of(drive), &here),
    }
}

/// Who is here, in the words of doors.
pub(super) fn told(names: &Names, here: &[Here]) -> Vec<Presence> {
    let text = |node: NodeId| node.to_string();
    here.iter()
        .map(|one| {
            let member = one.member.to_string();
            Presence {
                name: names.name(&member).to_owned(),
                member,
                device: one.bind.to_string(),
                you: one.you,
                folder: one.folder.map(text),
                viewing: one.viewing.map(text),
                editing: one.editing.iter().copied().map(text).collect(),
                idle: one.idle,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId([1; 16]);
    const B: NodeId = NodeId([2; 16]);

    fn window(drive: &str, folder: NodeId, told: Instant) -> Window {
        Window {
            drive: drive.into(),
            folder: Some(folder),
            node: None,
            editing: false,
            idle: false,
            told,
        }
    }

    fn focus(folder: NodeId, idle: bool) -> Focus {
        Focus {
            folder: Some(folder),
            idle,
            ..Focus::default()
        }
    }

    #[test]
    fn only_what_changes_is_handed_on() {
        let windows = Windows::default();
        let now = Instant::now();
        let one = || Some(window("d", A, now));
        assert_eq!(
            windows.take("1", one()),
            [("d".into(), Some(focus(A, false)))]
        );
        // Told again, as every ten seconds.
        assert_eq!(windows.take("1", one()), []);
        let other = Some(window("e", B, now));
        assert_eq!(
            windows.take("1", other),
            [("d".into(), None), ("e".into(), Some(focus(B, false)))]
        );
        assert_eq!(windows.take("1", None), [("e".into(), None)]);
        assert_eq!(windows.take("2", None), []);
    }

    #[test]
    fn of_two_windows_the_one_that_somebody_is_at_decides() {
        let windows = Windows::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        windows.take("1", Some(window("d", A, now)));
        let idle = Window {
            idle: true,
            node: Some(B),
            editing: true,
            ..window("d", B, later)
        };
        let both = Focus {
            viewing: Some(B),
            editing: vec![B],
            ..focus(A, false)
        };
        assert_eq!(
            windows.take("2", Some(idle)),
            [("d".into(), Some(both.clone()))]
        );
        let closed = Focus {
            folder: Some(B),
            idle: true,
            ..both
        };
        assert_eq!(windows.take("1", None), [("d".into(), Some(closed))]);
    }

    #[test]
    fn silent_windows_are_forgotten_and_there_are_never_too_many() {
        let windows = Windows::default();
        let now = Instant::now();
        for number in 0..MOST as u64 + 1 {
            let told = now + Duration::from_millis(number);
            windows.take(&format!("{number:03}"), Some(window("d", A, told)));
        }
        assert!(!windows.0.lock().windows.contains_key("000"));
        assert_eq!(windows.forget_silent(now + SILENCE), []);
        let gone = windows.forget_silent(now + SILENCE * 2);
        assert_eq!(gone, [("d".into(), None)]);
    }
}
