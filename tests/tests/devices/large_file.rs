//! A file much larger than the memory a device may use for it.

use std::fs::File;
use std::io::BufWriter;
use std::time::Instant;

use anyhow::{Result, ensure};
use peerdrive_tests::{Lab, Random};

use crate::{long_form, together};

/// What a device may have resident at most, whatever the file.
const MEMORY: u64 = 300 << 20;

#[test]
fn a_file_larger_than_memory_allows_crosses_with_flat_memory() -> Result<()> {
    let size: u64 = if long_form() { 2 << 30 } else { 512 << 20 };
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        Random::new(11).write(
            size,
            &mut BufWriter::new(File::create(hers.join("film.bin"))?),
        )?;
        let start = Instant::now();
        together(lab, &ana, &ben, &hers, &his)?;
        let took = start.elapsed();
        for device in [&ana, &ben] {
            let usage = device.usage()?;
            println!(
                "{}: at most {} MiB resident, {:?} of processor time, for {} MiB sent and compared in {took:?}",
                device.name(),
                usage.peak >> 20,
                usage.processor,
                size >> 20,
            );
            ensure!(
                usage.peak < MEMORY,
                "{} had {} MiB resident",
                device.name(),
                usage.peak >> 20
            );
        }
        Ok(())
    })
}
