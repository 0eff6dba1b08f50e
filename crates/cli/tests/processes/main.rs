//! The command line as scripts use it: real processes, exit codes, JSON, and the life of the daemon.

mod browser;
mod device;
mod following;
mod life;
mod mistakes;
mod mounting;
mod sharing;
mod troubles;
