//! Nothing lost: two devices, random work in both folders at once, cut networks and `kill -9`, and an
//! account of every write. At the end of each round everything that nobody who saw it ended is visible
//! on both, nothing deleted has come back, and no file was ever torn.
//!
//! What an author saw is what was really replaced: files are exchanged with what is in their place, or
//! read through the very handle that writes; and what is deleted is first moved out of the folder.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use peerdrive_tests::{
    Device, Lab, Network, OWN_FOLDER, Random, Requirement, Tree, Witness, missing, within,
};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::lost_account::{Account, Placed, Write};
use crate::{SOON, long_form, together};

/// What every content of this test begins with: no text, so that nothing is merged.
const MAGIC: [u8; 4] = [0, 0xff, 0xfe, b'W'];
/// Above this many files a side rather deletes than writes: a drive of over 100 files would ask first.
const MANY: usize = 60;

struct World<'a> {
    account: Mutex<Account>,
    witnesses: [Witness; 2],
    roots: [&'a Path; 2],
    /// Where things go that are moved out of a folder.
    aside: PathBuf,
}

/// Someone who works in one folder.
struct Author<'a> {
    world: &'a World<'a>,
    side: usize,
    random: Random,
    next: u64,
}

fn contents(write: Write, random: &mut Random) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&write.to_le_bytes());
    // Most of one length, which can be written in place in one go; some of several chunks.
    let len = match random.below(12) {
        0 => 200_000 + random.below(400_000) as usize,
        1 => 0,
        _ => 900,
    };
    bytes.extend(random.bytes(len));
    bytes
}

fn write_in(bytes: &[u8]) -> Option<Write> {
    let number = bytes.strip_prefix(&MAGIC)?.get(..8)?;
    Some(Write::from_le_bytes(number.try_into().ok()?))
}

/// The writes that files in and below `root` hold; each file is read.
fn writes_below(root: &Path) -> Result<BTreeSet<Write>> {
    Ok(placed_below(root)?.into_keys().collect())
}

/// The same, with where they are below `root`.
fn placed_below(root: &Path) -> Result<Placed> {
    let mut all = Placed::new();
    place_below(root, root, &mut all)?;
    Ok(all)
}

fn place_file(top: &Path, file: &Path, all: &mut Placed) -> Result<()> {
    if let Some(write) = write_in(&fs::read(file)?) {
        let path = file.strip_prefix(top)?.display().to_string();
        all.entry(write).or_default().insert(path);
    }
    Ok(())
}

