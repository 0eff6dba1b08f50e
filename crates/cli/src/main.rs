//! The `peerdrive` command.
fn main() -> std::process::ExitCode {
    peerdrive_cli::run(std::env::args_os())
}
