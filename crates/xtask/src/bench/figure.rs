//! What is measured: times, bytes, and shares of a disk; and how each is written for people. Knows
//! nothing of who measured.

use std::fmt;

/// One number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// A time.
    Seconds(f64),
    /// An amount.
    Bytes(f64),
    /// More than something else, in hundredths of that.
    Above(f64),
}

impl Value {
    /// The number alone.
    pub(crate) fn number(self) -> f64 {
        match self {
            Self::Seconds(number) | Self::Bytes(number) | Self::Above(number) => number,
        }
    }

    /// Another number in the same unit.
    fn with(self, number: f64) -> Self {
        match self {
            Self::Seconds(_) => Self::Seconds(number),
            Self::Bytes(_) => Self::Bytes(number),
            Self::Above(_) => Self::Above(number),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: f64 = 1_048_576.0;
        match *self {
            Self::Seconds(s) if s < 0.0995 => write!(f, "{:.1} ms", s * 1e3),
            Self::Seconds(s) if s < 0.995 => write!(f, "{:.0} ms", s * 1e3),
            Self::Seconds(s) if s < 99.95 => write!(f, "{s:.2} s"),
            Self::Seconds(s) => write!(f, "{s:.0} s"),
            Self::Bytes(b) if b < 0.995 * MIB => write!(f, "{:.0} KiB", b / 1024.0),
            Self::Bytes(b) if b < 99.95 * MIB => write!(f, "{:.1} MiB", b / MIB),
            Self::Bytes(b) => write!(f, "{:.0} MiB", b / MIB),
            Self::Above(percent) => write!(f, "{percent:+.1} %"),
        }
    }
}

/// One result.
#[derive(Clone, Debug)]
pub(crate) enum Figure {
    /// One time, in seconds.
    Seconds(f64),
    /// Many times of the same small thing: median, 99th percentile (the worst, if there are fewer than
    /// a hundred), and how many.
    Times { p50: f64, p99: f64, count: usize },
    /// One time, and what crossed the wire meanwhile.
    Carried { seconds: f64, wire: u64 },
    /// What a shared folder takes at both ends, above what its plain files take, in hundredths of that.
    Disk { sharer: f64, keeper: f64 },
    /// It did not work out.
    Failed(String),
}

/// Which of the two numbers that a figure may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The one that stands for it.
    Main,
    /// The other one.
    Beside,
}

impl Figure {
    /// From many times.
    pub(crate) fn times(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |part: usize| {
            times.get(((times.len() * part) / 100).min(times.len().saturating_sub(1)))
        };
        Self::Times {
            p50: at(50).copied().unwrap_or(f64::NAN),
            p99: at(99).copied().unwrap_or(f64::NAN),
            count: times.len(),
        }
    }

    /// One of its numbers, if it has it.
    pub(crate) fn value(&self, part: Part) -> Option<Value> {
        let (main, beside) = match self {
            Self::Seconds(seconds) => (Value::Seconds(*seconds), None),
            Self::Times { p50, p99, .. } => (Value::Seconds(*p50), Some(Value::Seconds(*p99))),
            Self::Carried { seconds, wire } => {
                (Value::Seconds(*seconds), Some(Value::Bytes(*wire as f64)))
            }
            Self::Disk { sharer, keeper } => (Value::Above(*sharer), Some(Value::Above(*keeper))),
            Self::Failed(_) => return None,
        };
        match part {
            Part::Main => Some(main),
            Part::Beside => beside,
        }
    }

    /// A value of that part of such figures, with the words that say what it is.
    fn words(&self, part: Part, value: Value) -> String {
        match (self, part) {
            (Self::Disk { .. }, Part::Main) => format!("{value} at the sharer"),
            (Self::Disk { .. }, Part::Beside) => format!("{value} at the keeper"),
            (Self::Times { .. }, Part::Beside) => format!("p99 {value}"),
            (Self::Carried { .. }, Part::Beside) => format!("{value} on the wire"),
            _ => value.to_string(),
        }
    }
}

/// The least, the middle and the most of one number of equal figures, if any has it.
pub(crate) fn spread(figures: &[&Figure], part: Part) -> Option<[Value; 3]> {
    let mut values: Vec<Value> = figures.iter().filter_map(|f| f.value(part)).collect();
    values.sort_by(|one, two| one.number().total_cmp(&two.number()));
    let (least, most) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        least.with((values[middle - 1].number() + values[middle].number()) / 2.0)
    };
    Some([least, median, most])
}

/// The middle one in words.
pub(crate) fn median_words(figures: &[&Figure], part: Part) -> Option<String> {
    let [_, median, _] = spread(figures, part)?;
    let one = figures.iter().find(|figure| figure.value(part).is_some())?;
    Some(one.words(part, median))
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Failed(why) = self {
            return write!(f, "failed: {why}");
        }
        let words: Vec<String> = [Part::Main, Part::Beside]
            .into_iter()
            .filter_map(|part| Some(self.words(part, self.value(part)?)))
            .collect();
        write!(f, "{}", words.join(", "))?;
        if let Self::Times { count, .. } = self {
            write!(f, " of {count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_of_few_times_is_the_worst_of_them() {
        let figure = Figure::times(vec![3.0, 1.0, 2.0]);
        assert_eq!(figure.value(Part::Main), Some(Value::Seconds(2.0)));
        assert_eq!(figure.value(Part::Beside), Some(Value::Seconds(3.0)));
        assert_eq!(figure.to_string(), "2.00 s, p99 3.00 s of 3");
    }

    #[test]
    fn a_number_is_written_with_its_unit_and_three_figures_or_so() {
        let written = |value: Value| value.to_string();
        assert_eq!(written(Value::Seconds(0.0123)), "12.3 ms");
        assert_eq!(written(Value::Seconds(0.996)), "1.00 s");
        assert_eq!(written(Value::Seconds(123.4)), "123 s");
        assert_eq!(written(Value::Bytes(2048.0)), "2 KiB");
        assert_eq!(written(Value::Bytes(8_388_608.0)), "8.0 MiB");
        assert_eq!(written(Value::Bytes(734_003_200.0)), "700 MiB");
        assert_eq!(written(Value::Above(4.04)), "+4.0 %");
        assert_eq!(written(Value::Above(-0.5)), "-0.5 %");
    }

    #[test]
    fn what_a_second_number_means_is_said() {
        let carried = Figure::Carried {
            seconds: 1.5,
            wire: 3 << 20,
        };
        assert_eq!(carried.to_string(), "1.50 s, 3.0 MiB on the wire");
        let disk = Figure::Disk {
            sharer: 2.0,
            keeper: 12.5,
        };
        let both = "+2.0 % at the sharer, +12.5 % at the keeper";
        assert_eq!(disk.to_string(), both);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two_and_failures_do_not_count() {
        let carried = |wire| Figure::Carried { seconds: 1.0, wire };
        let all = [
            carried(4 << 20),
            Figure::Failed("why".to_owned()),
            carried(1 << 20),
            carried(2 << 20),
            carried(9 << 20),
        ];
        let all: Vec<&Figure> = all.iter().collect();
        let mib = |number: f64| Value::Bytes(number * 1_048_576.0);
        let wanted = [mib(1.0), mib(3.0), mib(9.0)];
        assert_eq!(spread(&all, Part::Beside), Some(wanted));
        let words = median_words(&all, Part::Beside);
        assert_eq!(words.as_deref(), Some("3.0 MiB on the wire"));
        assert_eq!(spread(&[], Part::Main), None);
    }
}