fn place_below(top: &Path, root: &Path, all: &mut Placed) -> Result<()> {
    if root.is_file() {
        return place_file(top, root, all);
    }
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == OWN_FOLDER) {
            continue;
        }
        match path.symlink_metadata() {
            Ok(about) if about.is_dir() => place_below(top, &path, all)?,
            Ok(_) => place_file(top, &path, all)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Author<'_> {
    fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.world
            .account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn root(&self) -> &Path {
        self.world.roots[self.side]
    }

    /// Everything there is now: folders and files, without what nobody of this test made.
    fn look(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (mut folders, mut files) = (vec![self.root().to_owned()], Vec::new());
        let mut at = 0;
        while let Some(folder) = folders.get(at).cloned() {
            at += 1;
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if name == OWN_FOLDER || name.to_string_lossy().ends_with(".swp") {
                    continue;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => files.push(entry.path()),
                    _ => {}
                }
            }
        }
        (folders, files)
    }

    fn one_of(&mut self, paths: &[PathBuf]) -> Option<PathBuf> {
        let at = self.random.below(paths.len() as u64) as usize;
        paths.get(at).cloned()
    }

    fn fresh_name(&mut self, folder: &Path) -> PathBuf {
        // Few names, so that both sides choose the same.
        folder.join(format!("n{}", self.random.below(14)))
    }

    fn aside(&mut self) -> PathBuf {
        self.next += 1;
        self.world
            .aside
            .join(format!("{}-{}", self.side, self.next))
    }

    /// One piece of work. Whatever the other side does meanwhile may make it fail; then nothing happened.
    fn work(&mut self) -> Result<()> {
        let (folders, files) = self.look();
        let dice = self.random.below(100);
        let done = match dice {
            _ if files.len() > MANY => self.delete(&files),
            0..=34 => self.save(&folders, &files, true),
            35..=54 => self.save(&folders, &files, false),
            55..=66 => self.save_in_place(&files),
            67..=76 => self.delete(&files),
            77..=86 => self.rename(&files, &folders),
            87..=92 => self.make_folder(&folders),
            93..=96 => self.rename(&folders[1..], &folders),
            _ => self.delete(&folders[1..]),
        };
        match done {
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(passing) => Ok(()),
            done => done.with_context(|| format!("device {}, at work", self.side)),
        }
    }

    /// A save by "write another, and exchange it with the one that is there", new or over an old one.
    fn save(&mut self, folders: &[PathBuf], files: &[PathBuf], over: bool) -> Result<()> {
        let target = if over { self.one_of(files) } else { None };
        let target = match target {
            Some(target) => target,
            None => {
                let Some(folder) = self.one_of(folders) else {
                    return Ok(());
                };
                self.fresh_name(&folder)
            }
        };
        let shown = target.strip_prefix(self.root())?.display().to_string();
        let write = self.account().begin(self.side, &shown);
        let bytes = contents(write, &mut self.random);
        self.world
            .witnesses
            .iter()
            .for_each(|witness| witness.allow(&bytes));
        self.next += 1;
        let beside = target.with_file_name(format!(".{}-{}.swp", self.side, self.next));
        let done = self.save_over(write, &target, &beside, &bytes);
        if !matches!(done, Ok(true)) {
            self.account().withdraw(write);
            let _ = fs::remove_file(&beside);
        }
        done.map(|_| ())
    }

    fn save_over(
        &mut self,
        write: Write,
        target: &Path,
        beside: &Path,
        bytes: &[u8],
    ) -> Result<bool> {
        fs::write(beside, bytes)?;
        match renameat_with(CWD, beside, CWD, target, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::EXIST) if target.is_file() => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        renameat_with(CWD, beside, CWD, target, RenameFlags::EXCHANGE).map_err(io::Error::from)?;
        if beside.is_dir() {
            // Somebody put a folder there in that moment.
            renameat_with(CWD, beside, CWD, target, RenameFlags::EXCHANGE)
                .map_err(io::Error::from)?;
            return Ok(false);
        }
        if let Some(replaced) = write_in(&fs::read(beside)?) {
            self.account().overwritten(self.side, write, replaced);
        }
        fs::remove_file(beside)?;
        Ok(true)
    }

    /// In one go through a handle, after reading through it what was there.
    fn save_in_place(&mut self, files: &[PathBuf]) -> Result<()> {
        let Some(target) = self.one_of(files) else {
            return Ok(());
        };
        let mut file = OpenOptions::new().read(true).write(true).open(&target)?;
        let mut old = Vec::new();
        file.read_to_end(&mut old)?;
        let Some(replaced) = write_in(&old).filter(|_| old.len() == 912) else {
            return Ok(());
        };
        let shown = target.strip_prefix(self.root())?.display().to_string();
        let write = self.account().begin(self.side, &shown);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&write.to_le_bytes());
        bytes.extend(self.random.bytes(900));
        self.world
            .witnesses
            .iter()
            .for_each(|witness| witness.allow(&bytes));
        self.account().overwritten(self.side, write, replaced);
        Ok(file.write_all_at(&bytes, 0)?)
    }

    /// Out of the folder first: then nobody else writes to it, and what was deleted is certain.
    fn delete(&mut self, paths: &[PathBuf]) -> Result<()> {
        let Some(target) = self.one_of(paths) else {
            return Ok(());
        };
        let aside = self.aside();
        fs::rename(&target, &aside)?;
        for write in writes_below(&aside)? {
            self.account().deleted(self.side, write);
        }
        Ok(())
    }

    fn rename(&mut self, paths: &[PathBuf], folders: &[PathBuf]) -> Result<()> {
        let (Some(from), Some(folder)) = (self.one_of(paths), self.one_of(folders)) else {
            return Ok(());
        };
        let to = self.fresh_name(&folder);
        let within = writes_below(&from)?;
        for write in within {
            self.account().touched(self.side, write);
        }
        renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE).map_err(io::Error::from)?;
        self.account().tell(format!(
            "device {} moved {} to {}",
            self.side,
            from.strip_prefix(self.root())?.display(),
            to.strip_prefix(self.root())?.display()
        ));
        Ok(())
    }

    fn make_folder(&mut self, folders: &[PathBuf]) -> Result<()> {
        let Some(folder) = self.one_of(folders) else {
            return Ok(());
        };
        let path = folder.join(format!("d{}", self.random.below(5)));
        if path.strip_prefix(self.root())?.components().count() > 4 {
            return Ok(());
        }
        Ok(fs::create_dir(path)?)
    }

    fn until(&mut self, end: Instant) -> Result<()> {
        while Instant::now() < end {
            self.work()?;
            // Sometimes in a burst, sometimes after a while.
            let pause = [0, 1, 5, 20, 60, 150][self.random.below(6) as usize];
            thread::sleep(Duration::from_millis(pause));
        }
        Ok(())
    }
}

