//! Long files and long functions.
//!
//! Production lines count: test modules and files are left out. A file says why it is long in a line of its head that
//! starts with `//! Size:`; a function in a `// Size:` line right above it.

use std::fs;

use super::source::{self, Code};
use crate::failure::Failure;
use crate::shell;
use crate::workspace::{self, Member};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 80;

/// Every file and function over its limit without a reason.
pub(crate) fn check(_: &[Member]) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    for file in workspace::tracked()? {
        let place = file.to_string_lossy().into_owned();
        if source::is_production(&place) {
            findings.extend(judge(
                &place,
                &fs::read_to_string(shell::root().join(&file))?,
            ));
        }
    }
    Ok(findings)
}

fn judge(place: &str, text: &str) -> Vec<String> {
    let code = Code::new(text);
    let mut findings = Vec::new();
    let lines = code.production_lines();
    if lines > FILE_LINES
        && !text
            .lines()
            .take(40)
            .any(|line| line.starts_with("//! Size:"))
    {
        findings.push(format!(
            "{place}: {lines} lines; split it, or give a `//! Size:` reason at its head"
        ));
    }
    for function in code.functions() {
        if function.lines > FUNCTION_LINES && !function.has_reason {
            let (name, line) = (&function.name, function.first_line);
            findings.push(format!("{place}:{line}: `{name}` has {} lines; split it, or give a `// Size:` reason above it", function.lines));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_functions_need_a_reason() {
        let body = "    call();\n".repeat(90);
        let long = format!("/// Doc.\nfn long() {{\n{body}}}\n");
        assert_eq!(judge("a.rs", &long).len(), 1);
        assert_eq!(
            judge("a.rs", &format!("// Size: one table.\n{long}")),
            Vec::<String>::new()
        );
        let file = format!("//! Doc.\n{}", "const A: u8 = 1;\n".repeat(700));
        assert_eq!(judge("a.rs", &file).len(), 1);
        assert_eq!(
            judge("a.rs", &format!("//! Size: a table of data.\n{file}")),
            Vec::<String>::new()
        );
        let tested =
            format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n    fn t() {{\n{body}    }}\n}}\n");
        assert_eq!(judge("a.rs", &tested), Vec::<String>::new());
    }
}
