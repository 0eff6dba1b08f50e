//! What the tests of the mount share: a drive in memory, and a real mount of it.

pub(crate) mod memory;
pub(crate) mod mounted;
pub(crate) mod world;

pub(crate) use memory::MemoryVolume;

/// What every test returns.
pub(crate) type TestResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
