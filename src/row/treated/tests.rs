//! Tests of treated images.