/// What the other device may cause at any moment.
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, DirectoryNotEmpty, InvalidInput, IsADirectory, NotADirectory, NotFound,
    };
    matches!(
        error.kind(),
        NotFound | AlreadyExists | NotADirectory | IsADirectory | DirectoryNotEmpty | InvalidInput
    )
}

#[test]
fn nothing_is_lost_torn_or_back_from_the_dead() -> Result<()> {
    let test = "nothing_is_lost_torn_or_back_from_the_dead";
    let cut = !missing(
        &format!("{test}, its cut networks"),
        &[Requirement::Namespaces],
    );
    let named = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let rounds = named("PEERDRIVE_ROUNDS").unwrap_or(if long_form() { 200 } else { 8 });
    let least = if long_form() {
        Duration::from_secs(600)
    } else {
        Duration::ZERO
    };
    let (mut random, seed) = Random::from_environment();
    println!("at least {rounds} rounds, PEERDRIVE_SEED={seed}");
    Lab::run(|lab| {
        let mut network = if cut { Some(Network::new()?) } else { None };
        let mut device = |name| match &mut network {
            Some(network) => lab.device_on(name, network.host()?),
            None => lab.device(name),
        };
        let devices = [device("ana")?, device("ben")?];
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let drive = together(lab, &devices[0], &devices[1], &hers, &his)?;
        let world = World {
            account: Mutex::default(),
            witnesses: [Witness::of(&hers, []), Witness::of(&his, [])],
            roots: [&hers, &his],
            aside: lab.folder("aside")?,
        };
        let begun = Instant::now();
        let (mut round, mut cuts, mut kills, mut longest) = (0, 0, 0, Duration::ZERO);
        while round < rounds || begun.elapsed() < least {
            let told = one_round(&world, &devices, &drive, &mut random, cut)
                .with_context(|| format!("round {round} of PEERDRIVE_SEED={seed}"))?;
            (cuts, kills) = (cuts + told.cuts, kills + told.kills);
            longest = longest.max(told.met);
            round += 1;
        }
        let writes = world
            .account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .writes();
        let mut reads = 0;
        for witness in world.witnesses {
            reads += witness.testify()?;
        }
        ensure!(reads > 0 && writes > 0, "nothing happened");
        println!(
            "{round} rounds in {} s, {writes} writes, {cuts} cuts, {kills} kills: 0 lost, 0 torn in {reads} \
             reads, 0 resurrected; the same {} ms after meeting at the latest",
            begun.elapsed().as_secs(),
            longest.as_millis()
        );
        Ok(())
    })
}

