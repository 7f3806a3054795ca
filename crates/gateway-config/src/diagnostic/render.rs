//! The form for people.

use std::fmt;

use super::{Diagnostic, Report, Severity};

/// Problems printed in full; a file that is wrong everywhere needs no more.
const SHOWN: usize = 100;

impl Report {
    fn block(&self, diagnostic: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.source)?;
        let (line, column) = diagnostic.place.position();
        if line > 0 {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}: ", diagnostic.severity)?;
        if !diagnostic.path.is_empty() {
            write!(f, "{}: ", diagnostic.path)?;
        }
        writeln!(f, "{}", diagnostic.message)?;
        for (label, text) in [
            ("found", &diagnostic.found),
            ("allowed", &diagnostic.allowed),
            ("help", &diagnostic.help),
        ] {
            if let Some(text) = text {
                let label = format!("{label}:");
                writeln!(f, "    {label:<9}{text}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Errors are never the ones left out.
        let mut room = SHOWN;
        let errors = self.errors().count();
        let mut warnings = SHOWN.saturating_sub(errors);
        for diagnostic in self.diagnostics() {
            let share = match diagnostic.severity {
                Severity::Error => &mut room,
                Severity::Warning => &mut warnings,
            };
            if let Some(left) = share.checked_sub(1) {
                *share = left;
                self.block(diagnostic, f)?;
            }
        }
        let total = self.diagnostics().len().saturating_add(self.unlisted);
        if total > SHOWN {
            writeln!(
                f,
                "{}: and {} more",
                self.source,
                total.saturating_sub(SHOWN)
            )?;
        }
        Ok(())
    }
}
