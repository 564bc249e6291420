//! Counters of one connector, shared by the stages that count and the page that shows them.
