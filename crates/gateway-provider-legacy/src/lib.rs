//! Older APIs that MLflow still offers: Text Generation Inference, AI21 Labs, MosaicML, PaLM.
//!
//! None of them streams here; a stream is refused before anything is sent. On MLflow's own URLs MLflow's conversions
//! apply (a temperature of Text Generation Inference times 50, of PaLM halved); elsewhere values go as they are, and
//! what a vendor has no name for is reported.
//!
//! ```
//! use gateway_provider::Registry;
//!
//! let registry = Registry::new().with_all(gateway_provider_legacy::FACTORIES);
//! assert!(registry.find("huggingface_text_generation_inference").is_some());
//! ```

mod ai21labs;
mod huggingface;
mod mosaicml;
mod options;
mod palm;
mod params;
mod read;
mod wire;

#[cfg(test)]
mod tests;

use gateway_provider::Factory;
use gateway_schema::{Operation, OptionKind, OptionSpec};

use options::Form;

const COMPLETION: &[Operation] = &[Operation::Completion];
const ALL: &[Operation] = &[Operation::Chat, Operation::Completion, Operation::Embedding];

fn any_model(model: Option<&str>, _: Operation) -> Result<(), String> {
    match model {
        Some(_) => Ok(()),
        None => Err("The model needs a name.".to_owned()),
    }
}

const HUGGING_FACE_FORM: Form = Form {
    name: "huggingface-text-generation-inference",
    display_name: "Hugging Face Text Generation Inference",
    operations: COMPLETION,
    key: ("hf_api_key", false),
    base: "hf_server_url",
    default_base: None,
    model: |_, _| Ok(()),
};

/// A server of Hugging Face's Text Generation Inference.
pub const HUGGING_FACE: Factory = Factory {
    name: HUGGING_FACE_FORM.name,
    aliases: &[],
    display_name: HUGGING_FACE_FORM.display_name,
    options: &[
        OptionSpec::required("hf_server_url", OptionKind::Text, "Where the server is."),
        OptionSpec::optional(
            "hf_api_key",
            OptionKind::Secret,
            "The bearer token of a server that wants one. Default: none is sent.",
        ),
    ],
    operations: COMPLETION,
    check: |spec, options| HUGGING_FACE_FORM.check(spec, options),
    build: |spec, options, deps| {
        HUGGING_FACE_FORM.build(huggingface::HuggingFace, spec, options, deps)
    },
};

const AI21_LABS_FORM: Form = Form {
    name: "ai21labs",
    display_name: "AI21Labs",
    operations: COMPLETION,
    key: ("ai21labs_api_key", true),
    base: "ai21labs_api_base",
    default_base: Some("https://api.ai21.com/studio/v1"),
    model: |model, _| match model {
        Some(model) if ai21labs::MODELS.contains(&model) => Ok(()),
        model => Err(format!(
            "An Unsupported AI21Labs model has been specified: '{}'. It serves {}.",
            model.unwrap_or_default(),
            ai21labs::MODELS.join(", ")
        )),
    },
};

/// AI21 Labs' Jurassic-2.
pub const AI21_LABS: Factory = Factory {
    name: AI21_LABS_FORM.name,
    aliases: &[],
    display_name: AI21_LABS_FORM.display_name,
    options: &[
        OptionSpec::required("ai21labs_api_key", OptionKind::Secret, "The API key."),
        OptionSpec::optional(
            "ai21labs_api_base",
            OptionKind::Text,
            "Where the API is. Default: https://api.ai21.com/studio/v1.",
        ),
    ],
    operations: COMPLETION,
    check: |spec, options| AI21_LABS_FORM.check(spec, options),
    build: |spec, options, deps| AI21_LABS_FORM.build(ai21labs::Ai21Labs, spec, options, deps),
};

const MOSAIC_ML_FORM: Form = Form {
    name: "mosaicml",
    display_name: "MosaicML",
    operations: ALL,
    key: ("mosaicml_api_key", true),
    base: "mosaicml_api_base",
    default_base: Some("https://models.hosted-on.mosaicml.hosting"),
    model: |model, operation| {
        any_model(model, operation)?;
        let model = model.unwrap_or_default();
        let chats = model
            .get(..mosaicml::CHAT_MODELS.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(mosaicml::CHAT_MODELS));
        if operation == Operation::Chat && !chats {
            return Err(format!(
                "An invalid model has been specified for the chat route. '{model}'. Ensure the model selected \
                 starts with one of: ['llama2']"
            ));
        }
        Ok(())
    },
};

/// MosaicML's hosted models.
pub const MOSAIC_ML: Factory = Factory {
    name: MOSAIC_ML_FORM.name,
    aliases: &[],
    display_name: MOSAIC_ML_FORM.display_name,
    options: &[
        OptionSpec::required("mosaicml_api_key", OptionKind::Secret, "The API key."),
        OptionSpec::optional(
            "mosaicml_api_base",
            OptionKind::Text,
            "Where the models are. Default: https://models.hosted-on.mosaicml.hosting.",
        ),
    ],
    operations: ALL,
    check: |spec, options| MOSAIC_ML_FORM.check(spec, options),
    build: |spec, options, deps| MOSAIC_ML_FORM.build(mosaicml::MosaicMl, spec, options, deps),
};

const PALM_FORM: Form = Form {
    name: "palm",
    display_name: "PaLM",
    operations: ALL,
    key: ("palm_api_key", true),
    base: "palm_api_base",
    default_base: Some("https://generativelanguage.googleapis.com/v1beta3"),
    model: any_model,
};

/// Google's PaLM.
pub const PALM: Factory = Factory {
    name: PALM_FORM.name,
    aliases: &[],
    display_name: PALM_FORM.display_name,
    options: &[
        OptionSpec::required("palm_api_key", OptionKind::Secret, "The API key."),
        OptionSpec::optional(
            "palm_api_base",
            OptionKind::Text,
            "Where the API is. Default: https://generativelanguage.googleapis.com/v1beta3.",
        ),
    ],
    operations: ALL,
    check: |spec, options| PALM_FORM.check(spec, options),
    build: |spec, options, deps| PALM_FORM.build(palm::Palm, spec, options, deps),
};

/// All of them.
pub const FACTORIES: [Factory; 4] = [HUGGING_FACE, AI21_LABS, MOSAIC_ML, PALM];
