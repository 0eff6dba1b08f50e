//! Random histories of several devices that edit, meet, part, restart and lose messages, made to hit
//! the rules where they hurt; and what must hold after every step of them.

mod device;
mod edits;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Rng, picture};
use device::Device;

/// One thing that happens. Numbers are taken modulo whatever there is to choose from, so that every
/// list of steps is a history and any step can be left out.
#[derive(Clone, Debug)]
pub enum Step {
    /// A device acts on what it sees; the seed says how.
    Edit {
        /// Which device.
        who: usize,
        /// Chooses the edits.
        seed: u64,
    },
    /// A device hears some of what another one knows, in any order, some of it twice.
    Hear {
        /// Who hears.
        who: usize,
        /// Whom it hears.
        from: usize,
        /// Chooses what, and in which order.
        seed: u64,
    },
    /// A device hears everything that another one knows.
    Meet {
        /// Who hears.
        who: usize,
        /// Whom it hears.
        from: usize,
    },
    /// A device keeps a snapshot.
    Keep {
        /// Which device.
        who: usize,
    },
    /// A device restarts from its last snapshot and what it received since.
    Restart {
        /// Which device.
        who: usize,
        /// Whether it goes on under a new log.
        anew: bool,
    },
}

/// A history: how many devices, and what happens.
#[derive(Clone, Debug)]
pub struct Case {
    /// Number of devices, 3 to 7.
    pub devices: usize,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Case {
    /// The history of a seed: a common start, then about `length` steps, mostly edits made apart.
    pub fn generate(seed: u64, length: usize) -> Self {
        let mut rng = Rng::new(seed);
        let devices = 3 + [0, 0, 0, 1, 1, 2, 3, 4][rng.below(8)];
        let mut steps = vec![Step::Edit {
            who: 0,
            seed: edits::START,
        }];
        steps.extend((1..devices).map(|who| Step::Meet { who, from: 0 }));
        for _ in 0..length {
            let (who, from) = (rng.below(devices), rng.below(devices));
            let seed = rng.draw();
            steps.push(match rng.below(100) {
                0..62 => Step::Edit { who, seed },
                62..84 => Step::Hear { who, from, seed },
                84..92 => Step::Meet { who, from },
                92..95 => Step::Keep { who },
                _ => Step::Restart {
                    who,
                    anew: seed.is_multiple_of(3),
                },
            });
        }
        Case { devices, steps }
    }

    /// Plays the history and checks everything after every step.
    ///
    /// # Errors
    /// Says after which step what did not hold.
    pub fn play(&self) -> Result<(), String> {
        let mut devices: Vec<Device> = (0..self.devices).map(Device::new).collect();
        let mut lost_on_purpose = BTreeSet::new();
        for (number, step) in self.steps.iter().enumerate() {
            let who = play_step(&mut devices, step, &mut lost_on_purpose)
                .map_err(|what| format!("step {number}, {step:?}: {what}"))?;
            devices[who]
                .check()
                .map_err(|what| format!("after step {number}, {step:?}: device {who}: {what}"))?;
        }
        meet_all(&mut devices)?;
        agree(&devices)?;
        nothing_lost(&devices, &lost_on_purpose)
    }

    /// Plays the history; a panic counts as a failure.
    pub fn outcome(&self) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| self.play())).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("panic: {}", text.unwrap_or("without words")))
        })
    }

    /// Leaves out steps, larger runs first, for as long as it still fails.
    pub fn shrink(mut self) -> Self {
        let mut run = self.steps.len() / 2;
        while run > 0 {
            let mut at = 0;
            while at < self.steps.len() {
                let mut without = self.clone();
                without.steps.drain(at..(at + run).min(self.steps.len()));
                if without.outcome().is_err() {
                    self = without;
                } else {
                    at += run;
                }
            }
            run /= 2;
        }
        self
    }
}

