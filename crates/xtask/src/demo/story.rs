//! What happens in the demo, in order. Knows three devices and where each of them keeps the drive.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Door, Kind, Lab, Role, Tree, sources};

use super::telling::{bytes, chapter, command, count, line, millis, seen};
use crate::interrupt::Interrupt;

/// How long anything may take that takes well under a second: a limit for a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

/// One person with a device, and the place where the drive is.
struct Person {
    name: &'static str,
    device: Device,
    place: PathBuf,
}

/// The demo after everything was shown: all devices run.
pub(crate) struct Story {
    ana: Person,
    ben: Person,
    cleo: Person,
    mounted: bool,
    drive: String,
    chapter: u32,
}

impl Person {
    fn at(&self, path: &str) -> PathBuf {
        self.place.join(path)
    }

    fn reads(&self, path: &str, text: &str) -> bool {
        fs::read(self.at(path)).is_ok_and(|found| found == text.as_bytes())
    }

    fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.at(path)).is_ok()
    }
}

impl Story {
    /// Shows everything.
    pub(crate) fn tell(
        lab: &Lab,
        files: usize,
        mounted: bool,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let mut story = Self::begin(lab, files, mounted, interrupt)?;
        story.edits(interrupt)?;
        story.renames(interrupt)?;
        story.offline(lab, interrupt)?;
        story.at_once(lab, interrupt)?;
        story.compare(lab)?;
        Ok(story)
    }

    fn begin(lab: &Lab, files: usize, mounted: bool, interrupt: &Interrupt) -> Result<Self> {
        let mut number = 0;
        let folder = lab.folder("ana/Workshop")?;
        sample(&folder, files)?;
        let sample = Tree::read(&folder)?;
        let size: u64 = sample.iter().map(|(_, entry)| entry.size).sum();

        chapter(&mut number, "Ana shares a folder");
        let ana = Person {
            name: "Ana",
            device: lab.device("Ana")?,
            place: folder.clone(),
        };
        command("ana ", &format!("peerdrive share {}", folder.display()));
        let start = Instant::now();
        let shared = ana.device.share(&folder)?;
        ana.device.wait(&shared.drive)?;
        let all = format!(
            "{} files, {}, taken in and encrypted",
            count(sample.files() as u64),
            bytes(size)
        );
        seen(start.elapsed(), &all);
        command(
            "ana ",
            &format!("peerdrive invite {} --role writer", shared.name),
        );
        let ticket = ana.device.invite(&shared.drive, Role::Writer)?;
        line(&format!(
            "{}…  ({} characters, to be passed on in private)",
            head(&ticket, 40),
            ticket.len()
        ));
        interrupt.check()?;

        chapter(&mut number, "Ben joins, and keeps the drive as a folder");
        let ben = Person {
            name: "Ben",
            device: lab.device("Ben")?,
            place: lab.path("ben/Workshop"),
        };
        command(
            "ben ",
            &format!("peerdrive join <ticket> {}", ben.place.display()),
        );
        let start = Instant::now();
        ben.device.join(&ticket, Door::Folder(&ben.place))?;
        seen(start.elapsed(), "the whole tree is known");
        let files: Vec<(&str, u64)> = sample
            .iter()
            .filter(|(_, entry)| entry.kind == Kind::File)
            .map(|(path, entry)| (path, entry.size))
            .collect();
        interrupt.until(SOON * 5, "all files arrive", || {
            files.iter().all(|(path, size)| {
                fs::symlink_metadata(ben.at(path)).is_ok_and(|about| about.len() == *size)
            })
        })?;
        seen(start.elapsed(), "all files are there");
        lab.converge(&[&ana.device, &ben.device], &shared.drive)?;
        sample
            .same_as(&Tree::read(&ben.place)?)
            .context("Ben's folder differs from Ana's")?;
        line("every byte compared: the same");

        let how = if mounted {
            "mounts the drive"
        } else {
            "keeps it as a folder"
        };
        chapter(&mut number, &format!("Cleo joins, and {how}"));
        let cleo = Person {
            name: "Cleo",
            device: lab.device("Cleo")?,
            place: lab.path("cleo/Workshop"),
        };
        let start = Instant::now();
        if mounted {
            command(
                "cleo",
                &format!("peerdrive join <ticket> --mount {}", cleo.place.display()),
            );
            cleo.device.join(&ticket, Door::Mount(&cleo.place))?;
            seen(
                start.elapsed(),
                "mounted: every file is listed, contents come when they are read",
            );
            let (path, size) = files
                .iter()
                .max_by_key(|(_, size)| *size)
                .context("a largest file")?;
            let start = Instant::now();
            let read =
                fs::read(cleo.at(path)).with_context(|| format!("Cleo cannot read {path}"))?;
            seen(start.elapsed(), &format!("read {path} ({})", bytes(*size)));
            ensure!(
                fs::read(ana.at(path))? == read,
                "Cleo reads other bytes than Ana wrote"
            );
        } else {
            command(
                "cleo",
                &format!("peerdrive join <ticket> {}", cleo.place.display()),
            );
            cleo.device.join(&ticket, Door::Folder(&cleo.place))?;
            lab.converge(&[&ana.device, &cleo.device], &shared.drive)?;
            seen(start.elapsed(), "all files are there");
        }
        Ok(Self {
            ana,
            ben,
            cleo,
            mounted,
            drive: shared.drive,
            chapter: number,
        })
    }

