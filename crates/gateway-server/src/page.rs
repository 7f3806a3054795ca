//! `providers`: the page of the reference that is about providers.

use std::fmt::Write as _;

use gateway_core::Registry;
use gateway_core::schema::{Operation, OptionKind};

const COLUMNS: [(&str, Operation); 5] = [
    ("chat", Operation::Chat),
    ("completions", Operation::Completion),
    ("embeddings", Operation::Embedding),
    ("rerank", Operation::Rerank),
    ("token counts", Operation::CountTokens),
];

/// All providers: a table of what each can be asked, then the settings of each.
pub(crate) fn providers(registry: &Registry) -> String {
    let mut page = String::from(
        "# Providers\n\n\
         What this program was built with, as `gateway-server providers` prints it. The name stands under \
         `model.provider` of an endpoint, its settings under `model.config`. Whatever a provider cannot be asked is \
         refused before anything is sent.\n\n| provider | vendor |",
    );
    for (title, _) in COLUMNS {
        let _ = write!(page, " {title} |");
    }
    page.push_str("\n|---|---|");
    page.push_str(&"---|".repeat(COLUMNS.len()));
    page.push('\n');
    for factory in registry {
        let anchor: String = factory
            .name
            .chars()
            .filter(|letter| *letter != '.')
            .collect();
        let _ = write!(
            page,
            "| [`{}`](#{anchor}) | {} |",
            factory.name, factory.display_name
        );
        for (_, operation) in COLUMNS {
            let has = factory.operations.contains(&operation);
            page.push_str(if has { " yes |" } else { " |" });
        }
        page.push('\n');
    }
    for factory in registry {
        let _ = write!(page, "\n## {}\n\n{}.", factory.name, factory.display_name);
        if !factory.aliases.is_empty() {
            let also: Vec<String> = factory
                .aliases
                .iter()
                .map(|alias| format!("`{alias}`"))
                .collect();
            let _ = write!(page, " Also written {}.", also.join(", "));
        }
        page.push('\n');
        if factory.options.is_empty() {
            page.push_str("\nNo settings.\n");
            continue;
        }
        page.push_str("\n| setting | holds | required | |\n|---|---|---|---|\n");
        for option in factory.options {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} |",
                option.name,
                kind(option.kind),
                if option.required { "yes" } else { "" },
                option.doc.replace('|', "\\|")
            );
        }
    }
    page
}

const fn kind(kind: OptionKind) -> &'static str {
    match kind {
        OptionKind::Secret => "a credential",
        OptionKind::Integer => "a whole number",
        OptionKind::Number => "a number",
        OptionKind::Bool => "true or false",
        OptionKind::List => "a list",
        OptionKind::Map => "a map",
        OptionKind::Maps => "a list of maps",
        OptionKind::Text => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::providers;

    #[test]
    fn every_provider_and_every_setting_is_on_the_page() {
        let registry = crate::providers();
        let page = providers(&registry);
        for factory in &registry {
            assert!(page.contains(&format!("\n## {}\n", factory.name)));
            for option in factory.options {
                assert!(page.contains(&format!("| `{}` |", option.name)));
            }
        }
        assert!(page.lines().all(|line| !line.contains("  |  ")));
    }
}
