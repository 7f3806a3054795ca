//! Embed this: the plan and the providers as tower services.
