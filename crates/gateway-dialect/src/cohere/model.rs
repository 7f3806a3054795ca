//! What a model can do, as far as its name tells.

/// True for models that think before they answer, and take earlier thoughts back.
pub(super) fn thinks(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    model.contains("reasoning") || model.contains("command-a-plus")
}

/// True for embedding models that want to know what the vectors are for.
pub(super) fn wants_input_type(model: &str) -> bool {
    !model.contains("v2.0")
}
