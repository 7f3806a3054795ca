//! The surfaces of the gateway: URLs and wire formats in, replies and streams out.
