//! For tests: scripted transport, manual clock, conformance suites.
