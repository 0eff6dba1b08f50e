//! Random work.
