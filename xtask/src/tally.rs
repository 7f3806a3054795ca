//! Counts of what passed, failed and was skipped.

use std::fmt;
use std::ops::AddAssign;

/// What a verb found. A check counts as one, a test run as its tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many did what they should.
    pub(crate) passed: u32,
    /// How many did not.
    pub(crate) failed: u32,
    /// How many did not run, for a stated reason.
    pub(crate) skipped: u32,
}

impl Tally {
    /// One check that passed.
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    /// One check that failed.
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    /// One check that was skipped.
    pub(crate) const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    /// One check that passed, or failed.
    pub(crate) const fn check(passed: bool) -> Self {
        if passed { Self::PASSED } else { Self::FAILED }
    }

    /// Reads the counts before the words `passed`, `failed` and `skipped` (or `ignored`) in a test runner's closing
    /// line; nothing when the line has no count of passed tests.
    pub(crate) fn in_line(line: &str) -> Option<Self> {
        let (mut found, mut tally) = (false, Self::default());
        let mut before = 0_u32;
        for word in line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')')) {
            if let Ok(number) = word.parse() {
                before = number;
                continue;
            }
            match word {
                "passed" => (found, tally.passed) = (true, before),
                "failed" | "timed" => tally.failed += before,
                "skipped" | "ignored" => tally.skipped += before,
                _ => continue,
            }
            before = 0;
        }
        found.then_some(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_every_runner_are_read() {
        for (line, passed, failed, skipped) in [
            (
                "     Summary [   0.2s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped",
                10,
                2,
                3,
            ),
            (
                "     Summary [   0.2s] 12 tests run: 10 passed, 1 failed, 1 timed out, 0 skipped",
                10,
                2,
                0,
            ),
            (
                "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
                7,
                0,
                1,
            ),
            ("9 passed, 1 failed, 2 skipped", 9, 1, 2),
        ] {
            assert_eq!(
                Tally::in_line(line),
                Some(Tally {
                    passed,
                    failed,
                    skipped
                }),
                "{line}"
            );
        }
        assert_eq!(Tally::in_line("running 3 tests"), None);
    }
}
