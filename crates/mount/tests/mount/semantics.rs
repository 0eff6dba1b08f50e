//! `docs/SEMANTICS.md`, section by section: each test begins with its section's first sentence.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{CWD, FallocateFlags, FileType, FlockOperation, Mode, RenameFlags, XattrFlags};
use rustix::io::Errno;

use crate::support::mounted::{TestMount, eventually};
use crate::support::{MemoryVolume, TestResult};

/// How something failed.
fn errno<T>(outcome: std::io::Result<T>) -> Option<Errno> {
    outcome.err().as_ref().and_then(Errno::from_io_error)
}

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// The first sentence under every heading of the page.
fn sections() -> Vec<(String, String)> {
    let page = include_str!("../../../../docs/SEMANTICS.md");
    let sections = page.split("\n## ").skip(1);
    let first = |section: &str| {
        let (heading, text) = section.split_once('\n')?;
        let paragraph = text.trim().split("\n\n").next()?.replace('\n', " ");
        let sentence = paragraph
            .split(". ")
            .next()?
            .trim_end_matches('.')
            .to_owned();
        Some((heading.to_owned(), sentence))
    };
    sections.filter_map(first).collect()
}

#[test]
fn every_section_has_its_test() -> TestResult {
    let source = include_str!("semantics.rs");
    let mut comments = Vec::new();
    let mut comment = String::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            comment = format!("{comment}{text} ");
        } else {
            if line == "#[test]" {
                comments.push(std::mem::take(&mut comment));
            }
            comment.clear();
        }
    }
    assert!(sections().len() > 20);
    for (heading, sentence) in sections() {
        let pinned = comments
            .iter()
            .filter(|comment| comment.contains(&sentence))
            .count();
        assert_eq!(pinned, 1, "section {heading:?} begins {sentence:?}");
    }
    Ok(())
}

/// When `close` or `fsync` returns, the file is in the drive and durable on this device.
#[test]
fn close_and_fsync() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let mut file = File::create(drive.path("file"))?;
    file.write_all(b"one")?;
    file.sync_all()?;
    assert_eq!(drive.volume.bytes("file").as_deref(), Some(&b"one"[..]));
    file.write_all(b" two")?;
    assert_eq!(drive.volume.bytes("file").as_deref(), Some(&b"one"[..]));
    drop(file);
    assert_eq!(drive.volume.bytes("file").as_deref(), Some(&b"one two"[..]));
    // Closing what was only read, or not written, is no edit.
    let edits = drive.volume.edits();
    drop(
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(drive.path("file"))?,
    );
    std::fs::read(drive.path("file"))?;
    assert_eq!(drive.volume.edits(), edits);
    // A full disk is said by close(2).
    drive.volume.set_full(true);
    let file = File::create(drive.path("too much"))?;
    file.write_all_at(b"x", 0)?;
    assert_eq!(errno(file.sync_all()), Some(Errno::NOSPC));
    Ok(())
}

/// A file that is being written for the first time is not in the drive before it is closed or fsynced.
#[test]
fn new_files() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let mut file = File::create(drive.path("new"))?;
    file.write_all(b"half")?;
    assert!(drive.volume.at("new").is_none());
    assert_eq!(std::fs::read(drive.path("new"))?, b"half");
    assert_eq!(names(&drive.path(""))?, ["new"]);
    assert_eq!(
        errno(std::fs::create_dir(drive.path("new"))),
        Some(Errno::EXIST)
    );
    std::fs::rename(drive.path("new"), drive.path("newer"))?;
    assert!(drive.volume.at("newer").is_none());
    File::open(drive.path(""))?.sync_all()?;
    assert_eq!(drive.volume.bytes("newer").as_deref(), Some(&b"half"[..]));
    file.write_all(b" and half")?;
    drop(file);
    assert_eq!(
        drive.volume.bytes("newer").as_deref(),
        Some(&b"half and half"[..])
    );
    // What is deleted before it was closed has never been there.
    let edits = drive.volume.edits();
    let scratch = File::create(drive.path("scratch"))?;
    std::fs::remove_file(drive.path("scratch"))?;
    drop(scratch);
    assert_eq!(drive.volume.edits(), edits);
    Ok(())
}