fn play_step(
    devices: &mut [Device],
    step: &Step,
    lost_on_purpose: &mut BTreeSet<[u8; 32]>,
) -> Result<usize, String> {
    match *step {
        Step::Edit { who, seed } => {
            let who = who % devices.len();
            let shown_elsewhere: Vec<String> = devices
                .iter()
                .flat_map(|device| device.tagged_names())
                .collect();
            devices[who].act(seed, &shown_elsewhere, lost_on_purpose)?;
            Ok(who)
        }
        Step::Hear { who, from, seed } => {
            let (who, from) = (who % devices.len(), from % devices.len());
            let mut rng = Rng::new(seed);
            let told: Vec<usize> = (0..devices[from].known.len())
                .filter(|_| rng.below(3) > 0)
                .collect();
            let mut told: Vec<_> = told
                .into_iter()
                .map(|at| devices[from].known[at].clone())
                .collect();
            for at in (1..told.len()).rev() {
                told.swap(at, rng.below(at + 1));
            }
            if let Some(twice) = rng.pick(&told).cloned() {
                told.push(twice);
            }
            devices[who].hear(told)?;
            Ok(who)
        }
        Step::Meet { who, from } => {
            let (who, from) = (who % devices.len(), from % devices.len());
            let told = devices[from].known.clone();
            devices[who].hear(told)?;
            Ok(who)
        }
        Step::Keep { who } => {
            let who = who % devices.len();
            devices[who].keep();
            Ok(who)
        }
        Step::Restart { who, anew } => {
            let who = who % devices.len();
            devices[who].restart(anew)?;
            Ok(who)
        }
    }
}

fn meet_all(devices: &mut [Device]) -> Result<(), String> {
    for _ in 0..2 {
        for from in 0..devices.len() {
            let told = devices[from].known.clone();
            for device in devices.iter_mut() {
                device.hear(told.clone())?;
            }
        }
    }
    for device in devices.iter_mut() {
        device
            .check()
            .map_err(|what| format!("when all have met: {what}"))?;
    }
    Ok(())
}

/// Equal sets of changes give equal views.
fn agree(devices: &[Device]) -> Result<(), String> {
    let Some((first, rest)) = devices.split_first() else {
        return Ok(());
    };
    let ours = picture(&first.tree)?;
    for device in rest {
        if device.tree.heads() != first.tree.heads() {
            return Err("not everyone has everything".to_owned());
        }
        let theirs = picture(&device.tree)?;
        if theirs != ours {
            return Err(format!("devices differ:\n{}", ours.difference(&theirs)));
        }
    }
    Ok(())
}

/// Every content that a device wrote is in the view, beside it, or in the trash, unless somebody who
/// saw it wrote over it.
fn nothing_lost(devices: &[Device], lost_on_purpose: &BTreeSet<[u8; 32]>) -> Result<(), String> {
    let Some(first) = devices.first() else {
        return Ok(());
    };
    let kept = first.contents_kept();
    for written in devices.iter().flat_map(|device| &device.written) {
        if !kept.contains(written) && !lost_on_purpose.contains(written) {
            return Err(format!("content {:02x?} is gone", &written[..2]));
        }
    }
    Ok(())
}

/// Plays `count` histories from `seed` on, on two threads. Stops at the first that fails.
///
/// # Errors
/// The failure with its seed, and the shortest history found that still fails.
pub fn run_cases(seed: u64, count: u64, length: usize) -> Result<(), String> {
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let worker = || -> Result<(), String> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let seed = seed.wrapping_add(number);
            let case = Case::generate(seed, length);
            if let Err(what) = case.outcome() {
                failed.store(true, Ordering::Relaxed);
                return Err(tell(seed, &what, case));
            }
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(worker);
        let here = worker();
        let there = other
            .join()
            .unwrap_or_else(|_| Err("a thread ended badly".to_owned()));
        here.and(there)
    })
}

fn tell(seed: u64, what: &str, case: Case) -> String {
    let shrunk = case.shrink();
    let mut text = format!("seed {seed} (replay with PEERDRIVE_SEED={seed}): {what}\n");
    let _ = writeln!(text, "shortest history with {} devices:", shrunk.devices);
    for step in &shrunk.steps {
        let _ = writeln!(text, "  {step:?}");
    }
    if let Err(what) = shrunk.outcome() {
        let _ = writeln!(text, "which fails with: {what}");
    }
    text
}
