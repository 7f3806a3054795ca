//! What other providers call the tools of a request.
//!
//! Others have functions only, in one list. A tool of a namespace gets a name made of both, in the way clients join them
//! where they must (`crm__find`), as short as every provider takes it; the tools that are built into the API get the name
//! of their type. Names that would meet are told apart by a sum at their end, so that every name finds its way back.

use std::collections::HashSet;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::node::Node;
use crate::{ToolForm, ToolKind};

/// The longest name that every provider takes.
const LONGEST: usize = 64;

/// The tools of a request, by what the client and what other providers call them.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<ToolForm>);

impl Names {
    /// The names of the tools that stand in the request's own list and in the items of its input.
    pub(super) fn of(tools: Option<&Node<'_>>, input: Option<&Node<'_>>) -> Self {
        let mut forms: Vec<ToolForm> = Vec::new();
        let mut add = |namespace: Option<&str>, own: &str, kind: ToolKind| {
            let is_known = |form: &ToolForm| {
                form.own == own && form.namespace.as_deref() == namespace && form.kind == kind
            };
            if !forms.iter().any(is_known) {
                let mut form = ToolForm::new(own, kind);
                form.namespace = namespace.map(str::to_owned);
                forms.push(form);
            }
        };
        let items = items(input).filter_map(|item| item.get("tools"));
        for list in tools.into_iter().chain(items) {
            declared(list, &mut add);
        }
        let is_plain = |form: &ToolForm| {
            form.namespace.is_none() && matches!(form.kind, ToolKind::Function | ToolKind::Custom)
        };
        let plain = forms.iter().filter(|form| is_plain(form));
        let mut taken: HashSet<String> = plain.map(|form| form.name.clone()).collect();
        for form in forms.iter_mut().filter(|form| !is_plain(form)) {
            form.name = flat(form.namespace.as_deref(), &form.own);
            if !taken.insert(form.name.clone()) {
                form.name = told_apart(&form.name, form.namespace.as_deref(), &form.own);
                taken.insert(form.name.clone());
            }
        }
        Self(forms)
    }

    /// What other providers call a tool, known here or not.
    pub(super) fn name(&self, namespace: Option<&str>, own: &str, kind: ToolKind) -> String {
        let known = self.0.iter().find(|form| {
            form.own == own && form.namespace.as_deref() == namespace && form.kind == kind
        });
        known.map_or_else(|| flat(namespace, own), |form| form.name.clone())
    }

    /// What a choice of tools means by a name: a tool of no namespace, or the only one of its name.
    pub(super) fn chosen(&self, namespace: Option<&str>, own: &str) -> String {
        let fits = |form: &&ToolForm| {
            form.own == own && (namespace.is_none() || form.namespace.as_deref() == namespace)
        };
        let found = self
            .0
            .iter()
            .find(|form| fits(form) && form.namespace.as_deref() == namespace)
            .or_else(|| self.0.iter().find(fits));
        found.map_or_else(|| flat(namespace, own), |form| form.name.clone())
    }

    /// The tools of a namespace.
    pub(super) fn within(&self, namespace: &str) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(move |form| form.namespace.as_deref() == Some(namespace))
            .map(|form| form.name.clone())
    }
}

