//! The terminal. A closed pipe is nobody's error.

use std::io::Write;

use crate::log;

/// A line for whoever called the program.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}

/// The same, without waiting for the reader: a gateway serves whether or not somebody reads what it prints.
pub(crate) fn say_later(text: String) {
    // Without a thread nothing is printed; serving matters more.
    drop(
        std::thread::Builder::new()
            .name("gateway-out".to_owned())
            .spawn(move || say(&text)),
    );
}

/// A line about what went wrong. Once there is a log, it goes there and waits for nobody.
pub(crate) fn complain(text: &str) {
    if log::text(text) {
        return;
    }
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}
