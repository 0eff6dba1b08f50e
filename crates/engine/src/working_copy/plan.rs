//! What to do, as pure functions of the three trees: what the disk shows of a change (`local`), what
//! the drive makes of it (`decide`), and which steps bring the disk to the drive's view (`out`). No
//! IO, no clock.

pub(super) mod decide;
pub(super) mod local;
pub(super) mod out;