struct Told {
    cuts: u32,
    kills: u32,
    met: Duration,
}

fn one_round(
    world: &World<'_>,
    devices: &[Device; 2],
    drive: &str,
    random: &mut Random,
    cut: bool,
) -> Result<Told> {
    let mut told = Told {
        cuts: 0,
        kills: 0,
        met: Duration::ZERO,
    };
    let end = Instant::now() + Duration::from_millis(600 + random.below(900));
    let seeds = [random.number(), random.number()];
    let severed = if cut && random.below(2) == 0 {
        devices[1].host()
    } else {
        None
    };
    if let Some(host) = severed {
        host.cut()?;
        told.cuts += 1;
    }
    thread::scope(|scope| -> Result<()> {
        let authors: Vec<_> = (0..2)
            .map(|side| {
                let random = Random::new(seeds[side]);
                let next = seeds[side] >> 20;
                let mut author = Author {
                    world,
                    side,
                    random,
                    next,
                };
                scope.spawn(move || author.until(end))
            })
            .collect();
        for (side, device) in devices.iter().enumerate() {
            if random.below(3) == 0 {
                thread::sleep(Duration::from_millis(random.below(700)));
                device.kill()?;
                let mut account = world.account.lock().unwrap_or_else(PoisonError::into_inner);
                account.tell(format!("the daemon of device {side} was killed"));
                drop(account);
                thread::sleep(Duration::from_millis(random.below(200)));
                device.start()?;
                let mut account = world.account.lock().unwrap_or_else(PoisonError::into_inner);
                account.tell(format!("the daemon of device {side} is back"));
                told.kills += 1;
            }
        }
        for author in authors {
            match author.join() {
                Ok(done) => done?,
                Err(_) => bail!("an author panicked"),
            }
        }
        Ok(())
    })?;
    if let Some(host) = severed {
        host.heal()?;
    }
    let all_is_well = || -> Result<Option<()>> {
        let trees = [Tree::read(world.roots[0])?, Tree::read(world.roots[1])?];
        trees[0].same_as(&trees[1])?;
        let visible = placed_below(world.roots[0])?;
        let account = world.account.lock().unwrap_or_else(PoisonError::into_inner);
        let (lost, back) = (account.lost(&visible), account.resurrected(&visible));
        ensure!(lost.is_empty(), "lost: {lost:?}; there is {:?}", trees[0]);
        ensure!(
            back.is_empty(),
            "came back: {back:?}; there is {:?}",
            trees[0]
        );
        drop(account);
        let statuses = [devices[0].status(drive)?, devices[1].status(drive)?];
        ensure!(
            statuses[0].view_hash == statuses[1].view_hash,
            "different drives: {statuses:?}"
        );
        for status in &statuses {
            let idle = status.pending_up == 0 && status.pending_down == 0;
            ensure!(
                idle && status.problems.is_empty(),
                "not at rest: {status:?}"
            );
        }
        Ok(Some(()))
    };
    let met = within(
        SOON * 2,
        "both are the same and nothing is lost",
        all_is_well,
    );
    let ((), met) = met.with_context(|| {
        let told = devices.iter().map(|device| device.status(drive));
        let account = world.account.lock().unwrap_or_else(PoisonError::into_inner);
        format!(
            "what the devices say: {:?}\nwhat happened:\n{}\nwhere writes are: {:?}",
            told.collect::<Vec<_>>(),
            account.story(),
            world.roots.map(placed_below)
        )
    })?;
    told.met = met;
    world
        .account
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .next_round(placed_below(world.roots[0])?);
    Ok(told)
}
