//! AWS's published vectors.
