//! The provider on a scripted transport.
