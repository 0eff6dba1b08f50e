//! The `peerdrive` command, and the allocator of everything that runs in it.

/// A folder of 100,000 files goes through many short-lived buffers on every core: what the C library's
/// allocator keeps of them for later is about a fifth of the daemon's memory (docs/BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    peerdrive_cli::run(std::env::args_os())
}
