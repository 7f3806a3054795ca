//! The policy layers, one folder each.