/// A file that is open keeps the version it was opened with.
#[test]
fn reading_while_others_write() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("file");
    std::fs::write(&path, b"old")?;
    let open = File::open(&path)?;
    drive.volume.remote_write("file", b"new and longer");
    eventually("the name has the new version", || {
        std::fs::read(&path).is_ok_and(|read| read == b"new and longer")
    })?;
    let mut old = String::new();
    (&open).read_to_string(&mut old)?;
    assert_eq!(old, "old");
    assert_ne!(open.metadata()?.ino(), std::fs::metadata(&path)?.ino());
    drop(open);
    let ino = std::fs::metadata(&path)?.ino();
    drive.volume.remote_write("file", b"newest");
    eventually("the newest version shows", || {
        std::fs::read(&path).is_ok_and(|read| read == b"newest")
    })?;
    assert_eq!(std::fs::metadata(&path)?.ino(), ino);
    Ok(())
}

/// If a new version arrives while a file is being written here, both are kept.
#[test]
fn writing_while_others_write() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("a.txt"), b"base")?;
    let file = OpenOptions::new().write(true).open(drive.path("a.txt"))?;
    file.write_all_at(b"ours", 0)?;
    drive.volume.remote_write("a.txt", b"theirs");
    drop(file);
    assert_eq!(drive.volume.bytes("a.txt").as_deref(), Some(&b"ours"[..]));
    eventually("the copy shows", || {
        names(&drive.path("")).is_ok_and(|names| names.len() == 2)
    })?;
    let all = names(&drive.path(""))?;
    let copy = all.iter().find(|name| *name != "a.txt").ok_or("no copy")?;
    assert!(copy.starts_with("a (conflict "), "{copy}");
    assert_eq!(std::fs::read(drive.path(copy))?, b"theirs");
    Ok(())
}

/// A file that is deleted while open stays readable and writable until it is closed.
#[test]
fn deleting_open_files() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("file"), b"bytes")?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(drive.path("file"))?;
    std::fs::remove_file(drive.path("file"))?;
    std::fs::write(drive.path("file"), b"another")?;
    file.write_all_at(b"B", 0)?;
    let mut read = [0; 5];
    file.read_exact_at(&mut read, 0)?;
    assert_eq!(&read, b"Bytes");
    assert_eq!(file.metadata()?.nlink(), 0);
    drop(file);
    assert_eq!(drive.volume.bytes("file").as_deref(), Some(&b"another"[..]));
    assert_eq!(std::fs::read(drive.path("file"))?, b"another");
    Ok(())
}

/// Renaming over a file replaces it at once, and the file that had the name keeps its identity and
/// history in the drive.
#[test]
fn renaming_over_a_file() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("doc"), b"old")?;
    let node = drive.volume.at("doc").ok_or("no node")?.id;
    let old = File::open(drive.path("doc"))?;
    std::fs::write(drive.path("doc.tmp"), b"new")?;
    std::fs::set_permissions(drive.path("doc.tmp"), Permissions::from_mode(0o600))?;
    let new = OpenOptions::new()
        .append(true)
        .open(drive.path("doc.tmp"))?;
    let ino = std::fs::metadata(drive.path("doc.tmp"))?.ino();
    std::fs::rename(drive.path("doc.tmp"), drive.path("doc"))?;
    let attr = drive.volume.at("doc").ok_or("no node")?;
    assert_eq!((attr.id, attr.mode), (node, 0o600));
    assert_eq!(std::fs::read(drive.path("doc"))?, b"new");
    assert_eq!(std::fs::metadata(drive.path("doc"))?.ino(), ino);
    assert!(!drive.path("doc.tmp").exists());
    let mut read = String::new();
    (&old).read_to_string(&mut read)?;
    assert_eq!(read, "old");
    // The handle of the temporary file is a handle of the file now.
    (&new).write_all(b"er")?;
    drop(new);
    assert_eq!(drive.volume.bytes("doc").as_deref(), Some(&b"newer"[..]));
    assert_eq!(drive.volume.at("doc").ok_or("no node")?.id, node);
    Ok(())
}

