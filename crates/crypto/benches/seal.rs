//! How fast one core seals and opens chunks of a large file; the figure to reach is 700 MB/s for sealing.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::time::{Duration, Instant};

use peerdrive_crypto::{
    content::{blob_id, open_chunk, seal_chunk},
    epoch::EpochKeys,
    ids::{DriveId, EpochId},
    secret::EpochSecret,
};

const CHUNK: usize = 1 << 20;
const ROUNDS: usize = 512;

/// Time that this process had a core, where the system tells; a busy machine does not count against us.
fn core_time(since: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn megabytes_per_second(spent: Duration) -> f64 {
    (CHUNK * ROUNDS) as f64 / 1e6 / spent.as_secs_f64()
}

fn main() {
    let secret = EpochSecret::from_bytes([3; 32]);
    let keys = EpochKeys::derive(DriveId([1; 32]), EpochId([2; 32]), secret);
    let plain: Vec<u8> = (0..CHUNK).map(|i| (i * 31 % 251) as u8).collect();

    let start = Instant::now();
    let begun = core_time(start);
    let mut sealed = seal_chunk(&keys, &plain);
    for _ in 1..ROUNDS {
        sealed = seal_chunk(&keys, std::hint::black_box(&plain));
    }
    println!(
        "seal: {:.0} MB/s",
        megabytes_per_second(core_time(start) - begun)
    );

    let begun = core_time(start);
    for _ in 0..ROUNDS {
        std::hint::black_box(blob_id(std::hint::black_box(&sealed.bytes)));
    }
    println!(
        "blob id: {:.0} MB/s",
        megabytes_per_second(core_time(start) - begun)
    );

    let begun = core_time(start);
    let mut opened = 0;
    for _ in 0..ROUNDS {
        let plain = open_chunk(
            &keys,
            &sealed.key,
            CHUNK as u64,
            std::hint::black_box(&sealed.bytes),
        );
        opened += plain.map_or(0, |p| p.len());
    }
    println!(
        "open: {:.0} MB/s ({opened} bytes)",
        megabytes_per_second(core_time(start) - begun)
    );
}
