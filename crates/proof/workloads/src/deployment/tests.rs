//! One pass at a time, as a person would read it.