/// `RENAME_NOREPLACE` and `RENAME_EXCHANGE` work; `RENAME_WHITEOUT` is `EINVAL`.
#[test]
fn renaming_without_replacing_and_exchanging() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let (a, b) = (drive.path("a"), drive.path("b"));
    std::fs::write(&a, b"a")?;
    std::fs::create_dir(&b)?;
    std::fs::write(b.join("in b"), b"")?;
    let rename = |flags| rustix::fs::renameat_with(CWD, &a, CWD, &b, flags);
    assert_eq!(rename(RenameFlags::NOREPLACE), Err(Errno::EXIST));
    rename(RenameFlags::EXCHANGE)?;
    assert_eq!(std::fs::read(&b)?, b"a");
    assert!(a.join("in b").exists());
    let c = drive.path("c");
    let whiteout = rustix::fs::renameat_with(CWD, &b, CWD, &c, RenameFlags::WHITEOUT);
    assert_eq!(whiteout, Err(Errno::INVAL));
    rustix::fs::renameat_with(CWD, &b, CWD, &c, RenameFlags::NOREPLACE)?;
    assert_eq!(drive.volume.bytes("c").as_deref(), Some(&b"a"[..]));
    Ok(())
}

/// Files can be mapped, shared and private, for reading and writing.
#[test]
fn memory_mapped_files() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("mapped"), vec![b'.'; 10_000])?;
    // Writes "peer" at 5,000 through a shared mapping, after the descriptor was closed.
    let script = "import mmap,os,sys\n\
        f=os.open(sys.argv[1],os.O_RDWR)\n\
        m=mmap.mmap(f,0)\n\
        os.close(f)\n\
        m[5000:5004]=b'peer'\n\
        assert open(sys.argv[1],'rb').read()[5000:5004]==b'peer'\n\
        m.close()\n";
    let python = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(drive.path("mapped"))
        .status();
    if python.is_err() {
        return Ok(());
    }
    assert!(python?.success());
    eventually("the mapping's writes are in the drive", || {
        drive
            .volume
            .bytes("mapped")
            .is_some_and(|bytes| &bytes[5_000..5_004] == b"peer")
    })?;
    assert_eq!(
        drive.volume.bytes("mapped").map(|bytes| bytes.len()),
        Some(10_000)
    );
    Ok(())
}

/// Names are UTF-8 of at most 255 bytes, and names that differ only in Unicode composition are the same
/// name.
#[test]
fn names_of_files() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let raw = drive.path(OsStr::from_bytes(b"\xff\xfe"));
    assert_eq!(errno(File::create(raw)), Some(Errno::ILSEQ));
    assert_eq!(
        errno(File::create(drive.path("x".repeat(256)))),
        Some(Errno::NAMETOOLONG)
    );
    File::create(drive.path("x".repeat(255)))?;
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    std::fs::write(drive.path(composed), b"one file")?;
    assert_eq!(std::fs::read(drive.path(decomposed))?, b"one file");
    let twice = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(drive.path(decomposed));
    assert_eq!(errno(twice), Some(Errno::EXIST));
    assert!(names(&drive.path(""))?.contains(&composed.to_owned()));
    std::fs::remove_file(drive.path(decomposed))?;
    assert!(!drive.path(decomposed).exists());
    eventually("the other spelling is gone too", || {
        !drive.path(composed).exists()
    })?;
    std::fs::write(drive.path("Case"), b"1")?;
    std::fs::write(drive.path("case"), b"2")?;
    assert_eq!(std::fs::read(drive.path("Case"))?, b"1");
    Ok(())
}

/// Every file belongs to the user who mounted the drive.
#[test]
fn owners() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("file");
    std::fs::write(&path, b"")?;
    let (uid, gid) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    assert_eq!(
        (
            std::fs::metadata(&path)?.uid(),
            std::fs::metadata(&path)?.gid()
        ),
        (uid, gid)
    );
    std::os::unix::fs::chown(&path, Some(uid), Some(gid))?;
    let other = std::os::unix::fs::chown(&path, Some(uid + 1), None);
    assert_eq!(errno(other), Some(Errno::PERM));
    Ok(())
}

