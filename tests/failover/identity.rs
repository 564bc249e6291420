//! A source that is not what it was.
