//! The rulestage program.

fn main() {}