/// The nine permission bits are kept and shared; setuid, setgid and sticky bits are refused with
/// `EPERM`.
#[test]
fn permission_bits() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("file");
    std::fs::write(&path, b"")?;
    for mode in [0o600, 0o755, 0o444, 0o777] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode))?;
        assert_eq!(std::fs::metadata(&path)?.mode() & 0o7777, mode);
        assert_eq!(drive.volume.at("file").ok_or("no node")?.mode, mode);
    }
    for mode in [0o4755, 0o2755, 0o1777] {
        let refused = std::fs::set_permissions(&path, Permissions::from_mode(mode));
        assert_eq!(errno(refused), Some(Errno::PERM));
    }
    Ok(())
}

/// Hard links, devices, FIFOs and sockets are refused with `EPERM`.
#[test]
fn hard_links_and_special_files() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("file"), b"")?;
    let link = std::fs::hard_link(drive.path("file"), drive.path("link"));
    assert_eq!(errno(link), Some(Errno::PERM));
    let node = |name, kind| rustix::fs::mknodat(CWD, drive.path(name), kind, Mode::RUSR, 0);
    assert_eq!(node("fifo", FileType::Fifo), Err(Errno::PERM));
    if rustix::process::geteuid().is_root() {
        assert_eq!(node("device", FileType::CharacterDevice), Err(Errno::PERM));
    }
    let socket = std::os::unix::net::UnixListener::bind(drive.path("socket"));
    assert_eq!(errno(socket), Some(Errno::PERM));
    node("plain", FileType::RegularFile)?;
    assert!(drive.volume.at("plain").is_some());
    Ok(())
}

/// Modification times are kept to the nanosecond; access times are not kept and show the modification
/// time.
#[test]
fn times() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("file");
    std::fs::write(&path, b"x")?;
    let before = std::fs::metadata(&path)?;
    let then = UNIX_EPOCH + Duration::new(1_000_000, 123_456_789);
    File::open(&path)?.set_modified(then)?;
    let after = std::fs::metadata(&path)?;
    assert_eq!(after.modified()?, then);
    assert_eq!(after.accessed()?, then);
    assert_eq!(after.ctime(), before.mtime());
    assert_eq!(
        drive.volume.at("file").ok_or("no node")?.mtime_ns,
        1_000_000_123_456_789
    );
    // A time set before closing belongs to what was written.
    let file = File::create(drive.path("copied"))?;
    file.write_all_at(b"copied", 0)?;
    file.set_modified(then)?;
    drop(file);
    assert_eq!(std::fs::metadata(drive.path("copied"))?.modified()?, then);
    let root = std::fs::metadata(drive.path(""))?.modified()?;
    std::thread::sleep(Duration::from_millis(5));
    std::fs::create_dir(drive.path("folder"))?;
    assert!(std::fs::metadata(drive.path(""))?.modified()? > root);
    Ok(())
}

/// A folder's link count is two and one for each folder in it, and a file's is one.
#[test]
fn link_counts() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let links = |path: &str| std::fs::metadata(drive.path(path)).map(|stat| stat.nlink());
    assert_eq!(links("")?, 2);
    std::fs::create_dir_all(drive.path("a/b"))?;
    std::fs::create_dir(drive.path("a/c"))?;
    std::fs::write(drive.path("a/file"), b"")?;
    assert_eq!(
        (links("")?, links("a")?, links("a/b")?, links("a/file")?),
        (3, 4, 2, 1)
    );
    std::fs::rename(drive.path("a/b"), drive.path("b"))?;
    assert_eq!((links("")?, links("a")?), (4, 3));
    std::fs::remove_dir(drive.path("b"))?;
    assert_eq!(links("")?, 3);
    Ok(())
}

/// A listing that is continued shows every name that was there all the time exactly once, whatever
/// appears and disappears meanwhile.
#[test]
fn listing_folders() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    for number in 0..2_000 {
        let kind = if number % 2 == 0 { "stays" } else { "goes" };
        drive.volume.remote_write(&format!("{kind}-{number}"), b"");
    }
    let mut seen = Vec::new();
    eventually("all are listed", || {
        names(&drive.path("")).is_ok_and(|names| names.len() == 2_000)
    })?;
    for (at, entry) in std::fs::read_dir(drive.path(""))?.enumerate() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if at % 10 == 0 {
            let odd = at + 1;
            let _ = std::fs::remove_file(drive.path(format!("goes-{odd}")));
            std::fs::write(drive.path(format!("comes-{at}")), b"")?;
        }
        seen.push(name);
    }
    let mut stayed: Vec<_> = seen
        .iter()
        .filter(|name| name.starts_with("stays-"))
        .collect();
    stayed.sort();
    let listed = stayed.len();
    stayed.dedup();
    assert_eq!((stayed.len(), listed), (1_000, 1_000));
    Ok(())
}

