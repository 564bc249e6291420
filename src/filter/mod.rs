//! The `replicate-*` rules.
