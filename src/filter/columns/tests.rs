//! Tests of the rules on columns.
