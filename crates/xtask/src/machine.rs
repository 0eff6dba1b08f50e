//! What machine this is, in a few words for people. Knows nothing of what runs on it.

use std::fs;
use std::path::Path;

/// Processor, cores, memory, kernel and distribution, in one line.
pub(crate) fn described() -> String {
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = memory() >> 30;
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "?".into());
    let system = field("/etc/os-release", "PRETTY_NAME").unwrap_or_else(|| "unknown system".into());
    format!(
        "{model}, {cores} cores, {memory} GiB of memory, Linux {kernel}, {}",
        system.trim_matches('"')
    )
}

/// Bytes of memory.
pub(crate) fn memory() -> u64 {
    kib("MemTotal")
}

/// Bytes of memory that could be had now.
pub(crate) fn available_memory() -> u64 {
    kib("MemAvailable")
}

/// Bytes that are free on the disk of a path.
pub(crate) fn free(path: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail * disk.f_frsize)
}

/// The kind of file system a path lies on, as the kernel calls it.
pub(crate) fn file_system(path: &Path) -> String {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    table
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn kib(name: &str) -> u64 {
    let value = field("/proc/meminfo", name).unwrap_or_default();
    let number = value
        .split_whitespace()
        .next()
        .and_then(|number| number.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// The value of `name: value` or `name=value` in a file of such lines.
fn field(file: &str, name: &str) -> Option<String> {
    read(file)?.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?.trim_start();
        Some(rest.strip_prefix([':', '='])?.trim().to_owned())
    })
}

fn read(file: &str) -> Option<String> {
    Some(fs::read_to_string(file).ok()?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_a_file_system() {
        assert!(memory() > available_memory() && available_memory() > 0);
        assert_eq!(file_system(Path::new("/proc/self")), "proc");
    }
}
