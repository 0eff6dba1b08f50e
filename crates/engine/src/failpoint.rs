//! Places at which a test may have this process killed, to see what a crash there leaves behind. In
//! release builds they are nothing.

/// Ends the process at once, as `kill -9` does, if `PEERDRIVE_FAIL` names this place. `name:3` is the
/// third time that it is passed.
#[cfg(debug_assertions)]
pub(crate) fn pass(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let wanted = std::env::var("PEERDRIVE_FAIL").ok()?;
        Some(match wanted.rsplit_once(':') {
            Some((name, times)) => (name.to_owned(), times.parse().unwrap_or(1)),
            None => (wanted, 1),
        })
    });
    if let Some((wanted, times)) = wanted
        && wanted == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *times
        && let Some(own) = i32::try_from(std::process::id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
    {
        tracing::error!(name, "killed, as a test wants it");
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn pass(_: &str) {}
