//! rowtap.
