//! Conformance of providers.