/// The tools whose calls do not come back as those of a plain function, in the texts of `tools` and `input`.
pub fn tool_forms(tools: Option<&[u8]>, input: Option<&[u8]>) -> Vec<ToolForm> {
    static IN_TOOLS: LazyLock<[Finder<'static>; 4]> =
        LazyLock::new(|| ["custom", "namespace", "local_shell", "tool_search"].map(Finder::new));
    static IN_INPUT: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| ["\"tool_search_output\"", "\"additional_tools\""].map(Finder::new));
    let has =
        |text: &[u8], marks: &[Finder<'_>]| marks.iter().any(|mark| mark.find(text).is_some());
    let input = input.filter(|text| has(text, &*IN_INPUT));
    if input.is_none() && !tools.is_some_and(|text| has(text, &*IN_TOOLS)) {
        return Vec::new();
    }
    let read = |text| serde_json::from_slice::<Node<'_>>(text).ok();
    let tools = tools.and_then(read);
    let input = input.and_then(read);
    let differs = |form: &ToolForm| form.kind != ToolKind::Function || form.namespace.is_some();
    let Names(forms) = Names::of(tools.as_ref(), input.as_ref());
    forms.into_iter().filter(differs).collect()
}

/// The items that declare tools.
fn items<'n, 'a>(input: Option<&'n Node<'a>>) -> impl Iterator<Item = &'n Node<'a>> {
    let list = match input {
        Some(Node::List(list)) => list.as_slice(),
        _ => &[],
    };
    list.iter().filter(|item| {
        let kind = item.get("type").and_then(Node::as_text);
        matches!(kind, Some("tool_search_output" | "additional_tools"))
    })
}

/// Tells every tool of a list that can be called.
fn declared(list: &Node<'_>, add: &mut impl FnMut(Option<&str>, &str, ToolKind)) {
    let Node::List(list) = list else { return };
    let text =
        |node: &Node<'_>, key: &str| node.get(key).and_then(Node::as_text).map(str::to_owned);
    for tool in list {
        match kind(tool) {
            Some(kind @ (ToolKind::Function | ToolKind::Custom)) => {
                if let Some(name) = text(tool, "name") {
                    add(None, &name, kind);
                }
            }
            Some(kind) => add(None, built_in(kind), kind),
            None => {
                let namespace = text(tool, "name");
                let (Some(namespace), Some(Node::List(tools))) = (namespace, tool.get("tools"))
                else {
                    continue;
                };
                for tool in tools {
                    if let (Some(name), Some(kind)) = (text(tool, "name"), kind(tool)) {
                        add(Some(&namespace), &name, kind);
                    }
                }
            }
        }
    }
}

/// How a tool is called; `None` for whatever is not called, or not by the client.
pub(super) fn kind(tool: &Node<'_>) -> Option<ToolKind> {
    match tool.get("type").and_then(Node::as_text)? {
        "function" => Some(ToolKind::Function),
        "custom" => Some(ToolKind::Custom),
        "local_shell" => Some(ToolKind::LocalShell),
        "tool_search" => {
            let by_client = tool.get("execution").and_then(Node::as_text) == Some("client");
            by_client.then_some(ToolKind::ToolSearch)
        }
        _ => None,
    }
}

/// What a tool without a name of its own is called.
pub(super) const fn built_in(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::ToolSearch => "tool_search",
        _ => "local_shell",
    }
}

/// One name of a namespace's and a tool's.
fn flat(namespace: Option<&str>, own: &str) -> String {
    let Some(namespace) = namespace else {
        return own.to_owned();
    };
    let between = if namespace.ends_with("__") { "" } else { "__" };
    let joined = format!("{namespace}{between}{own}");
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if joined.len() <= LONGEST && joined.chars().all(is_plain) {
        return joined;
    }
    let plain: String = joined
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '_' })
        .collect();
    told_apart(&plain, Some(namespace), own)
}

/// A name with a sum of what it stands for at its end.
fn told_apart(name: &str, namespace: Option<&str>, own: &str) -> String {
    // FNV-1a: the same in every process, so that a history finds the names of earlier turns.
    let bytes = namespace
        .unwrap_or_default()
        .bytes()
        .chain([0])
        .chain(own.bytes());
    let sum = bytes.fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let kept: String = name.chars().take(LONGEST - 9).collect();
    format!("{kept}_{sum:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(tools: &str) -> Vec<(String, Option<String>, String)> {
        let forms = tool_forms(Some(tools.as_bytes()), None).into_iter();
        forms.map(|it| (it.name, it.namespace, it.own)).collect()
    }

    #[test]
    fn every_name_is_short_and_plain_and_finds_its_way_back() {
        let long = "l".repeat(70);
        let tools = format!(
            r#"[{{"type":"namespace","name":"crm","tools":[{{"type":"function","name":"find"}},{{"type":"custom","name":"note"}}]}},
            {{"type":"namespace","name":"mcp__git__","tools":[{{"type":"function","name":"find"}}]}},
            {{"type":"namespace","name":"mcp__git","tools":[{{"type":"function","name":"find"}},{{"type":"function","name":"{long}"}}]}},
            {{"type":"namespace","name":"a/b","tools":[{{"type":"function","name":"c.d"}}]}},
            {{"type":"function","name":"crm__find"}},{{"type":"local_shell"}},{{"type":"web_search"}}]"#
        );
        let found = forms(&tools);
        let names: HashSet<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names.len(), found.len());
        assert_eq!(found.len(), 7);
        for (name, ..) in &found {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            assert!(
                name.len() <= LONGEST && name.bytes().all(is_plain),
                "{name}"
            );
        }
        // A function of that name was there before.
        assert!(!names.contains("crm__find"));
        assert!(names.contains("mcp__git__find") && names.contains("crm__note"));
    }

    #[test]
    fn plain_functions_are_no_forms_and_tools_loaded_on_the_way_are() {
        assert!(forms(r#"[{"type":"function","name":"custom"}]"#).is_empty());
        let input = br#"[{"type":"tool_search_output","call_id":"c","tools":[{"type":"namespace","name":"n","tools":[
            {"type":"function","name":"f"}]}]}]"#;
        let found = tool_forms(None, Some(input));
        assert_eq!((found.len(), found[0].name.as_str()), (1, "n__f"));
    }
}
