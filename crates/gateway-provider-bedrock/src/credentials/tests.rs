//! Every place where credentials come from.
