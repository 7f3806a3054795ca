//! Checks of settings.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use gateway_provider::{Deps, TargetSpec};
use gateway_schema::{OptionKind, OptionProblem, Options};
use serde_json::{Map, Value, json};

use super::outcome::panic_text;
use super::{Faults, Suite};
use crate::{ManualClock, ScriptedTransport};

const SECRET: &str = "sk-conformance-secret-7d793037";

pub(super) fn check(suite: &Suite, faults: &mut Faults) {
    let factory = &suite.factory;
    let name_is_plain = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
    };
    let mut fault = |text: String| faults.push("settings".to_owned(), &text);
    if !name_is_plain(factory.name) {
        fault(format!("the name {:?} is not lower case", factory.name));
    }
    if factory.operations.is_empty() {
        fault("no operations".to_owned());
    }
    for option in factory.options {
        if option.doc.trim().is_empty() || !name_is_plain(option.name) {
            fault(format!("{}: no documentation or a bad name", option.name));
        }
    }
    for given in suite.options.keys() {
        if !factory.options.iter().any(|option| option.name == given) {
            fault(format!("{given} is used but not among the options"));
        }
    }
    required(suite, faults);
    nonsense(suite, faults);
}

/// Checks and builds with these settings; a panic is the error.
fn problems(
    suite: &Suite,
    spec: &TargetSpec,
    options: &Map<String, Value>,
) -> Result<Vec<OptionProblem>, String> {
    let transport: Arc<ScriptedTransport> = Arc::default();
    let deps = Deps::new(
        transport,
        Arc::new(ManualClock::new()),
        Arc::new(suite.environment.clone()),
    );
    let options = Options::new(options.clone());
    std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut all = (suite.factory.check)(spec, &options);
        if let Err(problems) = (suite.factory.build)(spec, &options, &deps) {
            all.extend(problems);
        }
        all
    }))
    .map_err(|panic| panic_text(panic.as_ref()))
}

fn required(suite: &Suite, faults: &mut Faults) {
    let Some(sample) = suite.samples.first() else {
        return;
    };
    let spec = suite.spec(sample);
    for option in suite.factory.options.iter().filter(|spec| spec.required) {
        let mut options = suite.options.clone();
        options.remove(option.name);
        // The configuration's owner demands required settings too; a provider may leave it to that, but must not build.
        match problems(suite, &spec, &options) {
            Err(panic) => faults.push(
                "settings".to_owned(),
                &format!("panics without {}: {panic}", option.name),
            ),
            Ok(found) if found.is_empty() => faults.push(
                "settings".to_owned(),
                &format!("builds without {}, which is required", option.name),
            ),
            Ok(_) => {}
        }
    }
}

fn nonsense(suite: &Suite, faults: &mut Faults) {
    let Some(sample) = suite.samples.first() else {
        return;
    };
    let spec = suite.spec(sample);
    let values = [
        Value::Null,
        json!(true),
        json!(7),
        json!(-1.5),
        json!(1e300),
        json!(""),
        json!("  "),
        json!("\u{0}\r\n"),
        json!("h\u{e9}llo w\u{f6}rld://"),
        json!([]),
        json!([1, null, {}]),
        json!({}),
        json!({"a": {"b": []}}),
    ];
    let mut secrets = suite.options.clone();
    for option in suite.factory.options {
        if option.kind == OptionKind::Secret {
            secrets.insert(option.name.to_owned(), json!(SECRET));
        }
    }
    for option in suite.factory.options {
        for value in &values {
            let mut options = secrets.clone();
            options.insert(option.name.to_owned(), value.clone());
            match problems(suite, &spec, &options) {
                Err(panic) => faults.push(
                    "settings".to_owned(),
                    &format!("panics with {}: {value}: {panic}", option.name),
                ),
                Ok(found) => {
                    for problem in found {
                        if problem.message.contains(SECRET) || problem.path.contains(SECRET) {
                            faults.push(
                                "settings".to_owned(),
                                &format!("a problem with {} prints a secret", option.name),
                            );
                        }
                    }
                }
            }
        }
    }
}
