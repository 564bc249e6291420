//! Everything in the state folder.
