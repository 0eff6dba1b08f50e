//! What is to be reached, and whether it is. Knows names and numbers, and not how they came about.

use super::Report;
use crate::bench::figure::{Part, Value, median_words, spread};
use crate::bench::work::Work;

/// One thing to be reached.
struct Aim {
    work: Work,
    place: &'static str,
    wanted: Wanted,
}

enum Wanted {
    /// The time of one, measured in that of another.
    Ratio {
        of: &'static str,
        to: &'static str,
        bound: Bound,
    },
    /// A figure by itself.
    Most {
        of: &'static str,
        part: Part,
        most: Value,
    },
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

const fn ratio(
    work: Work,
    place: &'static str,
    of: &'static str,
    to: &'static str,
    bound: Bound,
) -> Aim {
    let wanted = Wanted::Ratio { of, to, bound };
    Aim {
        work,
        place,
        wanted,
    }
}

const fn most(work: Work, of: &'static str, part: Part, most: Value) -> Aim {
    let wanted = Wanted::Most { of, part, most };
    Aim {
        work,
        place: "disk",
        wanted,
    }
}

use Bound::{AtLeast, AtMost};
use Part::{Beside, Main};
use Value::{Above, Bytes, Seconds};

const RSYNC: &str = "`rsync -a`";
const DEFAULT: &str = "Syncthing";
const TUNED: &str = "Syncthing, tuned";
const OURS: &str = "PeerDrive";
const MOUNTS: &str = "PeerDrive, mounts";

const AIMS: [Aim; 16] = [
    ratio(Work::ManyFiles, "disk", DEFAULT, OURS, AtLeast(7.0)),
    ratio(Work::ManyFiles, "disk", TUNED, OURS, AtLeast(1.0)),
    ratio(Work::ManyFiles, "disk", OURS, RSYNC, AtMost(3.5)),
    ratio(Work::SourceTree, "disk", TUNED, OURS, AtLeast(5.0)),
    ratio(Work::SourceTree, "disk", OURS, RSYNC, AtMost(2.0)),
    ratio(Work::OneFile, "memory", TUNED, OURS, AtLeast(1.5)),
    // 0.75 of its rate.
    ratio(Work::OneFile, "disk", OURS, "`cp -a`", AtMost(1.0 / 0.75)),
    most(Work::Insertion, OURS, Beside, Bytes(8_388_608.0)),
    most(Work::Rename, OURS, Main, Seconds(0.060)),
    most(Work::Edit, OURS, Main, Seconds(0.035)),
    most(Work::Edit, MOUNTS, Main, Seconds(0.010)),
    most(Work::Apart, OURS, Main, Seconds(3.0)),
    most(Work::Existing, OURS, Main, Seconds(10.0)),
    ratio(Work::Existing, "disk", OURS, TUNED, AtMost(0.25)),
    most(Work::Disk, OURS, Main, Above(15.0)),
    most(Work::Disk, OURS, Beside, Above(15.0)),
];

/// What is to be reached of what was measured, one sentence each.
pub(super) fn verdicts(report: &Report) -> Vec<String> {
    AIMS.iter().filter_map(|aim| aim.verdict(report)).collect()
}

impl Aim {
    fn verdict(&self, report: &Report) -> Option<String> {
        let figures = |of: &str| report.figures(of, self.work, self.place);
        let id = self.work.id();
        let (said, reached) = match &self.wanted {
            Wanted::Ratio { of, to, bound } => {
                let time = |of: &str| Some(spread(&figures(of), Main)?[1].number());
                let measured = time(of)? / time(to)?;
                let (words, number, reached) = match *bound {
                    AtLeast(least) => ("at least", least, measured >= least),
                    AtMost(most) => ("at most", most, measured <= most),
                };
                let number = (number * 100.0).round() / 100.0;
                let place = self.place;
                let said = format!(
                    "{id}, {place}: {of} takes {measured:.2} times as long as {to}; to reach: {words} {number}"
                );
                (said, reached)
            }
            Wanted::Most { of, part, most } => {
                let figures = figures(of);
                let [_, measured, _] = spread(&figures, *part)?;
                let words = median_words(&figures, *part)?;
                let said = format!("{id}: {of}: {words}; to reach: at most {most}");
                (said, measured.number() <= most.number())
            }
        };
        let reached = if reached {
            "reached"
        } else {
            "**not reached**"
        };
        Some(format!("{said}: {reached}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contestant::Contestant;

    #[test]
    fn every_aim_is_of_somebody_who_takes_part() {
        for aim in &AIMS {
            let names = match &aim.wanted {
                Wanted::Ratio { of, to, .. } => vec![of, to],
                Wanted::Most { of, .. } => vec![of],
            };
            for name in names {
                assert!(Contestant::NAMES.contains(name), "{name}");
            }
            assert!(aim.work.at(aim.place), "{}", aim.work.id());
        }
    }
}
