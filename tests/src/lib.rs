//! Several real devices at once.
