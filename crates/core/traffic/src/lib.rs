//! Traffic routers: intent and existing objects to writes.