    fn people(&self) -> [&Person; 3] {
        [&self.ana, &self.ben, &self.cleo]
    }

    /// Waits until each of `people` sees something, and tells when each did. The clock of each starts
    /// at `start`.
    fn watch(
        people: [&Person; 2],
        start: Instant,
        what: &str,
        interrupt: &Interrupt,
        sees: impl Fn(&Person) -> bool,
    ) -> Result<()> {
        let mut times = [None, None];
        interrupt.until(SOON, what, || {
            for (person, time) in people.iter().zip(&mut times) {
                if time.is_none() && sees(person) {
                    *time = Some(start.elapsed());
                }
            }
            times.iter().all(Option::is_some)
        })?;
        let [one, two] = times.map(Option::unwrap_or_default);
        seen(
            one.max(two),
            &format!(
                "{what}: {} after {}, {} after {}",
                people[0].name,
                millis(one),
                people[1].name,
                millis(two)
            ),
        );
        Ok(())
    }

    fn edits(&mut self, interrupt: &Interrupt) -> Result<()> {
        chapter(
            &mut self.chapter,
            "Each of them writes, the two others see it",
        );
        for author in 0..3 {
            let people = self.people();
            let (writer, others) = (
                people[author],
                [people[(author + 1) % 3], people[(author + 2) % 3]],
            );
            let path = format!("notes/{} says.md", writer.name);
            let text = format!("# {}\n\nWritten on one device, read on all.\n", writer.name);
            let start = Instant::now();
            fs::write(writer.at(&path), &text)?;
            let what = format!("{} saves \"{path}\"", writer.name);
            Self::watch(others, start, &what, interrupt, |person| {
                person.reads(&path, &text)
            })?;
        }
        Ok(())
    }

    fn renames(&mut self, interrupt: &Interrupt) -> Result<()> {
        let files = count(Tree::read(&self.ana.at("sources"))?.files() as u64);
        chapter(
            &mut self.chapter,
            "A folder gets a new name while a file in it is being edited",
        );
        let (ana, ben, cleo) = (&self.ana, &self.ben, &self.cleo);
        let text = "Ben edited this while Ana renamed the folder around it.\n";
        let start = Instant::now();
        fs::write(ben.at("sources/ben was here.txt"), text)?;
        fs::rename(ana.at("sources"), ana.at("library"))?;
        Self::watch(
            [ben, cleo],
            start,
            &format!("Ana renames a folder of {files} files"),
            interrupt,
            |person| person.has("library") && !person.has("sources"),
        )?;
        Self::watch(
            [ana, cleo],
            start,
            "Ben's edit is in the renamed folder",
            interrupt,
            |person| person.reads("library/ben was here.txt", text),
        )?;
        line("renamed by identity: no contents were sent again");
        Ok(())
    }

    fn offline(&mut self, lab: &Lab, interrupt: &Interrupt) -> Result<()> {
        chapter(
            &mut self.chapter,
            "Ben's device is off; Ana and Ben both go on working",
        );
        self.ben.device.stop()?;
        line("Ben's daemon is stopped");
        let (of_ana, of_ben) = ("Ana's new plan.\n", "Ben's list, written on a train.\n");
        fs::write(self.ana.at("notes/plan.md"), of_ana)?;
        fs::rename(self.ana.at("drafts"), self.ana.at("drafts of 2026"))?;
        line("Ana saves notes/plan.md and renames drafts/ to \"drafts of 2026\"/");
        fs::write(self.ben.at("notes/list.md"), of_ben)?;
        fs::write(
            self.ben.at("drafts/chapter one.md"),
            "Chapter one, Ben's version.\n",
        )?;
        line("Ben saves notes/list.md and edits \"drafts/chapter one.md\"");
        let start = Instant::now();
        self.ben.device.start()?;
        seen(start.elapsed(), "Ben's device is on again");
        let path = "drafts of 2026/chapter one.md";
        interrupt.until(SOON, "Ana and Ben see each other's work", || {
            self.ben.reads("notes/plan.md", of_ana)
                && self.ana.reads("notes/list.md", of_ben)
                && self.ana.reads(path, "Chapter one, Ben's version.\n")
                && self.ben.reads(path, "Chapter one, Ben's version.\n")
        })?;
        seen(
            start.elapsed(),
            "both have both: Ben's edit sits in the folder that Ana renamed",
        );
        self.level(lab)
    }

