//! Names of keys and values: how a list of them is told, and which one a misspelt one was probably meant to be.

/// The keys that a table may hold, each once: one that may be spelled with underscores too is listed with dashes only.
pub fn known<'a>(others: &[&'a str], expected: &[&'a str]) -> Vec<&'a str> {
    let mut listed: Vec<&str> = Vec::new();
    for name in others.iter().chain(expected) {
        let is_other_spelling = expected.contains(&&*name.replace('_', "-")) && name.contains('_');
        if !is_other_spelling && !listed.contains(name) {
            listed.push(name);
        }
    }
    listed
}

/// The name that was probably meant: it differs in at most half of its letters.
pub fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '.'], "_");
    let found = plain(found);
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&found, &plain(name)), *name))
        .filter(|(distance, name)| distance * 2 <= name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to add to a message where a name was probably meant; empty if none was.
pub fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}
