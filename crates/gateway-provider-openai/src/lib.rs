//! OpenAI and Azure OpenAI.