    fn at_once(&mut self, lab: &Lab, interrupt: &Interrupt) -> Result<()> {
        chapter(
            &mut self.chapter,
            "Ana and Ben write the same file in the same moment",
        );
        let texts = ["Red, says Ana.\n", "Blue, says Ben.\n"];
        let start = Instant::now();
        fs::write(self.ana.at("colour.bin"), texts[0])?;
        fs::write(self.ben.at("colour.bin"), texts[1])?;
        self.level(lab)?;
        let mut shown = Vec::new();
        interrupt.until(SOON, "all show the same", || {
            let trees = self.people().map(|person| Tree::read(&person.place));
            let [Ok(ana), Ok(ben), Ok(cleo)] = trees else {
                return false;
            };
            shown = ana
                .iter()
                .filter(|(path, _)| path.starts_with("colour"))
                .filter_map(|(path, _)| {
                    Some((path.to_owned(), fs::read_to_string(self.ana.at(path)).ok()?))
                })
                .collect();
            ana == ben && ben == cleo
        })?;
        seen(
            start.elapsed(),
            "all three show the same, and nothing that was written is gone:",
        );
        for (path, text) in shown {
            line(&format!(
                "  {path}: {}",
                text.trim_end().replace('\n', " / ")
            ));
        }
        Ok(())
    }

    fn level(&self, lab: &Lab) -> Result<()> {
        let [ana, ben, cleo] = self.people();
        lab.converge(&[&ana.device, &ben.device, &cleo.device], &self.drive)?;
        Ok(())
    }

    fn compare(&mut self, lab: &Lab) -> Result<()> {
        chapter(&mut self.chapter, "What each of them has now");
        self.level(lab)?;
        let trees = self.people().map(|person| Tree::read(&person.place));
        let [ana, ben, cleo] = trees;
        let ana = ana?;
        ana.same_as(&ben?)
            .context("Ben's folder differs from Ana's")?;
        ana.same_as(&cleo?)
            .context("what Cleo sees differs from Ana's folder")?;
        for person in self.people() {
            let status = person.device.status(&self.drive)?;
            let usage = person.device.usage()?;
            line(&format!(
                "{:<5} {} files, {}, view {}, {} MB of memory",
                person.name,
                count(status.files),
                bytes(status.bytes),
                head(&status.view_hash, 12),
                usage.resident / 1_000_000,
            ));
        }
        line("every byte in all three places compared: the same");
        Ok(())
    }

    /// Says where each of them is to be seen in a browser.
    pub(crate) fn addresses(&self) -> Result<()> {
        println!(
            "\nIn a browser, each device as its person sees it (an address is good once, for two minutes):\n"
        );
        for person in self.people() {
            let asked: serde_json::Value = person.device.call(&["ui", "--no-open"])?.json()?;
            let url = asked["url"].as_str().context("no address")?;
            println!("   {:<5} {url}", person.name);
        }
        println!("\n   {}  gives another", plainly(&self.ana.device, &["ui"]));
        Ok(())
    }

    /// Says where everything is.
    pub(crate) fn invite_to_play(&self) {
        println!(
            "\nAll three devices go on running. Change something in one place and look at the others:\n"
        );
        for person in self.people() {
            let how = if self.mounted && person.name == "Cleo" {
                "mounted"
            } else {
                "folder"
            };
            println!("   {:<5} {how:<8} {}", person.name, person.place.display());
        }
        println!("\n   {}", plainly(&self.ana.device, &["status"]));
    }
}

/// A command of a device as a person would give it.
fn plainly(device: &Device, words: &[&str]) -> String {
    let command = device.command(words);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .filter(|word| *word != "--json")
        .map(quoted)
        .collect();
    words.join(" ")
}

/// The sample: real sources, and a few notes.
fn sample(folder: &Path, files: usize) -> Result<()> {
    sources(&folder.join("sources"), files)?;
    for (path, text) in [
        ("README.md", "# Workshop\n\nShared by Ana.\n"),
        ("notes/plan.md", "The plan.\n"),
        ("drafts/chapter one.md", "Chapter one.\n"),
        ("drafts/chapter two.md", "Chapter two.\n"),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("in a folder")?)?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// The first letters.
fn head(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect()
}

fn quoted(word: &std::ffi::OsStr) -> String {
    let word = word.to_string_lossy();
    if word.contains(' ') {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}
