//! Helpers that compiled rules call; linked into a component only when used.
