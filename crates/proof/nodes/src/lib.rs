//! The node double: pods that schedule, become Ready, fail on demand and serve real HTTP.
