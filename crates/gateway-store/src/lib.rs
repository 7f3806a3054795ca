//! Ports for keys, rates, caches and records, with in-memory implementations.
