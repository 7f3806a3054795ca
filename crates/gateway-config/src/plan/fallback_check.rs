//! Whether fallbacks lead somewhere, and nowhere back.

use std::collections::{HashMap, HashSet};

use super::context::Context;
use super::endpoint::Endpoint;
use super::names::Names;
use super::task::task_name;
use crate::diagnostic::{Diagnostic, Kind, Problems, alternatives, shown};
use crate::file::item::Item;

/// The most names of a loop in a message.
const MOST_OF_LOOP: usize = 20;

/// An endpoint of the plan and the text it was made from.
pub(crate) type Written<'n> = (Endpoint, Item<'n>);

/// Checks that every fallback exists, does the same as the endpoint it stands in for, and that none leads back.
pub(crate) fn check(endpoints: &[Written<'_>], names: &Names, context: &mut Context<'_>) {
    for (endpoint, item) in endpoints {
        let Some(list) = item.get("fallback") else {
            continue;
        };
        for at in list.one_or_many() {
            check_one(endpoint, &at, names, context.problems);
        }
    }
    for (closing, path) in loops(endpoints) {
        let Some(list) = closing.get("fallback") else {
            continue;
        };
        let message = format!(
            "the fallback leads back to where it began: {}",
            path.join(" → ")
        );
        let diagnostic = Diagnostic::error(Kind::Value, list.place(), message).at(&list.path);
        context.problems.push(diagnostic);
    }
}

fn check_one(endpoint: &Endpoint, at: &Item<'_>, names: &Names, problems: &mut Problems) {
    let Some(name) = at.text() else { return };
    let Some(target) = names.endpoint(name) else {
        if !problems.lists_errors() {
            problems.count_error();
            return;
        }
        let message = format!("there is no endpoint '{}' to fall back to", shown(name));
        let known = names.endpoints();
        let diagnostic = Diagnostic::error(Kind::Value, at.place(), message)
            .at(&at.path)
            .allowed(alternatives(known.iter().copied()))
            .near(name, known);
        problems.push(diagnostic);
        return;
    };
    if let Some(operation) = target.operation
        && operation != endpoint.operation
    {
        let message = format!(
            "the fallback '{}' has the type '{}', but '{}' has '{}'",
            shown(name),
            task_name(operation),
            endpoint.name,
            task_name(endpoint.operation)
        );
        problems.push(Diagnostic::error(Kind::Value, at.place(), message).at(&at.path));
    }
}

/// Every loop of fallbacks, once: the endpoint whose fallback closes it, and the way around.
fn loops<'e, 'n>(endpoints: &'e [Written<'n>]) -> Vec<(&'e Item<'n>, Vec<&'e str>)> {
    let by_name: HashMap<&str, &Written<'n>> = endpoints
        .iter()
        .map(|written| (written.0.name.as_str(), written))
        .collect();
    let mut done: HashSet<&str> = HashSet::new();
    let mut found = Vec::new();
    for start in endpoints {
        // The way from the start to where we are, each with the fallbacks that are still to be followed.
        let mut way = vec![(start, start.0.fallback.iter())];
        if !done.insert(start.0.name.as_str()) {
            continue;
        }
        let mut on_way: HashSet<&str> = HashSet::from([start.0.name.as_str()]);
        while let Some((here, rest)) = way.last_mut() {
            let here = *here;
            let Some(name) = rest.next() else {
                on_way.remove(here.0.name.as_str());
                way.pop();
                continue;
            };
            let name = name.as_str();
            if on_way.contains(name) {
                let names = way.iter().map(|(written, _)| written.0.name.as_str());
                let around = names.skip_while(|known| *known != name);
                let mut path: Vec<&str> = around.take(MOST_OF_LOOP).collect();
                if path.len() == MOST_OF_LOOP {
                    path.push("...");
                }
                path.extend(path.first().copied());
                found.push((&here.1, path));
            } else if let Some(next) = by_name.get(name).copied()
                && done.insert(next.0.name.as_str())
            {
                on_way.insert(next.0.name.as_str());
                way.push((next, next.0.fallback.iter()));
            }
        }
    }
    found
}