/// Attributes in `user.` of at most 4,096 bytes are kept and shared; all other namespaces are
/// `EOPNOTSUPP`.
#[test]
fn extended_attributes() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let path = drive.path("file");
    std::fs::write(&path, b"")?;
    let set =
        |key: &str, value: &[u8]| rustix::fs::setxattr(&path, key, value, XattrFlags::empty());
    set("user.colour", b"blue")?;
    set("user.large", &[1; 4_096])?;
    assert_eq!(set("user.too.large", &[1; 4_097]), Err(Errno::RANGE));
    assert_eq!(set("trusted.colour", b"blue"), Err(Errno::OPNOTSUPP));
    let mut value = [0; 64];
    let len = rustix::fs::getxattr(&path, "user.colour", &mut value)?;
    assert_eq!(&value[..len], b"blue");
    let node = drive.volume.at("file").ok_or("no node")?.id;
    let shared = peerdrive_mount::Volume::xattrs(&drive.volume, node);
    assert_eq!(shared.len(), 2);
    rustix::fs::removexattr(&path, "user.colour")?;
    let gone = rustix::fs::getxattr(&path, "user.colour", &mut value);
    assert_eq!(gone, Err(Errno::NODATA));
    Ok(())
}

/// A symlink is kept as text of at most 4,095 bytes and never followed by PeerDrive itself.
#[test]
fn symlinks() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let target = "/nowhere/".to_owned() + &"x".repeat(4_086);
    std::os::unix::fs::symlink(&target, drive.path("link"))?;
    assert_eq!(std::fs::read_link(drive.path("link"))?, Path::new(&target));
    assert_eq!(std::fs::symlink_metadata(drive.path("link"))?.len(), 4_095);
    std::fs::write(drive.path("file"), b"through")?;
    std::os::unix::fs::symlink("file", drive.path("inside"))?;
    assert_eq!(std::fs::read(drive.path("inside"))?, b"through");
    std::fs::remove_file(drive.path("inside"))?;
    assert!(drive.path("file").exists());
    Ok(())
}

/// `flock` and POSIX locks work between programs on this machine, and say nothing to others.
#[test]
fn locks() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("file"), b"")?;
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(drive.path("file"))
    };
    let (first, second) = (open()?, open()?);
    rustix::fs::flock(&first, FlockOperation::LockExclusive)?;
    let taken = rustix::fs::flock(&second, FlockOperation::NonBlockingLockExclusive);
    assert_eq!(taken, Err(Errno::WOULDBLOCK));
    rustix::fs::flock(&first, FlockOperation::Unlock)?;
    rustix::fs::flock(&second, FlockOperation::NonBlockingLockExclusive)?;
    rustix::fs::fcntl_lock(&first, FlockOperation::NonBlockingLockExclusive)?;
    drive.volume.remote_write("file", b"nothing holds them");
    assert_eq!(
        drive.volume.bytes("file").as_deref(),
        Some(&b"nothing holds them"[..])
    );
    Ok(())
}

/// `fallocate` extends files, punches holes and writes zeros; other modes are `EOPNOTSUPP`.
#[test]
fn preallocation() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("file"), vec![7; 10_000])?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(drive.path("file"))?;
    let allocate = |flags, offset, len| rustix::fs::fallocate(&file, flags, offset, len);
    allocate(FallocateFlags::empty(), 0, 20_000)?;
    assert_eq!(file.metadata()?.len(), 20_000);
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    allocate(hole, 1_000, 2_000)?;
    assert_eq!(
        allocate(FallocateFlags::COLLAPSE_RANGE, 0, 4_096),
        Err(Errno::OPNOTSUPP)
    );
    drop(file);
    let mut wanted = vec![7; 10_000];
    wanted[1_000..3_000].fill(0);
    wanted.resize(20_000, 0);
    assert_eq!(std::fs::read(drive.path("file"))?, wanted);
    assert_eq!(drive.volume.bytes("file").as_deref(), Some(&wanted[..]));
    Ok(())
}

