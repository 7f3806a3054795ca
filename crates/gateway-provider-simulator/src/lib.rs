//! A provider that answers by itself: deterministic, with faults to order.
