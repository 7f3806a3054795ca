//! Tests on recorded traffic and on made-up values.