/// `statfs` shows what the drive holds and what is free on the disk where files are written first.
#[test]
fn free_space() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("file"), vec![1; 409_600])?;
    let all = rustix::fs::statvfs(drive.path(""))?;
    assert!(all.f_bavail > 0);
    assert!(all.f_blocks - all.f_bfree >= 100);
    assert_eq!(all.f_namemax, 255);
    Ok(())
}

/// `inotify` reports what programs on this machine do, and not what others do.
#[test]
fn notifications() -> TestResult {
    use rustix::fs::inotify;
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
    let events = inotify::WatchFlags::CREATE | inotify::WatchFlags::CLOSE_WRITE;
    inotify::add_watch(&watch, drive.path(""), events)?;
    drive.volume.remote_write("theirs", b"x");
    eventually("it shows", || drive.path("theirs").exists())?;
    let mut buffer = [0; 4_096];
    assert_eq!(rustix::io::read(&watch, &mut buffer), Err(Errno::AGAIN));
    std::fs::write(drive.path("mine"), b"x")?;
    assert!(rustix::io::read(&watch, &mut buffer)? > 0);
    Ok(())
}

/// For a member who may only read, and on a mount with the option `read_only`, every change is `EROFS`.
#[test]
fn reading_only() -> TestResult {
    let Some(drive) = TestMount::new()? else {
        return Ok(());
    };
    std::fs::write(drive.path("file"), b"readable")?;
    drive.volume.set_can_write(false);
    let path = drive.path("file");
    assert_eq!(std::fs::read(&path)?, b"readable");
    let open = OpenOptions::new().append(true).open(&path);
    assert_eq!(errno(open), Some(Errno::ROFS));
    let changes = [
        errno(File::create(drive.path("new"))),
        errno(std::fs::create_dir(drive.path("folder"))),
        errno(std::fs::remove_file(&path)),
        errno(std::fs::rename(&path, drive.path("else"))),
        errno(std::os::unix::fs::symlink("x", drive.path("link"))),
        errno(std::fs::set_permissions(
            &path,
            Permissions::from_mode(0o600),
        )),
    ];
    assert_eq!(changes, [Some(Errno::ROFS); 6]);
    drop(drive);
    let volume = MemoryVolume::new();
    volume.remote_write("file", b"readable");
    let Some(drive) = TestMount::of(volume, |options| options.read_only = true)? else {
        return Ok(());
    };
    assert_eq!(std::fs::read(drive.path("file"))?, b"readable");
    assert_eq!(errno(File::create(drive.path("new"))), Some(Errno::ROFS));
    Ok(())
}

/// A read of bytes that no reachable device has is `EIO`, after at most 30 seconds.
#[test]
fn contents_that_nobody_has() -> TestResult {
    let volume = MemoryVolume::new();
    volume.remote_write("far", b"far away");
    volume.remote_write("slow", b"never arrives");
    volume.make_unreachable("far");
    let wait = Duration::from_millis(200);
    let Some(drive) = TestMount::of(volume, |options| options.read_timeout = wait)? else {
        return Ok(());
    };
    assert_eq!(errno(std::fs::read(drive.path("far"))), Some(Errno::IO));
    std::fs::rename(drive.path("far"), drive.path("farther"))?;
    std::fs::remove_file(drive.path("farther"))?;
    drive.volume.set_slowness(Duration::from_secs(3_600));
    let begun = std::time::Instant::now();
    assert_eq!(errno(std::fs::read(drive.path("slow"))), Some(Errno::IO));
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    Ok(())
}

/// A file keeps its inode number while it is in use, and as a rule from mount to mount.
#[test]
fn inode_numbers() -> TestResult {
    let Some(mut drive) = TestMount::new()? else {
        return Ok(());
    };
    drive.volume.remote_write("file", b"x");
    let ino =
        |drive: &TestMount, name: &str| std::fs::metadata(drive.path(name)).map(|stat| stat.ino());
    let before = ino(&drive, "file")?;
    std::fs::rename(drive.path("file"), drive.path("renamed"))?;
    std::fs::write(drive.path("renamed"), b"written anew")?;
    assert_eq!(ino(&drive, "renamed")?, before);
    drive.remount()?;
    assert_eq!(ino(&drive, "renamed")?, before);
    Ok(())
}
